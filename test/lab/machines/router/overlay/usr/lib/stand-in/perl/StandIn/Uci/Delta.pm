package StandIn::Uci::Delta;

# Staged changes: one line each in DIR/<package>, `SIGNpackage.section[.option]='value'`.
# Signs: none set, + add anonymous, - remove, @ rename, ^ reorder, | add to list, ~ take from list.

package StandIn::Uci;

use strict;

my %apply = ('|' => \&add_list, '~' => \&del_list, '-' => \&delete_entry, '@' => \&rename_entry);

sub parse_change {
    my ($in, $package) = @_;
    my $line = word($in);
    fail(2) if $in->{at} < length $in->{buffer};
    my $sign = $line =~ s/\A([-+@^|~])// ? $1 : '';
    my $at = pointer($line);
    fail(2) if !defined $at->{section} || $at->{extended} || ($sign ne '-' && !defined $at->{value});
    fail(2) if $sign =~ /[|~]/ && !defined $at->{option};
    fail(2) if $sign eq '@' && $at->{value} !~ /\A[A-Za-z0-9_]+\z/;
    fail(5) if $at->{package} ne $package;
    return ($sign, $at);
}

# Applies what is staged for a package; lines that don't fit any more are skipped without a word.
# Returns how many fitted; with `flush` the own save directory's file is emptied.
sub load_delta {
    my ($self, $package, %how) = @_;
    my $fitted = 0;
    for my $dir (@{ $self->{paths} }) {
        open my $file, '<', "$dir/$package->{name}" or next;
        flock $file, 1;
        my $in = source($file);
        while (next_line($in, 0)) {
            $fitted++ if eval { apply_change($package, parse_change($in, $package->{name})); 1 };
        }
    }
    if ($how{flush} && $fitted && open my $file, '+<', "$self->{savedir}/$package->{name}") {
        flock $file, 2;
        truncate $file, 0;
    }
    return $fitted;
}

sub apply_change {
    my ($package, $sign, $at) = @_;
    push @{ $package->{saved} }, { sign => $sign, map { ($_ => $at->{$_}) } qw(section option value) };
    $at->{p}         = $package;
    $at->{untracked} = 1;
    complete($at);
    if ($sign eq '^') {
        fail(3) unless $at->{s};
        return reorder($at);
    }
    return $apply{$sign}->($at) if $apply{$sign};
    set($at);
    $at->{s}{anonymous} = 1 if $sign eq '+' && !defined $at->{option} && $at->{s};
}

sub change_line {
    my ($package, $change) = @_;
    my $line = "$change->{sign}$package.$change->{section}";
    $line .= ".$change->{option}" if defined $change->{option};
    $line .= '=' . quote($change->{value}) if defined $change->{value};
    return "$line\n";
}

# Stages the noted changes of a package.
sub save {
    my ($self, $package) = @_;
    my @lines = map { change_line($package->{name}, $_) } @{ $package->{staged} } or return $self->know($package);
    unless (-d $self->{savedir}) {
        mkdir $self->{savedir}, (stat $self->{confdir})[2] // 0700 or fail(4);
    }
    my $mask = umask 0077;
    my $ok = open my $file, '>>', "$self->{savedir}/$package->{name}";
    umask $mask;
    fail(4) unless $ok;
    flock $file, 2;
    print {$file} @lines;
    close $file or fail(4);
    push @{ $package->{saved} }, @{ $package->{staged} };
    $package->{staged} = [];
    $self->know($package);
}

# Drops the staged lines of a package, a section or an option.
sub revert {
    my ($self, $at) = @_;
    open my $file, '+<', "$self->{savedir}/$at->{package}" or return;
    flock $file, 2;
    my ($in, @kept) = source($file);
    while (next_line($in, 0)) {
        my ($sign, $change) = eval { parse_change($in, $at->{package}) } or return;
        my $match = (!defined $at->{section} || $at->{section} eq $change->{section})
            && (!defined $at->{option} || $at->{option} eq ($change->{option} // ''));
        push @kept, change_line($at->{package}, { %$change, sign => $sign }) unless $match;
    }
    seek $file, 0, 0;
    truncate $file, 0;
    print {$file} @kept;
    close $file;
}

1;
