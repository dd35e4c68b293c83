package StandIn::Uci::Edit;

# Changes of a loaded package. A pointer names the place: {package, section, option, value} as text,
# and {p, s, o} as far as they exist; `complete` when all that is named exists. Unless the pointer is
# `untracked`, a change is also noted in the package's list of changes to stage.

package StandIn::Uci;

use strict;

sub pointer {
    my ($text) = @_;
    my ($path, $value) = split /=/, $text, 2;
    my ($package, $section, $option, $more) = split /\./, $path // '', -1;
    fail(5) if defined $more || ($package // '') !~ /\A[A-Za-z0-9_-]+\z/;
    fail(5) if defined $option && $option !~ /\A[A-Za-z0-9_]+\z/;
    fail(5) if defined $value && $value =~ /[\x00-\x08\x0b\x0c\x0e-\x1f]/;
    my $extended = defined $section && $section !~ /\A[A-Za-z0-9_]+\z/;
    return { package => $package, section => $section, option => $option, value => $value, extended => $extended };
}

# Finds what a path like `demo.@host[-1].name=x` names; loads its package unless one is given.
sub lookup {
    my ($self, $text, $package) = @_;
    my $at = pointer($text);
    $at->{p} = $package // $self->load($at->{package});
    return complete($at);
}

sub complete {
    my ($at) = @_;
    if (defined $at->{section}) {
        $at->{s} = $at->{extended} ? section_at($at->{p}, $at->{section}) : section($at->{p}, $at->{section});
        return $at unless $at->{s};
        $at->{section} = $at->{s}{name};
        if (defined $at->{option}) {
            $at->{o} = find_option($at->{s}, $at->{option});
            return $at unless $at->{o};
        }
    }
    $at->{complete} = 1;
    return $at;
}

sub section_at {
    my ($package, $text) = @_;
    my ($type, $index) = $text =~ /\A@([!-Z\\\]-~]*)\[\s*([+-]?\d*)\]\z/ or fail(2);
    my @candidates = $type eq '' ? @{ $package->{sections} } : sections($package, $type);
    $index = ($index || 0) + 0;
    $index += @candidates if $index < 0;
    return $index < 0 ? undef : $candidates[$index];
}

sub find_option {
    my ($section, $called) = @_;
    for (@{ $section->{options} }) { return $_ if $_->{name} eq $called }
    return undef;
}

sub note {
    my ($at, $sign, %other) = @_;
    return if $at->{untracked} || !$at->{p}{has_delta};
    push @{ $at->{p}{staged} },
        { sign => $sign, section => $at->{section}, option => $at->{option}, value => $at->{value}, %other };
}

# The id of an anonymous section: its number and a hash of its type.
sub anonymous_name {
    my ($number, $type) = @_;
    my $hash = 5381;
    $hash = ($hash * 33 + ord) & 0xffffffff for split //, $type;
    return sprintf 'cfg%02x%04x', $number, $hash & 0xffff;
}

sub add_section {
    my ($package, $type, $name, $tracked) = @_;
    my $anonymous = ($name // '') eq '';
    my $number = ++$package->{count};
    $name = anonymous_name($number, $type) if $anonymous;
    my $section = { name => $name, type => $type, anonymous => $anonymous, options => [] };
    push @{ $package->{sections} }, $section;
    note({ p => $package, section => $name, value => $type }, $anonymous ? '+' : '') if $tracked;
    return $section;
}

sub set {
    my ($at) = @_;
    my ($section, $option, $value) = @$at{qw(s option value)};
    fail(2) unless defined $value && defined $at->{section} && ($section || !defined $option);
    fail(2) if !defined $option && $value ne '' && $value !~ /\A[!-~]+\z/;
    if ($value eq '') {
        delete_entry({ %$at, value => undef }) if $at->{complete};
        return;
    }
    if (defined $option) {
        return if $at->{o} && !ref $at->{o}{value} && $at->{o}{value} eq $value;
        push @{ $section->{options} }, $at->{o} = { name => $option } unless $at->{o};
        $at->{o}{value} = $value;
    } elsif ($section) {
        return if $section->{type} eq $value;
        $section->{type} = $value;
    } else {
        fail(2) if $at->{extended};
        $at->{s} = add_section($at->{p}, $value, $at->{section});
    }
    note($at, '');
}

sub add_list {
    my ($at) = @_;
    fail(2) unless $at->{s} && defined $at->{option} && defined $at->{value};
    push @{ $at->{s}{options} }, $at->{o} = { name => $at->{option}, value => [] } unless $at->{o};
    $at->{o}{value} = [ $at->{o}{value} ] unless ref $at->{o}{value};
    push @{ $at->{o}{value} }, $at->{value};
    note($at, '|');
}

sub del_list {
    my ($at) = @_;
    fail(2) unless $at->{s} && defined $at->{value};
    return unless $at->{o} && ref $at->{o}{value};
    @{ $at->{o}{value} } = grep { $_ ne $at->{value} } @{ $at->{o}{value} };
    note($at, '~');
}

sub delete_entry {
    my ($at) = @_;
    fail(3) unless $at->{complete};
    fail(2) unless $at->{s};
    if ($at->{o} && ref $at->{o}{value} && ($at->{value} // '') ne '') {
        my $items = $at->{o}{value};
        return if $at->{value} >= @$items || $at->{value} < 0;
        splice @$items, $at->{value}, 1;
        return note($at, '-');
    }
    note($at, '-', value => undef);
    my ($list, $gone) = $at->{o} ? ($at->{s}{options}, $at->{o}) : ($at->{p}{sections}, $at->{s});
    @$list = grep { $_ != $gone } @$list;
}

sub rename_entry {
    my ($at) = @_;
    fail(3) unless $at->{complete};
    fail(2) unless $at->{s} && defined $at->{value};
    note($at, '@');
    if ($at->{o}) { $at->{o}{name} = $at->{value}; return }
    $at->{s}{name}      = $at->{value};
    $at->{s}{anonymous} = 0;
}

sub reorder {
    my ($at) = @_;
    my $list = $at->{p}{sections};
    my ($position) = $at->{value} =~ /\A\s*(\d+)/ ? $1 : 0;
    @$list = grep { $_ != $at->{s} } @$list;
    splice @$list, $position > @$list ? scalar @$list : $position, 0, $at->{s};
    note({ %$at, option => undef, value => $position }, '^');
}

1;
