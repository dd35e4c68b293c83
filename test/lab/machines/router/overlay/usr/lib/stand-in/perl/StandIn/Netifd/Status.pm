package StandIn::Netifd::Status;

# What `ubus call network.interface.X status` says.

use strict;
use StandIn::Json qw(object number boolean);

sub status {
    my ($interface) = @_;
    my $up = $interface->is_up;
    my @errors = map { object(subsystem => $_->{subsystem}, code => $_->{code}, @{ $_->{data} } ? (data => $_->{data}) : ()) }
        @{ $interface->{errors} };
    return (
        up => boolean($up), pending => boolean($interface->{state} eq 'setup'),
        available => boolean($interface->{available}), autostart => boolean($interface->{autostart}), dynamic => boolean(0),
        $up ? (uptime => number(time - $interface->{since}), l3_device => $interface->{l3}) : (),
        proto => $interface->{proto}{name},
        defined $interface->{device} ? (device => $interface->{device}) : (),
        $up ? while_up($interface) : (),
        data => $up && $interface->{result}{data} || object(),
        @errors ? (errors => \@errors) : (),
    );
}

sub while_up {
    my ($interface) = @_;
    my ($active, $inactive) = $interface->proto_routes;
    my @updated = grep { $interface->{updated}{$_} } qw(addresses routes prefixes data);
    my $delegate = $interface->option('delegate');
    my ($table4, $table6) = ($interface->table4, $interface->table6);
    my $weight = $interface->option('ip6weight');
    return (
        @updated ? (updated => \@updated) : (),
        defined $table4 ? (ip4table => number($table4)) : (),
        defined $table6 ? (ip6table => number($table6)) : (),
        metric => number($interface->option('metric') // 0), dns_metric => number($interface->option('dns_metric') // 0),
        delegation => boolean(!defined $delegate || StandIn::Netifd::Config::truth($delegate)),
        $weight ? (ip6weight => number($weight)) : (),
        'ipv4-address' => [ map { address($_) } grep { $_->{address} !~ /:/ } @{ $interface->{result}{addresses} } ],
        'ipv6-address' => [ map { address($_) } grep { $_->{address} =~ /:/ } @{ $interface->{result}{addresses} } ],
        'ipv6-prefix' => [ prefixes($interface) ],
        'ipv6-prefix-assignment' => [ map { assignment($_) } StandIn::Netifd::Prefix::assignments($interface->{name}) ],
        route => [ map { route($_) } @$active, @{ $interface->{routes} } ],
        'dns-server' => [ StandIn::Netifd::Config::words($interface->option('dns')) ],
        'dns-search' => [ StandIn::Netifd::Config::words($interface->option('dns_search')) ],
        neighbors => [],
        inactive => object('ipv4-address' => [], 'ipv6-address' => [], route => [ map { route($_) } @$inactive ],
            'dns-server' => [], 'dns-search' => [], neighbors => []),
    );
}

sub address {
    my ($address) = @_;
    my $peer = $address->{peer};
    return object(address => $address->{address}, mask => number($address->{mask}),
        defined $peer && $peer ne '0.0.0.0' ? (ptpaddress => $peer) : ());
}

sub assignment {
    my ($given) = @_;
    return object(address => $given->{address}, mask => number($given->{mask}),
        'local-address' => object(address => $given->{local}, mask => number($given->{mask})));
}

sub prefixes {
    my ($interface) = @_;
    my @prefixes;
    for my $prefix (@{ $interface->{result}{prefixes} }) {
        my $share = StandIn::Netifd::Prefix::share({ %$prefix, interface => $interface->{name} });
        push @prefixes, object(
            address => $prefix->{address}, mask => number($prefix->{mask}), class => $prefix->{class},
            assigned => object(map { ($_ => object(address => $share->{$_}[0], mask => number($share->{$_}[1]))) } sort keys %$share),
        );
    }
    return @prefixes;
}

sub route {
    my ($route) = @_;
    my $any = $route->{family} == 6 ? '::' : '0.0.0.0';
    return object(
        target => $route->{target}, mask => number($route->{mask}), nexthop => $route->{gateway} // $any,
        $route->{type_number} ? (type => number($route->{type_number})) : (),
        defined $route->{mtu} ? (mtu => number($route->{mtu})) : (),
        defined $route->{metric} ? (metric => number($route->{metric})) : (),
        defined $route->{table} ? (table => number($route->{table})) : (),
        defined $route->{valid} ? (valid => number($route->{valid})) : (),
        source => ($route->{source} // $any) . '/' . (defined $route->{source} ? ($route->{family} == 6 ? 128 : 32) : 0),
    );
}

1;
