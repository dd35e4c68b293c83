package StandIn::Procd::Trigger;

# A trigger is [pattern, expression, delay]: ["config.change", ["if", ["eq", "package", "x"], ["run_script", …]], 1000].

use strict;
use POSIX ();
use StandIn::Json qw(plain);

sub delay { my ($trigger) = @_; return (plain($trigger->[2]) // 1000) / 1000 }

sub commands {
    my ($trigger, $type, $values) = @_;
    my $pattern = $trigger->[0];
    my $match = $pattern =~ s/\*\z// ? index($type, $pattern) == 0 : $type eq $pattern;
    return $match ? perform($trigger->[1], $values) : ();
}

sub perform {
    my ($step, $values) = @_;
    return map { perform($_, $values) } @$step if ref $step->[0];
    my ($word, @rest) = @$step;
    return [@rest] if $word eq 'run_script';
    return holds($rest[0], $values) ? perform($rest[1], $values) : $rest[2] ? perform($rest[2], $values) : () if $word eq 'if';
    return ();
}

sub holds {
    my ($test, $values) = @_;
    my ($word, @rest) = @$test;
    return ($values->{ $rest[0] } // '') eq $rest[1] if $word eq 'eq';
    return !holds($rest[0], $values) if $word eq 'not';
    return !grep { !holds($_, $values) } @rest if $word eq 'and';
    return scalar grep { holds($_, $values) } @rest;
}

# Gives the process.
sub run {
    my ($command) = @_;
    my $pid = fork // return;
    return $pid if $pid;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec { $command->[0] } @$command or POSIX::_exit(127);
}

1;
