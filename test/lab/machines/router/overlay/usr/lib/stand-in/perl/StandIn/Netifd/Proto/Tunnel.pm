package StandIn::Netifd::Proto::Tunnel;

# proto dslite and proto ipip6: an ip6tnl of netifd's own making, bound to the interface `tunlink`,
# and going down with it. What makes these fail is either final (autostart off) or tried again forever,
# without an error in the status: that is what the real ones do.

use strict;
use POSIX ();
use Socket qw(AF_INET6 getaddrinfo);
use StandIn::Json qw(object spaced number boolean);
use StandIn::Netifd::Address qw(canonical family with_mask);
use StandIn::Netifd::Device;
use StandIn::Netifd::Kernel;
use StandIn::Netifd::Event;
use StandIn::Netifd::Proto::None;

our @ISA = ('StandIn::Netifd::Proto::None');

sub RETRY() { 3 }

my %resolving;    # pid => [ interface name, pipe ]

sub no_device   { return 1 }
sub forces_link { return 1 }
sub restart_options { return qw(ip6addr peeraddr tunlink mtu ttl encaplimit zone weakif ip4ifaddr) }
sub device_name { my ($self, $interface) = @_; return ($self->{name} eq 'dslite' ? 'ds-' : 'ipip6-') . $interface->{name} }

# The interface that has to be up for this one: `tunlink`, else any with an IPv6 default route.
sub underlay {
    my ($interface) = @_;
    my $link = $interface->option('tunlink');
    if (defined $link) {
        my $found = StandIn::Netifd::Interface::named($link);
        return $found && $found->is_up ? $found : undef;
    }
    my ($found) = grep { $_->is_up && grep { $_->{family} == 6 && !$_->{mask} } @{ $_->{result}{routes} } } StandIn::Netifd::Interface::list();
    return $found;
}

sub setup {
    my ($self, $interface) = @_;
    my $peer = $interface->option('peeraddr');
    if (!defined $peer) {
        $interface->{autostart} = 0;
        $interface->set_down;
        return $interface->error($self->{name}, 'MISSING_ADDRESS');
    }
    return lose_underlay($interface) unless underlay($interface);
    return $self->finish($interface, canonical($peer)) if $peer =~ /:/ && defined canonical($peer);
    $self->resolve($interface, $peer);
}

sub lose_underlay {
    my ($interface) = @_;
    $interface->{available} = 0;
    $interface->set_down;
    $interface->error('interface', 'NO_DEVICE') if $interface->{autostart} && !@{ $interface->{errors} };
}

# Some interface went up or down.
sub follow {
    my ($interface) = @_;
    my $there = underlay($interface);
    if (!$there && $interface->{available} && $interface->{state} ne 'down') {
        lose_underlay($interface);
    } elsif ($there && !$interface->{available}) {
        $interface->{available} = 1;
        $interface->set_up if $interface->{autostart};
    }
}

# A name server may take its time, so a child asks.
sub resolve {
    my ($self, $interface, $name) = @_;
    pipe my $read, my $write or return;
    my $pid = fork // return;
    if (!$pid) {
        alarm 10;
        my ($error, @found) = getaddrinfo($name, undef, { family => AF_INET6 });
        my ($address) = map { Socket::inet_ntop(AF_INET6, (Socket::unpack_sockaddr_in6($_->{addr}))[1]) } @found;
        syswrite $write, $address if defined $address;
        POSIX::_exit(0);
    }
    $resolving{$pid} = [ $interface->{name}, $read ];
}

sub children { return keys %resolving }

# A child has ended; true if it was one of these.
sub ended {
    my ($pid) = @_;
    my ($name, $pipe) = @{ delete $resolving{$pid} // return 0 };
    sysread $pipe, my $address, 100;
    my $interface = StandIn::Netifd::Interface::named($name);
    return 1 unless $interface && $interface->{state} eq 'setup' && ref $interface->{proto} eq __PACKAGE__;
    if ($address) { $interface->{proto}->finish($interface, $address) } else { again($interface) }
    return 1;
}

sub again { my ($interface) = @_; $interface->{retry} = time + RETRY }

sub retry {
    my ($interface) = @_;
    delete $interface->{retry};
    $interface->say('is now down');
    $interface->setup;
}

# The local end: as configured, else the underlay's own address, else that of `weakif`.
sub local_end {
    my ($interface, $underlay) = @_;
    my $given = $interface->option('ip6addr');
    return $given if defined $given;
    my $weak = StandIn::Netifd::Interface::named($interface->option('weakif') // 'lan');
    for my $from ($underlay, $weak && $weak->is_up ? $weak : ()) {
        my ($address) = grep { $_->{address} =~ /:/ } @{ $from->{result}{addresses} };
        return $address->{address} if $address;
        my ($assigned) = StandIn::Netifd::Prefix::assignments($from->{name});
        return $assigned->{local} if $assigned;
    }
    return undef;
}

sub finish {
    my ($self, $interface, $remote) = @_;
    my $underlay = underlay($interface) or return lose_underlay($interface);
    my $local = local_end($interface, $underlay) // return again($interface);
    my $limit = $interface->option('encaplimit') // 'ignore';
    my %tunnel = (mode => 'ipip6', mtu => $interface->option('mtu') // 1280, ttl => $interface->option('ttl') // 64,
        local => $local, remote => $remote, defined $interface->option('tunlink') ? (link => $underlay->{l3}) : ());
    my $name = $self->device_name($interface);
    my $good = $limit eq 'ignore' || $limit =~ /\A\d+\z/ && $limit < 256;
    $good &&= StandIn::Netifd::Device::tunnel($name, { %tunnel, encaplimit => $limit eq 'ignore' ? 'none' : $limit })
        && StandIn::Netifd::Kernel::run('link', 'set', 'dev', $name, 'up');
    if (!$good) {
        $self->complain($interface, $name, \%tunnel, $limit);
        return again($interface);
    }
    StandIn::Netifd::Device::adopt($name, $interface->{name});
    my %result = (l3 => $name, prefixes => [], routes => [ { family => 4, target => '0.0.0.0', mask => 0 } ], addresses => []);
    if ($self->{name} eq 'dslite') {
        $result{addresses} = [ { address => '192.0.0.2', mask => 32, peer => '192.0.0.1' } ];
        my $zone = $interface->option('zone');
        $result{data} = object(defined $zone ? (zone => $zone) : (), firewall => [ object(type => 'nat', target => 'ACCEPT') ]);
    } else {
        my ($address) = with_mask($interface->option('ip4ifaddr') // '');
        $result{addresses} = [ { address => $address, mask => 32, peer => '0.0.0.0' } ] if defined $address && family($address) == 4;
    }
    $interface->came_up(\%result);
    StandIn::Netifd::Event::log_line("tunnel '$name' link is up");
}

# The only place where a bad value shows: the protocol script's own failed call, in the log.
sub complain {
    my ($self, $interface, $name, $tunnel, $limit) = @_;
    my $address = $self->{name} eq 'dslite' ? object(ipaddr => '192.0.0.2', ptp => '192.0.0.1')
        : object(ipaddr => $interface->option('ip4ifaddr') // '', ptp => '0.0.0.0');
    my $link = $interface->option('tunlink');
    my $message = object(
        action => number(0), ifname => $name, 'link-up' => boolean(1),
        tunnel => object(mode => 'ipip6', mtu => number($tunnel->{mtu}), ttl => number($tunnel->{ttl}), local => $tunnel->{local},
            remote => $tunnel->{remote}, defined $link ? (link => $link) : (),
            data => object(defined $interface->option('encaplimit') ? (encaplimit => $limit) : ())),
        data => object(), keep => boolean(0), ipaddr => [$address],
        routes => [ object(target => '0.0.0.0', netmask => '0') ], interface => $interface->{name},
    );
    StandIn::Netifd::Event::log_line("$interface->{name} ($$): Command failed: ubus call network.interface notify_proto "
        . spaced($message) . ' (Unknown error)');
}

sub remove_device {
    my ($self, $interface) = @_;
    my $name = $self->device_name($interface);
    StandIn::Netifd::Device::disown($name, $interface->{name});
    StandIn::Netifd::Kernel::run('link', 'del', 'dev', $name) if length $name < 16 && StandIn::Netifd::Device::index_of($name);
}

1;
