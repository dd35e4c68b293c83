package StandIn::Ubus::Broker;

# One loop over all connections. A client asks: call, list, event, listen. A provider registers objects
# and gets `invoke ID format path method arguments`, which it answers with `reply ID status text`.
# When a provider goes away its objects are gone, as on the real bus.

use strict;
use Socket;
use File::Basename;
use StandIn::Ubus::Wire;
use StandIn::Json qw(parse pretty compact object);
use StandIn::Clock;

sub new {
    my ($class, %own) = @_;
    return bless { own => $own{objects}, event => $own{event}, tick => $own{tick}, timeout => $own{timeout},
        peers => {}, objects => {}, pending => {}, next => 1 }, $class;
}

sub run {
    my ($self) = @_;
    my $path = $StandIn::Ubus::Wire::path;
    my $dir = dirname($path);
    mkdir $dir, 0755;
    unlink $path;
    socket my $listen, PF_UNIX, SOCK_STREAM, 0 or die "socket: $!";
    bind $listen, sockaddr_un($path) or die "$path: $!";
    listen $listen, 64;
    while (1) {
        $self->{tick}->();
        my $r = '';
        vec($r, fileno $listen, 1) = 1;
        vec($r, $_, 1) = 1 for keys %{ $self->{peers} };
        my $count = select $r, undef, undef, $self->{timeout}->();
        next if $count < 1;
        if (vec $r, fileno $listen, 1) {
            if (accept my $socket, $listen) {
                $self->{peers}{ fileno $socket } = { socket => $socket, buffer => '', listens => [] };
            }
        }
        for my $number (grep { vec $r, $_, 1 } keys %{ $self->{peers} }) { $self->read_from($number) }
    }
}

sub read_from {
    my ($self, $number) = @_;
    my $peer = $self->{peers}{$number} or return;
    my $got = sysread $peer->{socket}, $peer->{buffer}, 65536, length $peer->{buffer};
    return if !defined $got && ($!{EINTR} || $!{EAGAIN});
    return $self->gone($number) unless $got;
    while (my @fields = StandIn::Ubus::Wire::take(\$peer->{buffer})) {
        my $verb = shift @fields;
        my $handler = $self->can("on_$verb") or next;
        $self->$handler($number, @fields);
    }
}

sub gone {
    my ($self, $number) = @_;
    delete $self->{objects}{$_} for grep { $self->{objects}{$_}{peer} == $number } keys %{ $self->{objects} };
    for my $id (grep { $self->{pending}{$_}{provider} == $number } keys %{ $self->{pending} }) {
        my $call = delete $self->{pending}{$id};
        $self->answer($call->{client}, 10, '');
    }
    delete $self->{pending}{$_} for grep { $self->{pending}{$_}{client} == $number } keys %{ $self->{pending} };
    close +(delete $self->{peers}{$number})->{socket};
}

sub answer {
    my ($self, $number, @fields) = @_;
    my $peer = $self->{peers}{$number} or return;
    StandIn::Ubus::Wire::send_to($peer->{socket}, @fields);
}

sub on_register {
    my ($self, $number, $name, $signature) = @_;
    $self->{objects}{$name} = { peer => $number, signature => $signature // '' };
}

sub on_unregister { my ($self, $number, $name) = @_; delete $self->{objects}{$name} }

sub on_list {
    my ($self, $number, $how, $pattern) = @_;
    my $match = $pattern =~ s/\*\z// ? qr/\A\Q$pattern\E/ : qr/\A\Q$pattern\E\z/;
    my $text = '';
    for my $name (sort keys %{ $self->{objects} }, keys %{ $self->{own} }) {
        next unless $name =~ $match;
        $text .= $how eq 'verbose' ? sprintf("'%s' \@%08x\n%s", $name, unpack('%32C*', $name) * 2654435761 % 2**32, $self->signature($name)) : "$name\n";
    }
    $self->answer($number, $text eq '' && $pattern ne '' ? 4 : 0, $text);
}

sub signature {
    my ($self, $name) = @_;
    return $self->{objects}{$name}{signature} if $self->{objects}{$name};
    return join '', map { qq(\t"$_":{}\n) } $self->{own}{$name}->methods;
}

sub on_call {
    my ($self, $number, $format, $path, $method, $text) = @_;
    my $own = $self->{own}{$path};
    my $other = $self->{objects}{$path};
    return $self->answer($number, 4, 'object') unless $own || $other;
    my $arguments = $text eq '' ? object() : eval { parse($text) };
    return $self->answer($number, 12, '') unless ref $arguments eq 'StandIn::Json::Object';
    if ($own) {
        my ($status, $result) = $own->call($method, $arguments);
        my $written = !defined $result ? '' : $format eq 'compact' ? compact($result) : pretty($result);
        return $self->answer($number, $status, $written);
    }
    my $id = $self->{next}++;
    $self->{pending}{$id} = { client => $number, provider => $other->{peer} };
    $self->answer($other->{peer}, 'invoke', $id, $format, $path, $method, $text);
}

sub on_reply {
    my ($self, $number, $id, $status, $text) = @_;
    my $call = delete $self->{pending}{$id} or return;
    $self->answer($call->{client}, $status, $text);
}

# From a provider there is nothing to answer; `ubus send` waits for a word.
sub on_event {
    my ($self, $number, $type, $text, $quiet) = @_;
    my $data = eval { parse($text) };
    $self->answer($number, $data ? 0 : 12, '') unless $quiet;
    $self->broadcast($type, $data) if $data;
}

sub broadcast {
    my ($self, $type, $data) = @_;
    $self->{event}->($type, $data);
    for my $number (keys %{ $self->{peers} }) {
        my $patterns = $self->{peers}{$number}{listens};
        $self->answer($number, $type, StandIn::Json::spaced($data))
            if grep { my $p = $_; $p =~ s/\*\z// ? index($type, $p) == 0 : $type eq $p } @$patterns;
    }
}

sub on_listen {
    my ($self, $number, @patterns) = @_;
    $self->{peers}{$number}{listens} = @patterns ? \@patterns : ['*'];
}

1;
