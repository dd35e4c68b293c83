package StandIn::Netifd::Proto::None;

# proto none, which also stands for a protocol without a handler: up as soon as the device's link is.

use strict;

sub no_device     { return 0 }
sub forces_link   { return 0 }
sub restart_options          { return () }
sub teardown      { }
sub remove_device { }

sub setup {
    my ($self, $interface) = @_;
    $interface->came_up({ l3 => $interface->{device}, addresses => [], routes => [], prefixes => [] });
}

# dhcp and dhcpv6: nobody ever answers.
package StandIn::Netifd::Proto::Waiting;

use strict;
our @ISA = ('StandIn::Netifd::Proto::None');

sub setup { }

1;
