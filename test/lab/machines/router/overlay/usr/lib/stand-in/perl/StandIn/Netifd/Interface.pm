package StandIn::Netifd::Interface;

# A logical interface. States: down, setup (the protocol is at work), up.
# Besides, `waiting` says that its device is claimed and only the link is missing.

use strict;
use StandIn::Netifd::Device;
use StandIn::Netifd::Kernel;
use StandIn::Netifd::Ip;
use StandIn::Netifd::Prefix;
use StandIn::Netifd::Event;
use StandIn::Netifd::Config;
use StandIn::Netifd::Proto;

our %all;
our $on_change = sub { };    # called with an interface whose state is new
our $sync = sub { };         # lets pending news of the kernel in

sub named { return $all{ $_[0] } }
sub list { return map { $all{$_} } sort keys %all }

sub new {
    my ($class, $name, $options, $routes) = @_;
    my $self = bless { name => $name, state => 'down', errors => [], updated => {}, autostart => 1, installed => [] }, $class;
    $self->take($options, $routes);
    $self->reset_available;
    $self->{autostart} = 0 if defined $options->{auto} && !StandIn::Netifd::Config::truth($options->{auto});
    $all{$name} = $self;
    StandIn::Netifd::Event::register("network.interface.$name");
    return $self;
}

# Takes over its section. What that means for what is running is up to the caller.
sub take {
    my ($self, $options, $routes) = @_;
    $self->{options} = $options;
    $self->{routes} = $routes // [];
    $self->{proto} = StandIn::Netifd::Proto::of($options->{proto});
    my $device = $options->{device} // $options->{ifname};
    ($device) = StandIn::Netifd::Config::words($device);
    $device = undef if $self->{proto}->no_device;
    my $old = $self->{device};
    $self->{device} = $device;
    delete StandIn::Netifd::Device::object($old)->{users}{"interface $self->{name}"} if defined $old && $old ne ($device // '');
    StandIn::Netifd::Device::object($device)->{users}{"interface $self->{name}"} = 1 if defined $device;
}

sub reset_available {
    my ($self) = @_;
    my $device = $self->{device};
    $self->{available} = defined $device ? StandIn::Netifd::Device::object($device)->present : $self->{proto}->no_device;
}

sub forget {
    my ($self) = @_;
    delete StandIn::Netifd::Device::object($self->{device})->{users}{"interface $self->{name}"} if defined $self->{device};
    delete $all{ $self->{name} };
    StandIn::Netifd::Event::unregister("network.interface.$self->{name}");
    StandIn::Netifd::Device::forget_unused();
}

sub option { my ($self, $name) = @_; return $self->{options}{$name} }
sub is_up { return $_[0]{state} eq 'up' }
sub l3_device { my ($self) = @_; return $self->{state} eq 'up' ? $self->{l3} : undef }
sub table4 { my ($self) = @_; my $name = $self->option('ip4table'); return defined $name ? StandIn::Netifd::Config::table($name) : undef }
sub table6 { my ($self) = @_; my $name = $self->option('ip6table'); return defined $name ? StandIn::Netifd::Config::table($name) : undef }

sub error { my ($self, $subsystem, $code, @data) = @_; push @{ $self->{errors} }, { subsystem => $subsystem, code => $code, data => \@data } }
sub say { my ($self, $text) = @_; StandIn::Netifd::Event::log_line("Interface '$self->{name}' $text") }

sub needs_link {
    my ($self) = @_;
    return 0 unless defined $self->{device};
    my $forced = $self->option('force_link');
    return defined $forced ? !StandIn::Netifd::Config::truth($forced) : !$self->{proto}->forces_link;
}

sub set_up {
    my ($self) = @_;
    $self->{autostart} = 1;
    $self->{errors} = [];
    return if $self->{state} ne 'down' || $self->{waiting};
    return $self->error('interface', 'NO_DEVICE') unless $self->{available};
    if (defined $self->{device}) {
        my $device = StandIn::Netifd::Device::object($self->{device});
        return $self->error('interface', 'DEVICE_CLAIM_FAILED') unless $device->claim($self->{name});
        $sync->();
        if ($self->needs_link && !$device->link_up) {
            $self->{waiting} = 1;
            return;
        }
    }
    $self->setup;
}

sub setup {
    my ($self) = @_;
    $self->{waiting} = 0;
    $self->{state} = 'setup';
    $self->say('is setting up now');
    my $device = defined $self->{device} ? StandIn::Netifd::Device::kernel($self->{device}) : undef;
    $self->{index} = $device && $device->{index};
    $self->{proto}->setup($self);
}

# The protocol is done: { l3, addresses, routes, prefixes, data }.
sub came_up {
    my ($self, $result) = @_;
    $self->{state} = 'up';
    $self->{l3} = $result->{l3};
    $self->{result} = $result;
    $self->{since} = time;
    $self->{updated}{addresses} = 1 if @{ $result->{addresses} };
    $self->{updated}{routes} = 1 if @{ $result->{routes} };
    $self->{updated}{prefixes} = 1 if @{ $result->{prefixes} };
    $self->{updated}{data} = 1 if $result->{data};
    $self->say('is now up');
    $self->install;
    StandIn::Netifd::Prefix::refresh();
    StandIn::Netifd::Event::happened($self, 'ifup');
    $on_change->($self);
}

sub default_route_wanted {
    my ($self) = @_;
    my $option = $self->option('defaultroute');
    return !defined $option || StandIn::Netifd::Config::truth($option);
}

# The routes of the protocol that count, and those held back.
sub proto_routes {
    my ($self) = @_;
    my $wanted = $self->default_route_wanted;
    my (@active, @inactive);
    push @{ $wanted || $_->{mask} ? \@active : \@inactive }, $_ for @{ $self->{result}{routes} };
    return (\@active, \@inactive);
}

sub wanted_lines {
    my ($self) = @_;
    my ($device, $metric) = ($self->{l3}, $self->option('metric'));
    my ($active) = $self->proto_routes;
    my @pairs = map { StandIn::Netifd::Ip::address_lines($_, $device, $metric, $_->{address} =~ /:/ ? $self->table6 : $self->table4) }
        @{ $self->{result}{addresses} };
    push @pairs, map { StandIn::Netifd::Ip::route_lines($_, $device, $metric, $_->{family} == 6 ? $self->table6 : $self->table4) } @$active;
    push @pairs, map { StandIn::Netifd::Ip::route_lines($_, $device) } @{ $self->{routes} };
    return \@pairs;
}

# Brings the kernel in line; called at the start, and again when only routes or tables changed.
sub install {
    my ($self) = @_;
    my $pairs = $self->wanted_lines;
    StandIn::Netifd::Ip::change($self->{installed}, $pairs);
    $self->{installed} = $pairs;
    $self->{updated}{routes} = 1 if @{ $self->{routes} };
    # Rules `iif lo` are put in when the tables are known, and taken out only while they still are:
    # a table that was removed from the configuration leaves its rule behind.
    my $kernel = StandIn::Netifd::Device::kernel($self->{l3});
    my @loopback = StandIn::Netifd::Ip::loopback_rules($self->table4, $self->table6,
        $kernel ? $kernel->{index} : StandIn::Netifd::Device::index_of($self->{l3}));
    StandIn::Netifd::Ip::add(grep { my $line = $_->[1]; !grep { $_->[1] eq $line } @{ $self->{loopback} // [] } } @loopback);
    $self->{loopback} = \@loopback;
    StandIn::Netifd::Kernel::flush();
}

sub set_down {
    my ($self, %how) = @_;
    my $was = $self->{state};
    $self->{waiting} = 0;
    if ($was ne 'down') {
        $self->{state} = 'down';
        $self->{proto}->teardown($self);
        if ($was eq 'up') {
            StandIn::Netifd::Ip::remove(@{ $self->{installed} }, @{ $self->{loopback} // [] });
            StandIn::Netifd::Kernel::flush();
            @$self{qw(installed loopback)} = ([], []);
            StandIn::Netifd::Prefix::refresh();
        }
        $self->{proto}->remove_device($self);
        delete @$self{qw(l3 result since index retry)};
        $self->say('is now down');
    }
    StandIn::Netifd::Device::object($self->{device})->release($self->{name}) if defined $self->{device} && !$how{keep_device};
    if ($was eq 'up') {
        StandIn::Netifd::Event::happened($self, 'ifdown');
        $on_change->($self);
    }
}

# Looks at the device again after the kernel reported something.
sub check_device {
    my ($self) = @_;
    return unless defined $self->{device};
    my $device = StandIn::Netifd::Device::object($self->{device});
    my $kernel = StandIn::Netifd::Device::kernel($self->{device});
    my $replaced = $self->{state} ne 'down' && defined $self->{index} && (!$kernel || $kernel->{index} != $self->{index});
    if ($replaced && $device->{type} eq 'tunnel') {    # ours, but somebody deleted it: until the next ifup
        return $self->set_down;
    }
    my $present = $device->present;
    if ($self->{available} && (!$present || $replaced)) {
        $self->{available} = 0;
        $self->set_down;
    }
    if (!$self->{available} && $present) {
        $self->{available} = 1;
        return $self->{autostart} ? $self->set_up : undef;
    }
    return unless $self->needs_link && $device->in_use;
    if ($self->{waiting} && $device->link_up) {
        $self->setup;
    } elsif ($self->{state} ne 'down' && !$device->link_up) {
        $self->say('has link connectivity loss');
        $self->set_down(keep_device => 1);
        $self->{waiting} = 1;
    }
}

1;
