package StandIn::Netifd::Bus;

# netifd's objects on the bus: network, network.device, network.interface and one for each interface.
# A call gives (status, result).

use strict;
use StandIn::Json qw(object get plain);
use StandIn::Netifd::Status;
use StandIn::Netifd::DeviceStatus;
use StandIn::Netifd::Device;
use StandIn::Netifd::Interface;
use StandIn::Netifd::Proto;
use StandIn::Netifd::Reload;

sub INVALID() { 2 } sub NO_METHOD() { 3 } sub NOT_FOUND() { 4 } sub UNSUPPORTED() { 8 }

my %network = (
    reload => sub { return (StandIn::Netifd::Reload::reload() ? 0 : NOT_FOUND, undef) },
    restart => sub { kill 'USR1', $$; return (0, undef) },
    get_proto_handlers => sub { return (0, StandIn::Netifd::Proto::handlers()) },
);

my %interface = (
    up => sub { my ($i) = @_; $i->set_up; return (0, undef) },
    down => sub { my ($i) = @_; $i->{autostart} = 0; $i->{errors} = []; $i->set_down; return (0, undef) },
    renew => sub { return (0, undef) },
    status => sub { my ($i) = @_; return (0, object(StandIn::Netifd::Status::status($i))) },
    notify_proto => sub { return (UNSUPPORTED, undef) },
);

sub call {
    my ($path, $method, $arguments) = @_;
    if ($path eq 'network') {
        my $code = $network{$method} or return (NO_METHOD, undef);
        return $code->($arguments);
    }
    return device($method, $arguments) if $path eq 'network.device';
    return $method eq 'status' ? (0, object()) : (NO_METHOD, undef) if $path eq 'network.wireless';
    if ($path eq 'network.interface') {
        return dump_all() if $method eq 'dump';
        return (NO_METHOD, undef) unless $interface{$method};
        my $name = get($arguments, 'interface') // return (INVALID, undef);
        my $found = StandIn::Netifd::Interface::named($name) // return (NOT_FOUND, undef);
        return $interface{$method}->($found);
    }
    my ($name) = $path =~ /\Anetwork\.interface\.(.*)/ or return (NOT_FOUND, undef);
    my $found = StandIn::Netifd::Interface::named($name) // return (NOT_FOUND, undef);
    return dump_all() if $method eq 'dump';
    my $code = $interface{$method} or return (NO_METHOD, undef);
    return $code->($found);
}

sub dump_all {
    return (0, object(interface => [
        map { object(interface => $_->{name}, StandIn::Netifd::Status::status($_)) } StandIn::Netifd::Interface::list() ]));
}

sub device {
    my ($method, $arguments) = @_;
    return (NO_METHOD, undef) unless $method eq 'status';
    my $name = get($arguments, 'name');
    return (0, object(map { ($_ => StandIn::Netifd::DeviceStatus::status($_)) } StandIn::Netifd::Device::names())) unless defined $name;
    my $status = StandIn::Netifd::DeviceStatus::status($name) // return (INVALID, undef);
    return (0, $status);
}

1;
