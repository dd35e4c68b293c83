package StandIn::Fw4::Rule;

# config rule and config forwarding

use strict;
use StandIn::Fw4::Zone;

sub LIST() { 1 } sub FLAT() { 2 } sub PLAIN() { 4 } sub UNSUPPORTED() { 8 } sub REQUIRED() { 16 }
sub DEPRECATED() { 32 }

my @table = (
    [ enabled => 'bool', '1' ], [ name => 'string' ], [ _name => 'string', undef, DEPRECATED ], [ family => 'family_name' ],
    [ src => 'zone' ], [ dest => 'zone' ], [ device => 'device', undef, PLAIN ], [ direction => 'direction' ],
    [ ipset => 'string' ], [ helper => 'string' ], [ set_helper => 'string' ],
    [ proto => 'protocol', 'tcpudp', LIST | FLAT ],
    [ src_ip => 'address', undef, LIST ], [ src_mac => 'mac', undef, LIST ], [ src_port => 'port', undef, LIST ],
    [ dest_ip => 'address', undef, LIST ], [ dest_port => 'port', undef, LIST ],
    [ icmp_type => 'icmp_type', undef, LIST ], [ extra => 'string', undef, UNSUPPORTED ],
    [ limit => 'limit' ], [ limit_burst => 'integer' ],
    (map { [ $_ => 'string' ] } qw(utc_time start_date stop_date start_time stop_time weekdays)),
    [ monthdays => 'string', undef, UNSUPPORTED ],
    (map { [ $_ => 'string' ] } qw(mark set_mark set_xmark dscp set_dscp)),
    [ counter => 'bool', '1' ], [ log => 'string' ], [ log_limit => 'limit' ], [ target => 'target' ],
);

# The one family that all agree on, 0 for any, or (undef, complaint).
sub infer_family {
    my ($family, @referenced) = @_;
    while (my ($other, $what) = splice @referenced, 0, 2) {
        next if !$other || $other == ($family // 0);
        return (undef, "is restricted to IPv$family but referenced $what is IPv$other only") if $family;
        $family = $other;
    }
    return $family // 0;
}

sub zone_family { my ($side) = @_; return $side && $side->{zone} ? $side->{zone}{family} : undef }

sub only_family {
    my ($by) = @_;
    my ($v4, $v6) = map { StandIn::Fw4::Zone::has($by->{$_}) } 4, 6;
    return $v4 && !$v6 ? 4 : $v6 && !$v4 ? 6 : 0;
}

sub split_signs {
    my ($given) = @_;
    my %by = (positive => [], negative => []);
    push @{ $by{ $_->{invert} ? 'negative' : 'positive' } }, $_->{text} for @{ $given // [] };
    return \%by;
}

sub add {
    my ($state, $section, $parsers) = @_;
    my $rule = $section->read(\@table, $parsers);
    return $section->complain('skipped due to invalid options') unless $rule;
    return $section->complain('is disabled, ignoring section') unless $rule->{enabled};
    return $section->complain("must not specify '*' as device") if $rule->{device} && $rule->{device}{any};
    $rule->{name} //= $section->{id};
    my ($source, $destination) = map { by($rule->{$_}) } qw(src_ip dest_ip);
    for my $protocol (@{ $rule->{proto} }) {
        my $kind = $protocol->{name} // '';
        my ($family, $complaint) = infer_family($kind eq 'ipv6-icmp' ? 6 : $rule->{family},
            only_family($source), 'source IP', only_family($destination), 'destination IP',
            zone_family($rule->{src}), 'source zone', zone_family($rule->{dest}), 'destination zone');
        if (defined $complaint) {
            $section->complain("$complaint, skipping");
            next;
        }
        my @types = $kind =~ /icmp/ ? @{ $rule->{icmp_type} // [] } : ();
        my %specific = map { my $f = $_; ($f => StandIn::Fw4::Zone::has($source->{$f}) + StandIn::Fw4::Zone::has($destination->{$f})
            + grep { $_->{$f} && !$_->{ 10 - $f } } @types) } 4, 6;
        my $any_specific = StandIn::Fw4::Zone::has($source->{4}) + StandIn::Fw4::Zone::has($source->{6})
            + StandIn::Fw4::Zone::has($destination->{4}) + StandIn::Fw4::Zone::has($destination->{6}) + @types;
        if (!$family && $specific{4} && !$specific{6}) { $family = 4 }
        elsif (!$family && $specific{6} && !$specific{4}) { $family = 6 }
        for my $one ($family ? $family : $any_specific ? (4, 6) : 0) {
            my @of_family = $one ? grep { defined } map { $_->{$one} } @types : ();
            my @plain = map { $_->[0] } grep { @$_ == 1 } @of_family;
            my @coded = map { "$_->[0] . $_->[1]" } grep { @$_ == 2 } @of_family;
            my @common = ($state, $rule, $protocol, $one, $one ? ($source->{$one}, $destination->{$one}) : ());
            emit(@common) if !@plain && !@coded;
            emit(@common[ 0 .. 3 ], $common[4], $common[5], types => \@plain) if @plain;
            emit(@common[ 0 .. 3 ], $common[4], $common[5], codes => \@coded) if @coded;
        }
    }
}

sub by { return StandIn::Fw4::Zone::by_family($_[0]) }

sub emit {
    my ($state, $rule, $protocol, $family, $source, $destination, %icmp) = @_;
    my ($from, $to) = @$rule{qw(src dest)};
    my $ported = ($protocol->{name} // '') =~ /\A(?:tcp|udp)\z/;
    my $target = $rule->{target};
    my $chain = $from ? ($to ? 'forward' : 'input') : 'output';
    $chain .= "_$from->{zone}{name}" if $from && $from->{zone};
    $chain .= "_$to->{zone}{name}" if !$from && $to && $to->{zone};
    my $verdict = !$target ? undef : $target eq 'reject' ? 'jump handle_reject' : $target;
    if ($target && $to && $to->{zone}) {
        $verdict = "jump ${target}_to_$to->{zone}{name}";
        $to->{zone}{destination}{$target} = 1;
    }
    my $log = $rule->{log};
    $log = StandIn::Fw4::Values::bool($log) // 1 ? StandIn::Fw4::Values::bool($log) ? "$rule->{name}: " : $log : undef if defined $log;
    push @{ $state->{rules} }, {
        chain => $chain, name => $rule->{name}, family => $family, protocol => $protocol, sources => $source, destinations => $destination,
        $ported ? (sports => split_signs($rule->{src_port}), dports => split_signs($rule->{dest_port})) : (),
        macs => split_signs($rule->{src_mac}), %icmp, limit => $rule->{limit} && $rule->{limit}{text}, burst => $rule->{limit_burst},
        counter => $rule->{counter}, log => $log, verdict => $verdict,
        $rule->{device} ? (($rule->{direction} // 'in') eq 'out' ? 'oifname' : 'iifname', $rule->{device}{device}) : (),
        checks_ports => $ported && ($rule->{src_port} || $rule->{dest_port}),
    };
}

my @forwarding = (
    [ enabled => 'bool', '1' ], [ name => 'string' ], [ family => 'family_name' ],
    [ src => 'zone', undef, REQUIRED ], [ dest => 'zone', undef, REQUIRED ],
);

sub add_forwarding {
    my ($state, $section, $parsers) = @_;
    my $forwarding = $section->read(\@forwarding, $parsers);
    return $section->complain('skipped due to invalid options') unless $forwarding;
    return $section->complain('is disabled, ignoring section') unless $forwarding->{enabled};
    my ($from, $to) = map { $forwarding->{$_}{zone} } qw(src dest);
    my ($family, $complaint) = infer_family($forwarding->{family}, $from && $from->{family}, 'source zone', $to && $to->{family}, 'destination zone');
    return $section->complain("$complaint, skipping") if defined $complaint;
    my ($source, $destination) = map { $_ ? $_->{name} : 'any' } $from, $to;
    push @{ $state->{rules} }, {
        chain => $from ? "forward_$source" : 'forward', family => $family, protocol => { any => 1 },
        name => $forwarding->{name} // "Accept $source to $destination " . ($family ? "IPv$family " : '') . 'forwarding',
        verdict => $to ? "jump accept_to_$destination" : 'accept',
    };
    $to->{destination}{accept} = 1 if $to;
}

1;
