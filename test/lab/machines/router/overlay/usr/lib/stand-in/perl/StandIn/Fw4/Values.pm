package StandIn::Fw4::Values;

# What a value in /etc/config/firewall may be. Each parser gives undef for a bad one.

use strict;
use StandIn::Netifd::Address qw(bytes text network family);

sub choice {
    my ($value, @choices) = @_;
    return undef if ref $value;
    my ($found) = grep { lc(substr $_, 0, length $value) eq lc $value } @choices;
    return $found;
}

# Values may be negated with a leading `!`.
sub inverted {
    my ($value) = @_;
    my $invert = $value =~ s/\A[ \t]*!// ? 1 : 0;
    $value =~ s/\A\s+|\s+\z//g;
    return $value eq '' ? undef : { invert => $invert, value => $value };
}

sub bool {
    my ($value) = @_;
    return $value =~ /\A(?:1|on|true|yes)\z/ ? 1 : $value =~ /\A(?:0|off|false|no)\z/ ? 0 : undef;
}

sub string { return $_[0] }
sub integer { return $_[0] =~ /\A-?(?:\d+|0x[0-9a-fA-F]+)\z/ ? $_[0] : undef }
sub identifier { return $_[0] =~ m{\A[a-zA-Z_.][a-zA-Z0-9/_.-]*\z} ? $_[0] : undef }
sub policy { return choice($_[0], qw(accept reject drop)) }
sub target { return choice($_[0], qw(accept reject drop notrack helper mark dscp dnat snat masquerade)) }
sub reject_code { return choice($_[0], qw(tcp-reset port-unreachable admin-prohibited host-unreachable no-route)) }
sub direction { return $_[0] =~ /\A(?:in|ingress)\z/ ? 'in' : $_[0] =~ /\A(?:out|egress)\z/ ? 'out' : undef }

sub family_name {
    my ($value) = @_;
    return 0 if $value =~ /\A(?:any|all|\*)\z/;
    return 4 if $value eq 'inet' || $value =~ /4/;
    return $value =~ /6/ ? 6 : undef;
}

sub device {
    my $parsed = inverted($_[0]) // return undef;
    $parsed->{$parsed->{value} eq '*' ? 'any' : 'device'} = $parsed->{value};
    return $parsed;
}

sub protocol {
    my $parsed = inverted($_[0]) // return undef;
    my $name = lc $parsed->{value};
    my %number = (1 => 'icmp', 58 => 'ipv6-icmp', icmpv6 => 'ipv6-icmp', 6 => 'tcp', 17 => 'udp');
    return [ map { { name => $_, invert => $parsed->{invert} } } qw(tcp udp) ] if $name eq 'tcpudp';
    return { any => 1, invert => $parsed->{invert} } if $name =~ /\A(?:all|any|\*)\z/;
    return { name => $number{$name} // $name, invert => $parsed->{invert} };
}

sub mac {
    my $parsed = inverted($_[0]) // return undef;
    my @parts = $parsed->{value} =~ /\A([0-9a-f]{1,2})[:-]([0-9a-f]{1,2})[:-]([0-9a-f]{1,2})[:-]([0-9a-f]{1,2})[:-]([0-9a-f]{1,2})[:-]([0-9a-f]{1,2})\z/i
        or return undef;
    return { invert => $parsed->{invert}, text => join ':', map { sprintf '%02x', hex } @parts };
}

sub port {
    my $parsed = inverted($_[0]) // return undef;
    my ($low, $high) = $parsed->{value} =~ /\A([0-9]{1,5})(?:[-:]([0-9]{1,5}))?\z/ or return undef;
    $high //= $low;
    return undef if $low > $high || $high > 65535;
    ($low, $high) = ($low + 0, $high + 0);
    return { invert => $parsed->{invert}, text => $low == $high ? $low : "$low-$high" };
}

sub limit {
    my $parsed = inverted($_[0]) // return undef;
    my ($rate, $unit) = $parsed->{value} =~ m{\A([0-9]+)(?:/([a-z]+))?\z} or return undef;
    $unit = choice($unit // 'second', qw(second minute hour day)) // return undef;
    return { invert => $parsed->{invert}, text => $rate + 0 . "/$unit" };
}

# An address, network, range, or the name of an interface, whose networks are meant. The prefix
# length isn't checked here: nft does that.
sub address {
    my ($value, $networks) = @_;
    my $parsed = inverted($value) // return undef;
    my @found;
    if ($parsed->{value} =~ m{\A([^/]+)/([^/]+)\z}) {
        my ($address, $mask) = ($1, $2);
        my $bytes = bytes($address) // return undef;
        if (defined(my $mask_bytes = bytes($mask))) {
            return undef if length $mask_bytes != length $bytes;
            my $bits = unpack 'B*', $mask_bytes;
            return undef if $bits !~ /\A1*0*\z/;
            $mask = $bits =~ tr/1//;
        }
        return undef if $mask !~ /\A\d+\z/;
        @found = subnet(text($bytes), $mask);
    } elsif ($parsed->{value} =~ /\A([^-]+)-([^-]+)\z/ && defined bytes($1) && defined bytes($2)) {
        my ($from, $to) = (text(bytes($1)), text(bytes($2)));
        return undef if family($from) != family($to);
        @found = { family => family($from), text => "$from-$to" };
    } elsif (defined(my $bytes = bytes($parsed->{value}))) {
        @found = subnet(text($bytes), length($bytes) * 8);
    } else {
        my $network = $networks->{ $parsed->{value} } // return undef;
        @found = @{ $network->{subnets} };
    }
    return { invert => $parsed->{invert}, subnets => \@found };
}

sub subnet {
    my ($address, $length) = @_;
    my $full = family($address) == 6 ? 128 : 32;
    my $text = $length == $full ? $address : network($address, $length > $full ? $full : $length) . "/$length";
    return { family => family($address), text => $text };
}

# [ IPv4 type, code ], [ IPv6 type, code ]; without a code, all of them.
my %icmp = (
    'echo-reply' => [ [0], [129] ], 'pong' => [ [0], [129] ], 'echo-request' => [ [8], [128] ], 'ping' => [ [8], [128] ],
    'destination-unreachable' => [ [3], [1] ], 'network-unreachable' => [ [ 3, 0 ] ], 'host-unreachable' => [ [ 3, 1 ] ],
    'protocol-unreachable' => [ [ 3, 2 ] ], 'port-unreachable' => [ [ 3, 3 ], [ 1, 4 ] ], 'fragmentation-needed' => [ [ 3, 4 ] ],
    'source-quench' => [ [4] ], 'redirect' => [ [5], [137] ], 'router-advertisement' => [ [9], [134] ],
    'router-solicitation' => [ [10], [133] ], 'time-exceeded' => [ [11], [3] ], 'ttl-exceeded' => [ [11], [3] ],
    'ttl-zero-during-transit' => [ [ 11, 0 ], [ 3, 0 ] ], 'ttl-zero-during-reassembly' => [ [ 11, 1 ], [ 3, 1 ] ],
    'parameter-problem' => [ [12], [4] ], 'timestamp-request' => [ [13] ], 'timestamp-reply' => [ [14] ],
    'no-route' => [ undef, [ 1, 0 ] ], 'communication-prohibited' => [ [ 3, 13 ], [ 1, 1 ] ], 'address-unreachable' => [ undef, [ 1, 3 ] ],
    'packet-too-big' => [ undef, [ 2, 0 ] ], 'bad-header' => [ undef, [ 4, 0 ] ], 'unknown-header-type' => [ undef, [ 4, 1 ] ],
    'unknown-option' => [ undef, [ 4, 2 ] ], 'neighbour-solicitation' => [ undef, [ 135, 0 ] ], 'neighbor-solicitation' => [ undef, [ 135, 0 ] ],
    'neighbour-advertisement' => [ undef, [ 136, 0 ] ], 'neighbor-advertisement' => [ undef, [ 136, 0 ] ],
);

sub icmp_type {
    my ($value) = @_;
    if (my $known = $icmp{$value}) { return { 4 => $known->[0], 6 => $known->[1] } }
    my ($type, $code) = $value =~ m{\A([0-9]+)(?:/([0-9]+))?\z} or return undef;
    return undef if $type > 255 || ($code // 0) > 255;
    my $both = defined $code ? [ $type + 0, $code + 0 ] : [ $type + 0 ];
    return { 4 => $both, 6 => $both };
}

1;
