package StandIn::Fw4::Ruleset;

# Puts the whole table together.

use strict;
use StandIn::Fw4::Render;

sub heading { my ($text) = @_; return "\n\n\t#\n\t# $text\n\t#\n" }
sub chain { my ($name, @lines) = @_; return "\n\tchain $name {\n" . join('', map { $_ eq '' ? "\n" : "\t\t$_\n" } @lines) . "\t}\n" }
sub dropping { my ($policy) = @_; return $policy eq 'accept' ? 'accept' : 'drop' }

sub text {
    my ($state) = @_;
    my @zones = @{ $state->{zones} };
    my $defaults = $state->{defaults};
    my %rules;
    push @{ $rules{ $_->{chain} } }, StandIn::Fw4::Render::rule($_) for @{ $state->{rules} }, @{ $state->{nat} };
    my $of = sub { return @{ $rules{ $_[0] } // [] } };
    my $jumps = sub { my ($direction, $flag) = @_; return map { my $zone = $_; map { StandIn::Fw4::Render::jump($zone, $_, $direction) } @{ $zone->{matches} } }
        grep { !$flag || $_->{destination}{$flag} } @zones };
    my $rejects = sub { return $defaults->{ $_[0] } eq 'reject' ? 'jump handle_reject' : () };
    my $flood = $defaults->{synflood_protect} && $defaults->{synflood_rate};
    my $invalid = $defaults->{drop_invalid} ? ', invalid : drop' : '';
    my $known = sub { return "ct state vmap { established : accept, related : accept$invalid } comment \"!fw4: Handle $_[0] flows\"" };

    my $text = "table inet fw4\nflush table inet fw4\n\ntable inet fw4 {\n" . helpers($state) . defines(@zones);
    $text .= heading('User includes') . "\n\tinclude \"/etc/nftables.d/*.nft\"\n" . heading('Filter rules');
    $text .= chain('input', 'type filter hook input priority filter; policy ' . dropping($defaults->{input}) . ';', '',
        'iif "lo" accept comment "!fw4: Accept traffic from loopback"', '', $known->('inbound'),
        $flood ? 'tcp flags & (fin | syn | rst | ack) == syn jump syn_flood comment "!fw4: Rate limit TCP syn packets"' : (),
        $of->('input'), $jumps->('input'), $rejects->('input'));
    $text .= chain('forward', 'type filter hook forward priority filter; policy ' . dropping($defaults->{forward}) . ';', '',
        $known->('forwarded'), $of->('forward'), $jumps->('forward'), $rejects->('forward'));
    $text .= chain('output', 'type filter hook output priority filter; policy ' . dropping($defaults->{output}) . ';', '',
        'oif "lo" accept comment "!fw4: Accept traffic towards loopback"', '', $known->('outbound'),
        $of->('output'), $jumps->('output'), $rejects->('output'));
    $text .= chain('prerouting', 'type filter hook prerouting priority filter; policy accept;', $jumps->('helper', 'helper'));
    $text .= chain('handle_reject', map { reject($defaults, @$_) } [ 'tcp_reject_code', 'meta l4proto tcp ', 'TCP' ], [ 'any_reject_code', '', 'any other' ]);
    $text .= chain('syn_flood', "limit rate $defaults->{synflood_rate}{text}"
        . ($defaults->{synflood_burst} ? " burst $defaults->{synflood_burst} packets" : '') . ' return comment "!fw4: Accept SYN packets below rate-limit"',
        'drop comment "!fw4: Drop excess packets"') if $flood;
    $text .= zone_chains($_, $of) for @zones;

    $text .= heading('NAT rules');
    $text .= chain('dstnat', 'type nat hook prerouting priority dstnat; policy accept;', $jumps->('dstnat', 'dnat'));
    $text .= chain('srcnat', 'type nat hook postrouting priority srcnat; policy accept;', $of->('srcnat'), $jumps->('srcnat', 'snat'));
    for my $zone (@zones) {
        $text .= chain("dstnat_$zone->{name}", $of->("dstnat_$zone->{name}")) if $zone->{destination}{dnat};
        $text .= chain("srcnat_$zone->{name}", $of->("srcnat_$zone->{name}"),
            map { StandIn::Fw4::Render::masquerade($zone, $_) } $zone->{masq} ? 4 : (), $zone->{masq6} ? 6 : ()) if $zone->{destination}{snat};
    }
    $text .= heading('Raw rules (notrack)');
    $text .= chain("raw_$_", "type filter hook $_ priority raw; policy accept;") for qw(prerouting output);
    $text .= heading('Mangle rules');
    for my $hook (qw(prerouting postrouting input output forward)) {
        my $type = $hook eq 'output' ? 'route' : 'filter';
        my $egress = $hook eq 'postrouting';
        my @fix = $hook =~ /\A(?:postrouting|forward)\z/ ? map { my $zone = $_; map { StandIn::Fw4::Render::mtu_fix($zone, $_, $egress) } @{ $zone->{matches} } }
            grep { $_->{mtu_fix} } @zones : ();
        $text .= chain("mangle_$hook", "type $type hook $hook priority mangle; policy accept;", @fix);
    }
    return "$text}\n";
}

sub helpers {
    my ($state) = @_;
    return '' unless @{ $state->{helpers} };
    my $text = "\t#\n\t# CT helper definitions\n\t#\n\n";
    $text .= "\tct helper $_->{name} {\n\t\ttype \"$_->{name}\" protocol $_->{protocol};\n\t}\n\n" for @{ $state->{helpers} };
    return "$text\n";
}

sub defines {
    my (@zones) = @_;
    my $text = "\t#\n\t# Defines\n\t#\n";
    for my $zone (@zones) {
        $text .= "\n\tdefine $zone->{name}_devices = " . StandIn::Fw4::Render::set(1, @{ $zone->{devices} }) . "\n";
        $text .= "\tdefine $zone->{name}_subnets = " . StandIn::Fw4::Render::set(1, @{ $zone->{subnets} }) . "\n";
    }
    return @zones ? $text : "$text\n";
}

sub reject {
    my ($defaults, $option, $match, $what) = @_;
    my $code = $defaults->{$option};
    return "${match}reject with " . ($code eq 'tcp-reset' ? 'tcp reset' : "icmpx type $code") . " comment \"!fw4: Reject $what traffic\"";
}

sub zone_chains {
    my ($zone, $of) = @_;
    my $name = $zone->{name};
    my @dnat = $zone->{destination}{dnat} ? 1 : ();
    my $text = chain("input_$name", $of->("input_$name"), map({ 'ct status dnat accept comment "!fw4: Accept port redirections"' } @dnat), "jump $zone->{input}_from_$name");
    $text .= chain("output_$name", $of->("output_$name"), "jump $zone->{output}_to_$name");
    $text .= chain("forward_$name", $of->("forward_$name"), map({ 'ct status dnat accept comment "!fw4: Accept port forwards"' } @dnat), "jump $zone->{forward}_to_$name");
    $text .= chain("helper_$name", $of->("helper_$name")) if $zone->{destination}{helper};
    for my $verdict (qw(accept reject drop)) {
        $text .= chain("${verdict}_from_$name", map { StandIn::Fw4::Render::verdict($zone, $_, 0, $verdict) } @{ $zone->{matches} }) if $zone->{source}{$verdict};
        next unless $zone->{destination}{$verdict};
        my $leaks = $verdict eq 'accept' && ($zone->{masq} || $zone->{masq6}) && !$zone->{masq_allow_invalid};
        $text .= chain("${verdict}_to_$name", map { ($leaks ? StandIn::Fw4::Render::against_leakage($zone, $_) : (),
            StandIn::Fw4::Render::verdict($zone, $_, 1, $verdict)) } @{ $zone->{matches} });
    }
    return $text;
}

1;
