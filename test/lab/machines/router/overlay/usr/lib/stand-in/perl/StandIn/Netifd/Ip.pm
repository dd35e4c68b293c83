package StandIn::Netifd::Ip;

# What an interface puts into the kernel: addresses, routes, and the rules of an own table. Everything
# is noted as a pair of lines (to add, to take away), so what goes is exactly what came.

use strict;
use StandIn::Netifd::Address qw(family network);
use StandIn::Netifd::Kernel;

sub ADDRESS_PRIORITY() { 10000 } sub NETWORK_PRIORITY() { 20000 } sub LOOPBACK_PRIORITY() { 90000 }

# An address of a protocol: { address, mask, peer, broadcast }.
sub address_lines {
    my ($address, $device, $metric, $table) = @_;
    my $family = family($address->{address});
    my $own_route = defined $metric && $metric ne '0' || defined $table;
    my $text = defined $address->{peer} && $address->{peer} ne '0.0.0.0'
        ? "$address->{address} peer $address->{peer}/$address->{mask}" : "$address->{address}/$address->{mask}";
    my $more = '';
    if ($family == 4 && $device ne 'lo' && !defined $address->{peer} && $address->{mask} < 31) { $more .= ' broadcast +' }
    elsif ($family == 4 && ($address->{peer} // '') eq '0.0.0.0') { $more .= ' broadcast 255.255.255.255' }
    if ($address->{deprecated}) { $more .= ' valid_lft forever preferred_lft 0' }
    my @pairs = [ $family, "addr replace $text$more dev $device", "addr del $text dev $device" ];
    return @pairs unless $own_route;
    my $net = network($address->{address}, $address->{mask}) . "/$address->{mask}";
    my $where = ($table ? " table $table" : '') . ($metric ? " metric $metric" : '');
    my $scope = $family == 4 ? ' scope link' : '';
    my $single = $family == 6 ? 128 : 32;
    push @pairs, [ $family, "route del $net dev $device proto kernel",
        $family == 4 ? "route replace $net dev $device proto kernel scope link src $address->{address}" : "route replace $net dev $device proto kernel metric 256" ]
        if $address->{mask} < $single;
    push @pairs, [ $family, "route replace $net dev $device proto static$scope$where", "route del $net dev $device$where" ];
    return @pairs unless $table;
    push @pairs,
        rule($family, "from $address->{address}/$single", $table, ADDRESS_PRIORITY),
        rule($family, "from all to $net", $table, NETWORK_PRIORITY);
    return @pairs;
}

sub rule {
    my ($family, $selector, $table, $priority) = @_;
    my $text = "$selector priority $priority lookup $table";
    return [ $family, "rule add $text", "rule del $text" ];
}

# Given a table of its own, an interface also has the router itself look there.
sub loopback_rules {
    my ($table4, $table6, $index) = @_;
    return (
        $table4 ? rule(4, 'from all iif lo', $table4, LOOPBACK_PRIORITY + $index) : (),
        $table6 ? rule(6, 'from all iif lo', $table6, LOOPBACK_PRIORITY + $index) : (),
    );
}

# `replace`, as netifd asks the kernel: a route with the same target and metric gives way.
sub route_lines {
    my ($route, $device, $metric, $table) = @_;
    my $family = $route->{family};
    my $type = $route->{type} && $route->{type} ne 'unicast' ? $route->{type} : '';
    my $bound = $type !~ /\A(?:unreachable|blackhole|prohibit|throw)\z/;
    my $text = ($type ? "$type " : '') . "$route->{target}/$route->{mask}";
    $text .= " via $route->{gateway}" if $bound && defined $route->{gateway};
    $text .= " dev $device" if $bound;
    $metric = $route->{metric} // $metric;
    $table = $route->{table} // $table;
    my $key = $text . ($metric ? " metric $metric" : '') . ($table ? " table $table" : '');
    my $more = ' proto ' . ($route->{proto} // 'static');
    $more .= " mtu $route->{mtu}" if defined $route->{mtu} && $bound;
    $more .= ' onlink' if $route->{onlink} && defined $route->{gateway};
    $more .= $family == 6 ? " from $route->{source}" : " src $route->{source}" if defined $route->{source};
    return [ $family, "route replace $key$more", "route del $key" ];
}

sub add { my (@pairs) = @_; StandIn::Netifd::Kernel::add($_->[0], $_->[1]) for @pairs }
sub remove { my (@pairs) = @_; StandIn::Netifd::Kernel::add($_->[0], $_->[2]) for reverse @pairs }

# From one set of pairs to another, leaving alone what is in both.
sub change {
    my ($old, $new) = @_;
    my %old = map { ("$_->[0] $_->[1]" => 1) } @$old;
    my %new = map { ("$_->[0] $_->[1]" => 1) } @$new;
    remove(grep { !$new{"$_->[0] $_->[1]"} } @$old);
    add(grep { !$old{"$_->[0] $_->[1]"} } @$new);
}

1;
