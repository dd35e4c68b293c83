package StandIn::Fw4::Load;

# From /etc/config/firewall (with what is staged) and what ubus says about interfaces to zones and rules.

use strict;
use StandIn::Uci;
use StandIn::Json qw(parse get plain);
use StandIn::Ubus::Wire;
use StandIn::Fw4::Section;
use StandIn::Fw4::Values;
use StandIn::Fw4::Zone;
use StandIn::Fw4::Rule;
use StandIn::Fw4::Nat;

sub LIST() { 1 } sub UNSUPPORTED() { 8 }

my @defaults = (
    [ input => 'policy', 'drop' ], [ output => 'policy', 'drop' ], [ forward => 'policy', 'drop' ],
    [ drop_invalid => 'bool', '0' ], [ drop_invalid_early => 'bool', '0' ],
    [ tcp_reject_code => 'reject_code', 'tcp-reset' ], [ any_reject_code => 'reject_code', 'port-unreachable' ],
    [ syn_flood => 'bool' ], [ synflood_protect => 'bool' ], [ synflood_rate => 'limit', '25/second' ], [ synflood_burst => 'integer', '50' ],
    [ tcp_syncookies => 'bool', '1' ], [ tcp_ecn => 'integer' ], [ tcp_window_scaling => 'bool', '1' ],
    [ accept_redirects => 'bool' ], [ accept_source_route => 'bool' ], [ auto_helper => 'bool', '1' ],
    [ custom_chains => 'bool', undef, UNSUPPORTED ], [ disable_ipv6 => 'bool', undef, UNSUPPORTED ],
    [ flow_offloading => 'bool', '0' ], [ flow_offloading_hw => 'bool', '0' ], [ auto_includes => 'bool', '1' ],
);

# name, protocol, port, family, description, kernel module
my @helpers = (
    [ 'amanda', 'udp', 10080, 0, 'Amanda backup and archiving proto', 'amanda' ], [ 'ftp', 'tcp', 21, 0, 'FTP passive connection tracking', 'ftp' ],
    [ 'RAS', 'udp', 1719, 0, 'RAS proto tracking', 'h323' ], [ 'Q.931', 'tcp', 1720, 0, 'Q.931 proto tracking', 'h323' ],
    [ 'irc', 'tcp', 6667, 4, 'IRC DCC connection tracking', 'irc' ],
    [ 'netbios-ns', 'udp', 137, 4, 'NetBIOS name service broadcast tracking', 'netbios_ns' ],
    [ 'sane', 'tcp', 6566, 0, 'SANE scanner connection tracking', 'sane' ], [ 'sip', 'udp', 5060, 0, 'SIP VoIP connection tracking', 'sip' ],
    [ 'snmp', 'udp', 161, 4, 'SNMP monitoring connection tracking', 'snmp' ], [ 'tftp', 'udp', 69, 0, 'TFTP connection tracking', 'tftp' ],
);

sub state {
    my $state = { zones => [], rules => [], nat => [], helpers => [] };
    for my $helper (@helpers) {
        my ($name, $protocol, $port, $family, $description, $module) = @$helper;
        next unless -d "/sys/module/nf_conntrack_$module";
        push @{ $state->{helpers} }, { name => $name, protocol => $protocol, port => $port, family => $family, description => $description };
    }
    read_ubus($state);
    my $package = StandIn::Uci->new->try('firewall');
    my %sections;
    my %count;
    for my $section (@{ $package ? $package->{sections} : [] }) {
        my $number = $count{ $section->{type} }++ // 0;
        push @{ $sections{ $section->{type} } }, StandIn::Fw4::Section->new(
            id => $section->{anonymous} ? "\@$section->{type}\[$number]" : $section->{name}, options => $section->{options});
    }
    for my $section (@{ $sections{defaults} // [ StandIn::Fw4::Section->new(options => []) ] }) {
        if ($state->{defaults}) {
            $section->complain(': ignoring duplicate defaults section');
            next;
        }
        my $defaults = $section->read(\@defaults, {}) // $section->read([], {});
        $defaults->{synflood_protect} //= $defaults->{syn_flood};
        $state->{defaults} = $defaults;
    }
    my %parsers = (
        address => sub { StandIn::Fw4::Values::address($_[0], $state->{networks}) },
        zone => sub { zone($state, $_[0]) },
    );
    StandIn::Fw4::Zone::add($state, $_, \%parsers) for @{ $sections{zone} // [] };
    StandIn::Fw4::Rule::add($state, $_, \%parsers) for of_ubus($state, 'rule'), @{ $sections{rule} // [] };
    StandIn::Fw4::Rule::add_forwarding($state, $_, \%parsers) for @{ $sections{forwarding} // [] };
    StandIn::Fw4::Nat::add_redirect($state, $_, \%parsers) for @{ $sections{redirect} // [] };
    StandIn::Fw4::Nat::add($state, $_, \%parsers) for of_ubus($state, 'nat'), @{ $sections{nat} // [] };
    return $state;
}

sub zone {
    my ($state, $name) = @_;
    return { any => 1 } if $name eq '*';
    my ($zone) = grep { $_->{name} eq $name } @{ $state->{zones} };
    return $zone ? { zone => $zone } : undef;
}

sub of_ubus {
    my ($state, $type) = @_;
    return grep { $_->{type} eq $type } @{ $state->{ubus} };
}

sub read_ubus {
    my ($state) = @_;
    $state->{networks} = {};
    $state->{ubus} = [];
    my $bus = StandIn::Ubus::Wire::dial() or return;
    StandIn::Ubus::Wire::send_to($bus, 'call', 'compact', 'network.interface', 'dump', '');
    my $buffer = '';
    my ($status, $text) = StandIn::Ubus::Wire::receive($bus, \$buffer, time + 30);
    return if !defined $status || $status || $text eq '';
    for my $interface (@{ plain(get(parse($text), 'interface')) }) {
        my @addresses = (@{ $interface->{'ipv4-address'} // [] }, @{ $interface->{'ipv6-address'} // [] },
            map { $_->{'local-address'} // () } @{ $interface->{'ipv6-prefix-assignment'} // [] });
        $state->{networks}{ $interface->{interface} } = {
            device => $interface->{l3_device} // $interface->{device}, zone => $interface->{data}{zone},
            subnets => [ map { StandIn::Fw4::Values::subnet($_->{address}, $_->{mask}) } @addresses ],
        };
        my $number = 0;
        for my $given (@{ $interface->{data}{firewall} // [] }) {
            my $type = $given->{type} // 'rule';
            my %option = (device => $interface->{l3_device}, %$given,
                name => "ubus:$interface->{interface}\[$interface->{proto}] $type " . $number++);
            push @{ $state->{ubus} }, StandIn::Fw4::Section->new(type => $type,
                options => [ map { { name => $_, value => $option{$_} } } sort keys %option ]);
        }
    }
}

1;
