package StandIn::Netifd::Proto;

# The protocols. Each is a package with: no_device (makes its own), forces_link (doesn't wait for the
# link), restart_options (options whose change means down and up), setup, teardown, remove_device.

use strict;
use StandIn::Json qw(object boolean);
use StandIn::Netifd::Proto::None;
use StandIn::Netifd::Proto::Static;
use StandIn::Netifd::Proto::Tunnel;

my %handler = (static => 'StandIn::Netifd::Proto::Static', map { ($_ => 'StandIn::Netifd::Proto::Waiting') } qw(dhcp dhcpv6));

# Handlers of the package ds-lite are read once, at the start, as all shell protocols are.
my $scripts = '/lib/netifd/proto';
$handler{$_} = 'StandIn::Netifd::Proto::Tunnel' for -e "$scripts/dslite.sh" ? qw(dslite ipip6) : ();

sub of {
    my ($name) = @_;
    my $package = $handler{ $name // '' };
    return bless { name => $package ? $name : 'none' }, $package // 'StandIn::Netifd::Proto::None';
}

my %tunnel = map { ($_ => 'string') } qw(ip6addr peeraddr tunlink encaplimit zone weakif ip4ifaddr);
@tunnel{qw(mtu ttl)} = ('uinteger') x 2;
my @tunnel = qw(ip6addr peeraddr tunlink mtu ttl encaplimit zone weakif);
my @others = qw(6in4 6rd 6to4 dhcp dhcpv6 ipip map static vxlan vxlan6);

sub handlers {
    my @names = sort @others, grep { $_ =~ /\A(?:dslite|ipip6)\z/ } keys %handler;
    return object(map { ($_ => description($_)) } @names);
}

sub description {
    my ($name) = @_;
    my $tunnel = $name =~ /\A(?:dslite|ipip6)\z/;
    my @keys = !$tunnel ? () : $name eq 'ipip6' ? (@tunnel, 'ip4ifaddr') : @tunnel;
    return object(
        validate => object(map { ($_ => $tunnel{$_}) } @keys),
        immediate => boolean($name eq 'static'), no_device => boolean($name !~ /\A(?:dhcp|dhcpv6|static)\z/),
        init_available => boolean($name ne 'static'), renew_available => boolean($name =~ /\Adhcp/),
        force_link_default => boolean($name eq 'static'), last_error => boolean(0),
        teardown_on_l3_link_down => boolean(0), no_task => boolean(0),
    );
}

1;
