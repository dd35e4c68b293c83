package StandIn::Fw4::Zone;

# config zone

use strict;

sub LIST() { 1 } sub UNSUPPORTED() { 8 } sub REQUIRED() { 16 }

sub table {
    my ($defaults) = @_;
    return [
        [ enabled => 'bool', '1' ], [ name => 'identifier', undef, REQUIRED ], [ family => 'family_name' ],
        [ network => 'device', undef, LIST ], [ device => 'device', undef, LIST ], [ subnet => 'address', undef, LIST ],
        (map { [ $_ => 'policy', $defaults->{$_} ] } qw(input output forward)),
        [ masq => 'bool' ], [ masq_allow_invalid => 'bool' ], [ masq_src => 'address', undef, LIST ], [ masq_dest => 'address', undef, LIST ],
        [ masq6 => 'bool' ], (map { [ $_ => 'string', undef, UNSUPPORTED ] } qw(extra extra_src extra_dest)),
        [ mtu_fix => 'bool' ], [ custom_chains => 'bool', undef, UNSUPPORTED ], [ log => 'integer' ], [ log_limit => 'limit' ],
        [ auto_helper => 'bool', '1' ], [ helper => 'string', undef, LIST ], [ counter => 'bool', '1' ],
    ];
}

# Of lists of addresses: { 4 => { positive, negative }, 6 => … }.
sub by_family {
    my ($given) = @_;
    my %by = map { ($_ => { positive => [], negative => [] }) } 4, 6;
    for my $entry (@{ $given // [] }) {
        push @{ $by{ $_->{family} }{ $entry->{invert} ? 'negative' : 'positive' } }, $_->{text} for @{ $entry->{subnets} };
    }
    return \%by;
}

sub has { my ($lists) = @_; return @{ $lists->{positive} } + @{ $lists->{negative} } }

sub add {
    my ($state, $section, $parsers) = @_;
    my $zone = $section->read(table($state->{defaults}), $parsers);
    return $section->complain('skipped due to invalid options') unless $zone;
    return $section->complain('is disabled, ignoring section') unless $zone->{enabled};

    my $networks = $state->{networks};
    my @members = (@{ $zone->{network} // [] }, map { { device => $_ } } grep { ($networks->{$_}{zone} // '') eq $zone->{name} } sort keys %$networks);
    my (@devices, @subnets);
    for my $member (@members) {
        my $network = $networks->{ $member->{device} // '' } or next;
        push @devices, { device => $network->{device}, invert => $member->{invert} } if defined $network->{device};
        push @subnets, map { $_->{text} } @{ $network->{subnets} };
    }
    push @devices, @{ $zone->{device} // [] };
    my $matched = by_family($zone->{subnet});
    push @subnets, map { @{ $matched->{$_}{positive} } } 4, 6;

    my %pattern = map { ($_->{device} // '' => ($_->{device} // '') =~ s/\+\z/*/r) } @devices;
    my @positive = unique(map { $pattern{ $_->{device} // '' } } grep { !$_->{invert} && ($_->{device} // '+') ne '+' } @devices);
    my @negative = unique(map { $pattern{ $_->{device} // '' } } grep { $_->{invert} } @devices);
    my ($v4, $v6) = map { has($matched->{$_}) } 4, 6;
    my @matches;
    if (@devices || $v4 || $v6) {
        my @families = $zone->{family} ? $zone->{family} : $v4 || $v6 ? grep({ has($matched->{$_}) } 4, 6) : 0;
        @matches = map { { family => $_, devices => \@positive, not_devices => \@negative, subnets => $_ ? $matched->{$_} : undef } } @families;
    }
    $zone->{matches} = \@matches;
    $zone->{networks} = [ map { $_->{device} // () } @members ];
    $zone->{devices} = \@positive;
    $zone->{subnets} = [ unique(@subnets) ];
    $zone->{source} = { $zone->{input} => 1 };
    $zone->{destination} = { map { ($zone->{$_} => 1) } qw(output forward) };
    $zone->{destination}{snat} = 1 if $zone->{masq} || $zone->{masq6};
    if ($state->{defaults}{auto_helper} && $zone->{auto_helper} && !$zone->{masq} && !$zone->{masq6} || $zone->{helper}) {
        $zone->{destination}{helper} = 1;
        my %only = map { ($_ => 1) } @{ $zone->{helper} // [] };
        for my $helper (grep { !%only || $only{ $_->{name} } } @{ $state->{helpers} }) {
            push @{ $state->{rules} }, { chain => "helper_$zone->{name}", family => $helper->{family}, name => $helper->{description},
                protocol => { name => $helper->{protocol} }, dports => { positive => [ $helper->{port} ], negative => [] },
                verdict => "ct helper set \"$helper->{name}\"" };
        }
    }
    push @{ $state->{zones} }, $zone;
}

sub unique { my %seen; return grep { !$seen{$_}++ } @_ }

1;
