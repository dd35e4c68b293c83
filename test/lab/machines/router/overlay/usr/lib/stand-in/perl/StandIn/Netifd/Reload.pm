package StandIn::Netifd::Reload;

# Reads the configuration and applies what is different. What didn't change isn't touched - except the
# rules, which are taken out and put back each time.

use strict;
use StandIn::Netifd::Config;
use StandIn::Netifd::Device;
use StandIn::Netifd::Interface;
use StandIn::Netifd::Prefix;
use StandIn::Netifd::Rules;

my $rules = [];

# Options that are applied without taking the interface down.
my @in_place = qw(metric ip4table ip6table defaultroute ip6assign ip6hint ip6class ip6ifaceid ip6weight);

sub device_of {
    my ($name) = @_;
    my $interface = StandIn::Netifd::Interface::named($name) // return undef;
    return $interface->l3_device;
}

sub rules_follow { my ($interface) = @_; StandIn::Netifd::Rules::follow($rules, $interface->{name}, \&device_of) }

sub value { my ($value) = @_; return !defined $value ? "\0" : ref $value ? join "\0", @$value : $value }

sub differs {
    my ($one, $other, @names) = @_;
    return scalar grep { value($one->{$_}) ne value($other->{$_}) } @names;
}

# True when the difference between the interface and its new section needs down and up.
sub needs_restart {
    my ($interface, $options, $changed_devices) = @_;
    my $old = $interface->{options};
    return 1 if differs($old, $options, qw(proto device ifname force_link delegate auto));
    return 1 if defined $interface->{device} && $changed_devices->{ $interface->{device} };
    return differs($old, $options, $interface->{proto}->restart_options);
}

sub same_routes {
    my ($one, $other) = @_;
    my $text = sub { join "\n", map { my $r = $_; join "\0", map { ($_, $r->{$_} // '') } sort keys %$r } @{ $_[0] } };
    return $text->($one) eq $text->($other);
}

sub reload {
    my $config = StandIn::Netifd::Config::load() // return 0;
    my %changed = map { ($_ => 1) } StandIn::Netifd::Device::configure($config->{devices});
    my @start;

    for my $interface (grep { !$config->{interfaces}{ $_->{name} } } StandIn::Netifd::Interface::list()) {
        $interface->set_down;
        $interface->say('is disabled');
        $interface->say('has link connectivity loss') if defined $interface->{device};
        $interface->forget;
    }

    for my $name (@{ $config->{order} }) {
        my ($options, $routes) = ($config->{interfaces}{$name}, $config->{routes}{$name} // []);
        my $interface = StandIn::Netifd::Interface::named($name);
        if (!$interface) {
            push @start, StandIn::Netifd::Interface->new($name, $options, $routes);
        } elsif (needs_restart($interface, $options, \%changed)) {
            $interface->set_down;
            push @start, [ $interface, $options, $routes ];
        } else {
            my $anew = differs($interface->{options}, $options, @in_place) || !same_routes($interface->{routes}, $routes);
            @$interface{qw(options routes)} = ($options, $routes);
            $interface->install if $anew && $interface->is_up;
        }
    }

    StandIn::Netifd::Device::replace_section($_, $config->{devices}{$_}) for keys %changed;
    for my $entry (@start) {
        next unless ref $entry eq 'ARRAY';
        my ($interface, $options, $routes) = @$entry;
        $interface->take($options, $routes);
        $interface->reset_available;
        $interface->{errors} = [];
        $entry = $interface;
    }
    StandIn::Netifd::Device::forget_unused();
    StandIn::Netifd::Prefix::set_ula($config->{globals}{ula_prefix});
    $rules = $config->{rules};
    StandIn::Netifd::Rules::apply($rules, \&device_of);
    $_->{autostart} && $_->set_up for @start;
    StandIn::Netifd::Prefix::refresh();
    return 1;
}

sub stop_all { $_->set_down for StandIn::Netifd::Interface::list() }

1;
