package StandIn::Procd::Instance;

# One process of a service. It leads a session of its own, so that its children end with it.

use strict;
use POSIX ();
use StandIn::Clock;
use StandIn::Json qw(object number boolean compact get);

my %ended;    # pid => status, between the end of a process and the next look at it

sub reap {
    while ((my $pid = waitpid -1, POSIX::WNOHANG()) > 0) { $ended{$pid} = $? }
}

sub new {
    my ($class, $given) = @_;
    my $respawn = get($given, 'respawn');
    my @default = (3600, 5, 5);
    my @values = map { $respawn->[$_] // $default[$_] } 0 .. 2 if $respawn;
    return bless { given => $given, command => get($given, 'command') // [], respawn => $respawn ? \@values : undef, tries => 0 }, $class;
}

sub same { my ($self, $given) = @_; return compact($self->{given}) eq compact($given) }
sub running { my ($self) = @_; return defined $self->{pid} }
sub due { my ($self) = @_; return $self->{kill_at} // $self->{again} }

sub start {
    my ($self) = @_;
    delete @$self{qw(exit again)};
    $self->{stopped} = 0;
    $self->{started} = StandIn::Clock::now();
    my $pid = fork // return;
    if ($pid) { delete $ended{$pid}; $self->{pid} = $pid; return }
    POSIX::setsid();
    $SIG{$_} = 'DEFAULT' for qw(CHLD PIPE TERM INT);
    my $environment = get($self->{given}, 'env');
    if ($environment) { for (my $i = 0; $i < @$environment; $i += 2) { $ENV{ $environment->[$i] } = $environment->[ $i + 1 ] } }
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    chdir '/';
    POSIX::close($_) for 3 .. 255;
    exec { $self->{command}[0] } @{ $self->{command} } or POSIX::_exit(127);
}

sub signal { my ($self, $name) = @_; kill $name, -$self->{pid} or kill $name, $self->{pid} if $self->{pid} }

# Asked to end, and made to end five seconds later. Waits a little, so that a restart finds the field clear.
sub stop {
    my ($self) = @_;
    $self->{stopped} = 1;
    delete $self->{again};
    return unless $self->{pid};
    $self->signal('TERM');
    for (1 .. 250) {
        reap();
        return $self->over if exists $ended{ $self->{pid} };
        select undef, undef, undef, 0.02;
    }
    $self->signal('KILL');
}

sub over {
    my ($self) = @_;
    my $status = delete $ended{ delete $self->{pid} };
    $self->{exit} = $status & 127 ? ($status & 127) + 128 : $status >> 8;
}

sub tick {
    my ($self, $now) = @_;
    if ($self->{pid} && exists $ended{ $self->{pid} }) {
        $self->over;
        if ($self->{respawn} && !$self->{stopped}) {
            my ($threshold, $timeout, $retry) = @{ $self->{respawn} };
            $self->{tries} = $now - $self->{started} < $threshold ? $self->{tries} + 1 : 0;
            $self->{again} = $now + $timeout if $retry <= 0 || $self->{tries} <= $retry;
        }
    }
    $self->start if defined $self->{again} && $self->{again} <= $now;
}

sub status {
    my ($self) = @_;
    my $respawn = $self->{respawn};
    return object(
        running => boolean($self->{pid}), $self->{pid} ? (pid => number($self->{pid})) : (),
        command => $self->{command}, term_timeout => number(5),
        !$self->{pid} && defined $self->{exit} ? (exit_code => number($self->{exit})) : (),
        $respawn ? (respawn => object(threshold => number($respawn->[0]), timeout => number($respawn->[1]), retry => number($respawn->[2]))) : (),
    );
}

1;
