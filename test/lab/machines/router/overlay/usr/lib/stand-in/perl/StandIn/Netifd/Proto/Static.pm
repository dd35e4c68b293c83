package StandIn::Netifd::Proto::Static;

# proto static.

use strict;
use StandIn::Netifd::Address qw(with_mask canonical network);
use StandIn::Netifd::Config;
use StandIn::Netifd::Proto::None;

our @ISA = ('StandIn::Netifd::Proto::None');

sub forces_link { return 1 }
sub restart_options { return qw(ipaddr netmask broadcast gateway ip6addr ip6gw ip6prefix ip6deprecated) }

sub setup {
    my ($self, $interface) = @_;
    my @addresses;
    for my $given (StandIn::Netifd::Config::words($interface->option('ipaddr'))) {
        my ($address, $mask) = with_mask($given, $interface->option('netmask')) or next;
        push @addresses, { address => $address, mask => $mask };
    }
    for my $given (StandIn::Netifd::Config::words($interface->option('ip6addr'))) {
        my ($address, $mask) = with_mask($given) or next;
        push @addresses, { address => $address, mask => $mask, deprecated => ($interface->option('ip6deprecated') // '') =~ /\A(?:1|on|true|yes|enabled)\z/ };
    }
    my @routes;
    for ([ gateway => 4, '0.0.0.0' ], [ ip6gw => 6, '::' ]) {
        my ($option, $family, $any) = @$_;
        my $gateway = canonical($interface->option($option)) // next;
        push @routes, { family => $family, target => $any, mask => 0, gateway => $gateway };
    }
    my @prefixes;
    for my $given (StandIn::Netifd::Config::words($interface->option('ip6prefix'))) {
        my ($address, $mask) = with_mask($given) or next;
        push @prefixes, { address => network($address, $mask), mask => $mask, class => $interface->{name} };
    }
    $interface->came_up({ l3 => $interface->{device}, addresses => \@addresses, routes => \@routes, prefixes => \@prefixes });
}

1;
