package StandIn::Fw4::Section;

# Reads a section by its table of options: [ name, parser, default, flags ]. Warnings go to stderr and
# change nothing about the exit code.

use strict;
use StandIn::Fw4::Values;

sub LIST() { 1 } sub FLAT() { 2 } sub PLAIN() { 4 } sub UNSUPPORTED() { 8 } sub REQUIRED() { 16 }
sub DEPRECATED() { 32 }

our $quiet //= 0;    # set before loading, too

sub warn_line {
    my ($text) = @_;
    return if $quiet;
    print STDERR -t STDERR ? "\033[33m$text\033[m\n" : "[!] $text\n";
}

# From uci, or (without an id) from ubus.
sub new {
    my ($class, %given) = @_;
    return bless {%given}, $class;
}

sub complain {
    my ($self, $text) = @_;
    my $who = defined $self->{id} ? "Section $self->{id}" : 'ubus ' . ($self->{type} // 'rule');
    my $name = $self->value('name');
    $who .= " ($name)" if defined $name && $name ne '';
    warn_line("$who $text");
}

sub value {
    my ($self, $name) = @_;
    for (@{ $self->{options} }) { return $_->{value} if $_->{name} eq $name }
    return undef;
}

# All options as a hash, or undef when one is bad.
sub read {
    my ($self, $table, $parsers) = @_;
    my %result;
    for my $entry (@$table) {
        my ($name, $kind, $default, $flags) = @$entry;
        $flags //= 0;
        my $parser = $parsers->{$kind} // StandIn::Fw4::Values->can($kind);
        my $given = $self->value($name);
        if (!defined $given && $flags & REQUIRED) {
            $self->complain("option '$name' is mandatory but not set");
            return undef;
        }
        $given //= $default // next;
        if (ref $given && !($flags & LIST)) {
            $self->complain("option '$name' must not be a list");
            return undef;
        }
        my @parsed;
        for my $word ($flags & LIST ? ref $given ? @$given : split ' ', $given : $given) {
            my $value = $parser->($word);
            if (!defined $value) {
                $self->complain("option '$name' specifies invalid value '$word'");
                return undef;
            }
            push @parsed, $flags & FLAT && ref $value eq 'ARRAY' ? @$value : $value;
        }
        next unless @parsed;
        if ($flags & PLAIN && grep { ref eq 'HASH' && $_->{invert} } @parsed) {
            $self->complain("option '$name' must not be negated");
            return undef;
        }
        if ($flags & DEPRECATED) { $self->complain("option '$name' is deprecated by fw4") }
        elsif ($flags & UNSUPPORTED) { $self->complain("option '$name' is not supported by fw4") }
        else { $result{$name} = $flags & LIST ? \@parsed : $parsed[0] }
    }
    my %known = map { ($_->[0] => 1) } @$table;
    for my $option (@{ $self->{options} }) {
        $self->complain("specifies unknown option '$option->{name}'") unless $known{ $option->{name} } || $option->{name} eq 'type';
    }
    return \%result;
}

1;
