package StandIn::Ubus::Provider;

# A daemon's side of the bus: registers objects, answers calls, sends events.

use strict;
use StandIn::Ubus::Wire;
use StandIn::Json qw(parse pretty compact object);

sub new {
    my ($class, $handler) = @_;
    my $socket;
    for (1 .. 100) {
        $socket = StandIn::Ubus::Wire::dial() and last;
        select undef, undef, undef, 0.1;
    }
    return undef unless $socket;
    return bless { socket => $socket, buffer => '', handler => $handler }, $class;
}

sub handle { return $_[0]{socket} }
sub register { my ($self, $name, $signature) = @_; StandIn::Ubus::Wire::send_to($self->{socket}, 'register', $name, $signature) }
sub unregister { my ($self, $name) = @_; StandIn::Ubus::Wire::send_to($self->{socket}, 'unregister', $name) }
sub event { my ($self, $type, $data) = @_; StandIn::Ubus::Wire::send_to($self->{socket}, 'event', $type, compact($data), 'quiet') }

# Answers what has come in; false when the bus is gone.
sub serve {
    my ($self) = @_;
    my $got = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
    return 1 if !defined $got && $!{EINTR};
    return 0 unless $got;
    while (my ($verb, $id, $format, $path, $method, $text) = StandIn::Ubus::Wire::take(\$self->{buffer})) {
        next unless $verb eq 'invoke';
        my $arguments = $text eq '' ? object() : parse($text);
        my ($status, $result) = $self->{handler}->($path, $method, $arguments);
        my $written = !defined $result ? '' : $format eq 'compact' ? compact($result) : pretty($result);
        StandIn::Ubus::Wire::send_to($self->{socket}, 'reply', $id, $status, $written);
    }
    return 1;
}

1;
