package StandIn::Netifd::Device;

# netifd's device objects: one for each name that a section or an interface uses. Interfaces claim a
# device while they are up; the first claim makes it (bridge, tunnel) or sets it up, the last one gone
# undoes that. A device object that is new takes all addresses and routes off its device.

use strict;
use StandIn::Netifd::Kernel;
use StandIn::Netifd::Config;

my %kernel;     # what the kernel has: name => { index, up, link }
my %devices;    # objects

sub kernel { return $kernel{ $_[0] } }
sub known { return $devices{ $_[0] } }
sub names { return sort keys %devices }

sub note_kernel {
    my ($event) = @_;
    if ($event->{gone}) {
        delete $kernel{ $event->{name} } if ($kernel{ $event->{name} }{index} // 0) == $event->{index};
    } else {
        for my $old (grep { $kernel{$_}{index} == $event->{index} && $_ ne $event->{name} } keys %kernel) { delete $kernel{$old} }
        $kernel{ $event->{name} } = $event;
    }
}

sub section_type { my ($section) = @_; my $type = $section->{type} // ''; return $type =~ /\A(?:bridge|tunnel)\z/ ? $type : 'plain' }

sub object {
    my ($name) = @_;
    return $devices{$name} //= create($name, {});
}

sub create {
    my ($name, $section) = @_;
    my $device = bless { name => $name, section => $section, type => section_type($section), claims => {}, users => {} }, __PACKAGE__;
    $device->clear if $kernel{$name} && $name ne 'lo' && $device->{type} eq 'plain';
    return $device;
}

# A tunnel that belongs to an interface's protocol is a device like others while it lives.
sub adopt {
    my ($name, $owner) = @_;
    $devices{$name} //= bless { name => $name, section => {}, type => 'tunnel', claims => {}, users => { "interface $owner" => 1 } }, __PACKAGE__;
}

sub disown {
    my ($name, $owner) = @_;
    delete $devices{$name} if $devices{$name} && $devices{$name}{users}{"interface $owner"};
}

sub clear {
    my ($self) = @_;
    my $name = $self->{name};
    StandIn::Netifd::Kernel::add(4, "link set dev $name down");
    for my $family (4, 6) {
        StandIn::Netifd::Kernel::add($family, "route flush table all dev $name");
        StandIn::Netifd::Kernel::add($family, "addr flush dev $name");
    }
    StandIn::Netifd::Kernel::flush();
}

# Brings the objects in line with the device sections. Returns the names of those that have to be made
# anew: the caller takes their interfaces down and up.
sub configure {
    my ($sections) = @_;
    my @changed;
    for my $name (sort keys %$sections) {
        my $there = $devices{$name};
        if (!$there) {
            $devices{$name} = create($name, $sections->{$name});
        } elsif (!same($there->{section}, $sections->{$name})) {
            push @changed, $name;
        }
        if (section_type($sections->{$name}) eq 'bridge') {
            object($_)->{users}{$name} = 1 for StandIn::Netifd::Config::words($sections->{$name}{ports});
        }
    }
    push @changed, grep { %{ $devices{$_}{section} } && !$sections->{$_} } sort keys %devices;
    return @changed;
}

sub replace_section {
    my ($name, $section) = @_;
    my $device = $devices{$name} or return;
    $device->{section} = $section // {};
    $device->{type} = section_type($device->{section});
}

sub same {
    my ($one, $other) = @_;
    my $text = sub { my ($h) = @_; join "\0", map { ($_, ref $h->{$_} ? @{ $h->{$_} } : $h->{$_}) } sort keys %$h };
    return $text->($one) eq $text->($other);
}

# Objects that nothing refers to any more.
sub forget_unused {
    for my $name (keys %devices) {
        my $device = $devices{$name};
        for my $user (keys %{ $device->{users} }) {
            next unless $devices{$user};
            delete $device->{users}{$user} unless grep { $_ eq $name } $devices{$user}->ports;
        }
        delete $devices{$name} unless %{ $device->{section} } || %{ $device->{users} } || %{ $device->{claims} };
    }
}

sub ports { my ($self) = @_; return StandIn::Netifd::Config::words($self->{section}{ports}) }

sub present {
    my ($self) = @_;
    return 1 if $self->{type} eq 'tunnel';
    return !!$kernel{ $self->{name} } if $self->{type} eq 'plain';
    return StandIn::Netifd::Config::truth($self->{section}{bridge_empty}) || scalar grep { $kernel{$_} } $self->ports;
}

sub link_up { my ($self) = @_; my $k = $kernel{ $self->{name} }; return $k && $k->{link} }
sub in_use { my ($self) = @_; return scalar %{ $self->{claims} } }

sub claim {
    my ($self, $by) = @_;
    if (!%{ $self->{claims} }) {
        my $make = "make_$self->{type}";
        return 0 unless $self->$make;
        StandIn::Netifd::Kernel::run('link', 'set', 'dev', $self->{name}, 'up');
        # Our own doing needn't wait for the kernel's message about it.
        $kernel{ $self->{name} } //= { name => $self->{name}, index => index_of($self->{name}), up => 1, link => 0 };
    }
    $self->{claims}{$by} = 1;
    return 1;
}

sub release {
    my ($self, $by) = @_;
    return unless delete $self->{claims}{$by};
    return if %{ $self->{claims} };
    return StandIn::Netifd::Kernel::run('link', 'del', 'dev', $self->{name}) if $self->{type} eq 'tunnel';
    StandIn::Netifd::Kernel::add(4, "link set dev $self->{name} down");
    if ($self->{type} eq 'bridge') {
        StandIn::Netifd::Kernel::add(4, "link set dev $_ nomaster down") for grep { $kernel{$_} } $self->ports;
        StandIn::Netifd::Kernel::add(4, "link del dev $self->{name}");
        delete $kernel{ $self->{name} };
    }
    StandIn::Netifd::Kernel::flush();
    if ($self->{type} eq 'bridge') { StandIn::Netifd::Kernel::ipv6_setting($_, 'disable_ipv6', 0) for $self->ports }
}

sub index_of { return StandIn::Netifd::Kernel::read_file("/sys/class/net/$_[0]/ifindex") // 0 }

sub make_plain {
    my ($self) = @_;
    my ($name, $section) = @$self{qw(name section)};
    return 0 unless $kernel{$name};
    StandIn::Netifd::Kernel::add(4, "link set dev $name address $section->{macaddr}") if $section->{macaddr};
    StandIn::Netifd::Kernel::add(4, "link set dev $name mtu $section->{mtu}") if $section->{mtu};
    return 1;
}

sub make_bridge {
    my ($self) = @_;
    my $name = $self->{name};
    return 0 unless $self->present;
    StandIn::Netifd::Kernel::add(4, "link del dev $name") if $kernel{$name};
    StandIn::Netifd::Kernel::add(4, "link add name $name type bridge stp_state 0 forward_delay 200 mcast_snooping 0");
    StandIn::Netifd::Kernel::flush();
    for my $port (grep { $kernel{$_} } $self->ports) {
        $self->enslave($port);
    }
    my ($first) = grep { $kernel{$_} } $self->ports;
    my $address = $self->{section}{macaddr} // ($first && StandIn::Netifd::Kernel::read_file("/sys/class/net/$first/address"));
    StandIn::Netifd::Kernel::add(4, "link set dev $name address $address") if $address;
    StandIn::Netifd::Kernel::add(4, "link set dev $name mtu $self->{section}{mtu}") if $self->{section}{mtu};
    return 1;
}

sub enslave {
    my ($self, $port) = @_;
    StandIn::Netifd::Kernel::ipv6_setting($port, 'disable_ipv6', 1);
    StandIn::Netifd::Kernel::add(4, "link set dev $port master $self->{name}");
    StandIn::Netifd::Kernel::add(4, "link set dev $port up");
}

# `config device` of type tunnel. It can't carry an encapsulation limit, so the kernel gets 0, not none.
sub make_tunnel {
    my ($self) = @_;
    my ($name, $mtu) = ($self->{name}, $self->{section}{mtu});
    tunnel($name, { %{ $self->{section} }, encaplimit => 0, mtu => undef }) or return 0;
    return 1 unless defined $mtu;
    # IPv6 keeps the smaller size that the kernel worked out for the tunnel; a device that goes up forgets it.
    my $own = StandIn::Netifd::Kernel::read_file("/proc/sys/net/ipv6/conf/$name/mtu");
    StandIn::Netifd::Kernel::run('link', 'set', 'dev', $name, 'mtu', $mtu, 'up');
    StandIn::Netifd::Kernel::ipv6_setting($name, 'mtu', $own) if defined $own && $own < $mtu;
    return 1;
}

# An ip6tnl as netifd makes it, in the place of whatever has that name.
sub tunnel {
    my ($name, $given) = @_;
    return 0 if length $name > 15 || ($given->{mode} // '') ne 'ipip6';
    for my $end (qw(local remote)) {
        return 0 if defined $given->{$end} && !defined StandIn::Netifd::Address::canonical($given->{$end});
    }
    StandIn::Netifd::Kernel::run('link', 'del', 'dev', $name) if $kernel{$name} || index_of($name);
    delete $kernel{$name};
    return StandIn::Netifd::Kernel::run('link', 'add', 'name', $name,
        defined $given->{mtu} ? (mtu => $given->{mtu}) : (), 'type', 'ip6tnl', 'mode', 'ipip6',
        (map { defined $given->{$_} ? ($_ => $given->{$_}) : () } qw(local remote)),
        ttl => $given->{ttl} // 64, encaplimit => $given->{encaplimit} // 'none',
        defined $given->{link} ? (dev => $given->{link}) : ());
}

1;
