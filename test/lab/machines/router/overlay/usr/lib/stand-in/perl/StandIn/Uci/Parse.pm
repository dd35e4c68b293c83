package StandIn::Uci::Parse;

# The text form: config files, and the words of a line for batch and delta files.
# Line and byte in an error are those that libuci counts: the byte is the position in what is read
# of the current (possibly continued) line.

package StandIn::Uci;

use strict;

sub source { my ($file) = @_; return { file => $file, buffer => '', at => 0, line => 0 } }

# Reads the next line behind `keep` bytes of the present one; false at the end.
sub next_line {
    my ($in, $keep) = @_;
    my $line = readline $in->{file};
    $in->{buffer} = substr($in->{buffer}, 0, $keep) . ($line // '');
    $in->{at} = $keep;
    return 0 unless defined $line;
    $in->{line}++ if $line =~ /\n\z/;
    return 1;
}

sub syntax {
    my ($in, $reason) = @_;
    fail(5, "($reason) at line $in->{line}, byte $in->{at}");
}

sub skip_space { my ($in) = @_; pos($in->{buffer}) = $in->{at}; $in->{buffer} =~ /\G\s*/gc; $in->{at} = pos $in->{buffer} }

# A backslash: true when the next character counts, false when it joined the next line.
sub backslash {
    my ($in) = @_;
    my $rest = substr $in->{buffer}, ++$in->{at};
    return 1 unless $rest eq '' || $rest eq "\r\n" || $rest =~ /\A\n/;
    next_line($in, $in->{at});
    return 0;
}

sub quoted {
    my ($in, $quote) = @_;
    my $value = '';
    $in->{at}++;
    while (1) {
        if ($in->{at} >= length $in->{buffer}) {
            next_line($in, $in->{at}) or syntax($in, "EOF with unterminated $quote");
            next;
        }
        pos($in->{buffer}) = $in->{at};
        if ($in->{buffer} =~ /\G[^"'\\]+/gc) { $value .= $&; $in->{at} = $+[0]; next }
        my $char = substr $in->{buffer}, $in->{at}, 1;
        if ($char eq $quote) { $in->{at}++; return $value }
        if ($char eq '\\' && $quote eq '"') {
            backslash($in) or next;
            $char = substr $in->{buffer}, $in->{at}, 1;
        }
        $value .= $char;
        $in->{at}++;
    }
}

sub word {
    my ($in) = @_;
    skip_space($in);
    my $value = '';
    while ($in->{at} < length $in->{buffer}) {
        pos($in->{buffer}) = $in->{at};
        if ($in->{buffer} =~ /\G[^\s#;"'\\]+/gc) { $value .= $&; $in->{at} = $+[0]; next }
        my $char = substr $in->{buffer}, $in->{at}, 1;
        if ($char =~ /\s/) { $in->{at}++; last }
        if ($char eq '#') { $in->{buffer} = substr $in->{buffer}, 0, $in->{at}; last }
        if ($char eq ';') { $in->{at}++ if $value eq ''; last }
        if ($char eq '"' || $char eq "'") { $value .= quoted($in, $char); next }
        if ($char eq '\\') {
            backslash($in) or next;
            $char = substr $in->{buffer}, $in->{at}, 1;
        }
        $value .= $char;
        $in->{at}++;
    }
    return $value;
}

sub argument {
    my ($in, $required, $allowed) = @_;
    my $value = word($in);
    syntax($in, 'insufficient arguments') if $value eq '' && $required;
    syntax($in, 'invalid character in name field') if $value ne '' && $allowed && $value !~ $allowed;
    return $value;
}

my $name = qr/\A[A-Za-z0-9_]+\z/;
my $type = qr/\A[!-~]+\z/;

# One package from a file. With `into`, its lines are merged into that package and staged.
# `switch` is called with the name of every `package` line.
sub parse {
    my ($self, $file, $package_name, %how) = @_;
    my $in = source($file);
    my $package = $how{into} // (defined $package_name ? package_named($package_name) : undef);
    my ($section, $end);
    my $tracked = defined $how{into};
    until ($end) {
        $end = !next_line($in, 0);
        skip_space($in);
        while ($in->{buffer} =~ /\G[ \t]*([^ \t]+)/gc) {
            my ($keyword, $from, $to) = ($1, $-[1], $+[1]);
            last if $keyword =~ /\A#/;
            $in->{at} = $from;
            syntax($in, 'invalid command') unless $keyword =~ /\A(?:p|package|c|config|o|option|l|list)\z/;
            $in->{at} = $to + ($to < length $in->{buffer} ? 1 : 0);
            my $kind = substr $keyword, 0, 1;
            if ($kind eq 'p') {
                my $wanted = argument($in, 1, qr/\A[A-Za-z0-9_-]+\z/);
                $package = $how{switch}->($wanted), undef $section if $how{switch};
            } elsif ($kind eq 'c') {
                syntax($in, 'attempting to import a file without a package name') unless $package;
                my $of = argument($in, 1);
                syntax($in, 'invalid character in type field') unless $of =~ $type;
                my $called = argument($in, 0, $name);
                end_of_line($in, $self);
                my $there = $called ne '' && section($package, $called);
                syntax($in, 'section of different type overwrites prior section with same name')
                    if $there && $there->{type} ne $of && $self->{strict};
                $section = $there || add_section($package, $of, $called, $tracked);
            } else {
                syntax($in, 'option/list command found before the first section') unless $section;
                my $called = argument($in, 1, $name);
                my $value = argument($in, 0);
                end_of_line($in, $self);
                my $at = { package => $package->{name}, p => $package, section => $section->{name}, s => $section,
                    option => $called, o => find_option($section, $called), value => $value, untracked => !$tracked };
                $kind eq 'l' ? add_list($at) : $value eq '' ? () : set($at);
            }
            pos($in->{buffer}) = $in->{at};
        }
    }
    return $package;
}

sub end_of_line {
    my ($in, $self) = @_;
    syntax($in, 'too many arguments') if word($in) ne '' && $self->{strict};
}

sub package_named { my ($called) = @_; return { name => $called, sections => [], count => 0, staged => [], saved => [] } }

1;
