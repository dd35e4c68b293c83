package StandIn::Fw4::Nat;

# config nat, which is also how a dslite interface asks not to be masqueraded, and config redirect (DNAT
# of ports; without the reflection rules).

use strict;
use StandIn::Fw4::Rule;

sub LIST() { 1 } sub FLAT() { 2 } sub PLAIN() { 4 }

my @nat = (
    [ enabled => 'bool', '1' ], [ name => 'string' ], [ family => 'family_name', 'ipv4' ], [ src => 'zone' ], [ device => 'string' ],
    [ proto => 'protocol', 'all', LIST | FLAT ], [ src_ip => 'address', undef, LIST ], [ src_port => 'port', undef, LIST ],
    [ dest_ip => 'address', undef, LIST ], [ dest_port => 'port', undef, LIST ], [ snat_ip => 'string' ], [ snat_port => 'string' ],
    [ limit => 'limit' ], [ limit_burst => 'integer' ], [ mark => 'string' ], [ counter => 'bool', '1' ], [ log => 'string' ],
    [ target => 'target', 'masquerade' ],
);

sub add {
    my ($state, $section, $parsers) = @_;
    my $nat = $section->read(\@nat, $parsers);
    return $section->complain('skipped due to invalid options') unless $nat;
    return $section->complain('is disabled, ignoring section') unless $nat->{enabled};
    my $zone = $nat->{src} && $nat->{src}{zone};
    my $family = $nat->{family} || 4;
    my $to = $nat->{snat_ip};
    my $verdict = $nat->{target} eq 'snat' ? 'snat ' . ($family == 6 ? 'ip6' : 'ip') . ' to ' . ($to // '') : $nat->{target};
    return $section->complain("has no 'snat_ip' option specified") if $nat->{target} eq 'snat' && !defined $to;
    $zone->{destination}{snat} = 1 if $zone;
    push_rules($state, $nat, $section, $zone ? "srcnat_$zone->{name}" : 'srcnat', $family, $verdict,
        defined $nat->{device} ? (oifname => $nat->{device}) : ());
}

sub push_rules {
    my ($state, $given, $section, $chain, $family, $verdict, %more) = @_;
    my ($source, $destination) = map { StandIn::Fw4::Zone::by_family($given->{$_})->{$family} } qw(src_ip dest_ip);
    $destination = $more{destinations} if $more{destinations};
    for my $protocol (@{ $given->{proto} }) {
        my $ported = ($protocol->{name} // '') =~ /\A(?:tcp|udp)\z/;
        push @{ $state->{nat} }, {
            chain => $chain, name => $given->{name} // $section->{id}, family => $family, protocol => $protocol, counter => $given->{counter},
            sources => $source,
            $ported ? (sports => StandIn::Fw4::Rule::split_signs($given->{src_port}), dports => StandIn::Fw4::Rule::split_signs($given->{dest_port})) : (),
            checks_ports => $ported && ($given->{src_port} || $given->{dest_port}), %more, destinations => $destination, verdict => $verdict,
        };
    }
}

my @redirect = (
    [ enabled => 'bool', '1' ], [ name => 'string' ], [ family => 'family_name', 'ipv4' ], [ src => 'zone' ], [ dest => 'zone' ],
    [ proto => 'protocol', 'tcpudp', LIST | FLAT ], [ src_ip => 'address' ], [ src_mac => 'mac', undef, LIST ], [ src_port => 'port' ],
    [ src_dip => 'address' ], [ src_dport => 'port' ], [ dest_ip => 'address' ], [ dest_port => 'port' ],
    (map { [ $_ => 'string' ] } qw(ipset helper limit limit_burst mark reflection reflection_src log)), [ reflection_zone => 'string', undef, LIST ],
    [ counter => 'bool', '1' ], [ target => 'target', 'dnat' ],
);

sub add_redirect {
    my ($state, $section, $parsers) = @_;
    my $redirect = $section->read(\@redirect, $parsers);
    return $section->complain('skipped due to invalid options') unless $redirect;
    return $section->complain('is disabled, ignoring section') unless $redirect->{enabled};
    return if $redirect->{target} ne 'dnat';
    my $zone = $redirect->{src} && $redirect->{src}{zone} or return $section->complain('has no source specified');
    my ($address) = map { $_->{text} } @{ $redirect->{dest_ip}{subnets} // [] };
    my $port = $redirect->{dest_port} // $redirect->{src_dport};
    my $family = $redirect->{family} || 4;
    my $to = !defined $address ? '' : $family == 6 ? "[$address]" : $address;
    $to .= ":$port->{text}" if $port;
    $zone->{destination}{dnat} = 1;
    push_rules($state, { %$redirect, src_ip => $redirect->{src_ip} && [ $redirect->{src_ip} ], dest_ip => $redirect->{src_dip} && [ $redirect->{src_dip} ],
        src_port => $redirect->{src_port} && [ $redirect->{src_port} ], dest_port => $redirect->{src_dport} && [ $redirect->{src_dport} ] },
        $section, "dstnat_$zone->{name}", $family, defined $address ? 'dnat ' . ($family == 6 ? 'ip6' : 'ip') . " to $to" : "redirect to $to");
}

1;
