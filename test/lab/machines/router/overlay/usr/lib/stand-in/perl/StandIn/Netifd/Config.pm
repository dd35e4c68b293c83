package StandIn::Netifd::Config;

# /etc/config/network as netifd understands it.

use strict;
use StandIn::Uci;
use StandIn::Netifd::Address qw(with_mask canonical family network);

# Undef when the file can't be read: netifd then keeps what it has.
sub load {
    my $package = StandIn::Uci->new->try('network') // return undef;
    my %config = (devices => {}, interfaces => {}, order => [], routes => {}, rules => [], globals => {});
    my %order = (4 => 0, 6 => 0);
    for my $section (@{ $package->{sections} }) {
        my $type = $section->{type};
        my $options = StandIn::Uci::hash($section);
        if ($type eq 'interface' && !$section->{anonymous}) {
            next if truth($options->{disabled});
            push @{ $config{order} }, $section->{name};
            $config{interfaces}{ $section->{name} } = $options;
        } elsif ($type eq 'device') {
            $config{devices}{ $options->{name} } = $options if defined $options->{name};
        } elsif ($type =~ /\Aroute(6?)\z/) {
            my ($interface, $route) = route($options, $1 ? 6 : 4);
            push @{ $config{routes}{$interface} }, $route if $route;
        } elsif ($type =~ /\Arule(6?)\z/) {
            next if truth($options->{disabled});
            my $family = $1 ? 6 : 4;
            push @{ $config{rules} }, { %$options, family => $family, order => ++$order{$family} };
        } elsif ($type eq 'globals') {
            $config{globals} = $options;
        }
    }
    return \%config;
}

sub truth { my ($text) = @_; return defined $text && $text =~ /\A(?:1|true|on|yes|enabled)\z/ }

sub words { my ($value) = @_; return !defined $value ? () : ref $value ? @$value : split ' ', $value }

my %kind = (unicast => 1, local => 2, broadcast => 3, anycast => 4, multicast => 5, blackhole => 6, unreachable => 7, prohibit => 8, throw => 9);

# A route without an interface belongs to loopback.
sub route {
    my ($option, $family) = @_;
    return if truth($option->{disabled});
    my ($address, $length) = with_mask($option->{target} // ($family == 6 ? '::/0' : '0.0.0.0/0'), $option->{netmask});
    return if !defined $address || family($address) != $family;
    return if defined $option->{type} && !$kind{ $option->{type} };
    my $table = defined $option->{table} ? table($option->{table}) : undef;
    return if defined $option->{table} && !defined $table;
    return ($option->{interface} // 'loopback', {
        family => $family, target => network($address, $length), mask => $length,
        gateway => canonical($option->{gateway}), metric => $option->{metric}, mtu => $option->{mtu}, table => $table,
        type => $option->{type}, type_number => $option->{type} && $kind{ $option->{type} },
        source => $option->{source}, onlink => truth($option->{onlink}), proto => $option->{proto}, valid => $option->{valid},
    });
}

# A routing table's number, by number or name; undef for an unknown name.
sub table {
    my ($name) = @_;
    return $name if $name =~ /\A\d+\z/;
    my %number = (local => 255, main => 254, default => 253, unspec => 0);
    for my $path ('/etc/iproute2/rt_tables', glob '/etc/iproute2/rt_tables.d/*.conf') {
        open my $file, '<', $path or next;
        for my $line (<$file>) { $number{$2} //= $1 if $line =~ /\A\s*(\d+)\s+(\S+)/ }
    }
    return $number{$name};
}

1;
