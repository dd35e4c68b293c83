package StandIn::Netifd::Prefix;

# Delegated prefixes and the ULA prefix, and what of them is assigned to interfaces with ip6assign.

use strict;
use StandIn::Netifd::Address qw(with_mask network bytes text add_offset);
use StandIn::Netifd::Kernel;
use StandIn::Netifd::Ip;

sub LAST() { 2147483647 } sub REJECT() { 4200000000 } sub GRACE() { 7200 }

my $ula;                # [ address, length ]
my %unreachable;        # "address/length" => 1, prefixes that have their catch-all route
my %installed;          # interface => { "address/length" => assignment }

sub set_ula { my ($given) = @_; $ula = defined $given ? [ with_mask($given) ] : undef; undef $ula unless $ula && @$ula }

# All prefixes there are: { address, mask, class, interface }.
sub prefixes {
    my @found = map { my $interface = $_; map { { %$_, interface => $interface->{name} } } @{ $interface->{result}{prefixes} } }
        grep { $_->is_up } StandIn::Netifd::Interface::list();
    push @found, { address => network(@$ula), mask => $ula->[1], class => 'local' } if $ula;
    return @found;
}

# The assignments of one prefix: interface name => [ address, length ].
sub share {
    my ($prefix) = @_;
    my (%share, %taken);
    my @wanting = grep { $_->is_up && wants($_, $prefix) } StandIn::Netifd::Interface::list();
    my $hinted = sub { defined $_[0]->option('ip6hint') ? 0 : 1 };
    for my $interface (sort { $hinted->($a) <=> $hinted->($b) || ($b->option('ip6weight') // 0) <=> ($a->option('ip6weight') // 0)
            || $a->{name} cmp $b->{name} } @wanting) {
        my $given = $interface->option('ip6assign');
        for my $length (grep { $_ >= $prefix->{mask} } $given .. 64) {
            my $number = free_slot(\%taken, $prefix, $length, $interface->option('ip6hint'));
            next unless defined $number;
            my $size = 2 ** (64 - $length);
            $taken{$number} = $size;
            $share{ $interface->{name} } = [ add_offset($prefix->{address}, $number, 64), $length ];
            last;
        }
    }
    return \%share;
}

# Slots are counted in /64s. A hint is hexadecimal and loses the bits below the assignment's size.
sub free_slot {
    my ($taken, $prefix, $length, $hint) = @_;
    my ($size, $room) = (2 ** (64 - $length), 2 ** (64 - $prefix->{mask}));
    my $fits = sub { my ($at) = @_; $at + $size <= $room && !grep { $at < $_ + $taken->{$_} && $_ < $at + $size } keys %$taken };
    if (defined $hint && $hint =~ /\A[0-9a-fA-F]+\z/) {
        my $at = int(hex($hint) / $size) * $size;
        return $at if $fits->($at);
    }
    for (my $at = 0; $at < $room && $at < 65536 * $size; $at += $size) { return $at if $fits->($at) }
    return undef;
}

sub wants {
    my ($interface, $prefix) = @_;
    my $length = $interface->option('ip6assign') // return 0;
    return 0 if $length !~ /\A\d+\z/ || $length > 64 || $interface->{name} eq ($prefix->{interface} // '');
    my @classes = StandIn::Netifd::Config::words($interface->option('ip6class'));
    return !@classes || scalar grep { $_ eq $prefix->{class} } @classes;
}

sub local_address {
    my ($interface, $address) = @_;
    my $id = bytes($interface->option('ip6ifaceid') // '::1') // bytes('::1');
    return text(bytes($address) | $id);
}

# Compares what should be with what is, and changes the difference. Cheap enough to call at any change.
sub refresh {
    my @prefixes = prefixes();
    my %catch_all = map { ("$_->{address}/$_->{mask}" => 1) } @prefixes;
    my %wanted;
    for my $prefix (reverse @prefixes) {    # the ULA first: newer addresses go in front
        my $share = share($prefix);
        for my $name (keys %$share) {
            my ($address, $length) = @{ $share->{$name} };
            my $interface = StandIn::Netifd::Interface::named($name);
            push @{ $wanted{$name} }, { address => $address, mask => $length, device => $interface->{l3},
                delegated => defined $prefix->{interface}, local => local_address($interface, $address) };
        }
        $prefix->{assigned} = $share;
    }
    for my $text (keys %catch_all) {
        StandIn::Netifd::Kernel::add(6, "route replace unreachable $text proto static metric " . LAST) unless $unreachable{$text};
    }
    for my $name (sort keys %{ { %wanted, %installed } }) {
        my %new = map { (key($_) => $_) } @{ $wanted{$name} // [] };
        my $old = $installed{$name} // {};
        my $up = @{ $wanted{$name} // [] } || StandIn::Netifd::Interface::named($name) && StandIn::Netifd::Interface::named($name)->is_up;
        take_away($old->{$_}, $up) for grep { !$new{$_} } sort keys %$old;
        put_in($_) for grep { !$old->{ key($_) } } @{ $wanted{$name} // [] };
        $installed{$name} = \%new;
        delete $installed{$name} unless %new;
    }
    for my $text (grep { !$catch_all{$_} } keys %unreachable) {
        StandIn::Netifd::Kernel::add(6, "route del unreachable $text metric " . LAST);
    }
    %unreachable = %catch_all;
    StandIn::Netifd::Kernel::flush();
}

# What an interface has now, delegated before ULA.
sub assignments {
    my ($name) = @_;
    return sort { $b->{delegated} <=> $a->{delegated} } values %{ $installed{$name} // {} };
}

sub key { my ($a) = @_; return join ' ', @$a{qw(local mask device delegated)} }

sub route_of {
    my ($assignment) = @_;
    my $length = $assignment->{mask} < 64 ? 64 : $assignment->{mask};
    return network($assignment->{address}, $length) . "/$length dev $assignment->{device} metric 1024";
}

sub rule_of { my ($assignment) = @_; return "from $assignment->{local}/$assignment->{mask} iif $assignment->{device} unreachable priority " . REJECT }

sub put_in {
    my ($assignment) = @_;
    StandIn::Netifd::Kernel::add(6, "addr replace $assignment->{local}/$assignment->{mask} dev $assignment->{device} noprefixroute");
    StandIn::Netifd::Kernel::add(6, 'route replace ' . route_of($assignment) . ' proto static');
    StandIn::Netifd::Kernel::add(6, 'rule add ' . rule_of($assignment)) if $assignment->{delegated};
}

# While the interface stays up an address that has lost its prefix lives on for two hours, deprecated.
sub take_away {
    my ($assignment, $stays_up) = @_;
    StandIn::Netifd::Kernel::add(6, 'rule del ' . rule_of($assignment)) if $assignment->{delegated};
    StandIn::Netifd::Kernel::add(6, 'route del ' . route_of($assignment));
    my $address = "$assignment->{local}/$assignment->{mask} dev $assignment->{device}";
    StandIn::Netifd::Kernel::add(6, $stays_up
        ? "addr change $address valid_lft " . GRACE . ' preferred_lft 0' : "addr del $address");
}

1;
