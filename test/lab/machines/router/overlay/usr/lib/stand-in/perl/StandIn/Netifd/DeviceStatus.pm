package StandIn::Netifd::DeviceStatus;

# What `ubus call network.device status` says, read from /sys, /proc and ethtool's ioctl.

use strict;
use Socket;
use StandIn::Json qw(object number boolean);
use StandIn::Netifd::Device;
use StandIn::Netifd::Kernel;

sub SIOCETHTOOL() { 0x8946 } sub GET_GRO() { 0x2b }

my %type = (bridge => 'bridge', tunnel => 'tunnel');
my @statistics = qw(collisions rx_frame_errors tx_compressed multicast rx_length_errors tx_dropped rx_bytes rx_missed_errors
    tx_errors rx_compressed rx_over_errors tx_fifo_errors rx_crc_errors rx_packets tx_heartbeat_errors rx_dropped tx_aborted_errors
    tx_packets rx_errors tx_bytes tx_window_errors rx_fifo_errors tx_carrier_errors);

sub read_number { my ($path) = @_; my $text = StandIn::Netifd::Kernel::read_file($path); return defined $text && $text =~ /\A-?\d+\z/ ? $text : 0 }

sub status {
    my ($name) = @_;
    my $device = StandIn::Netifd::Device::known($name) // return undef;
    my $kernel = StandIn::Netifd::Device::kernel($name);
    my $sys = "/sys/class/net/$name";
    my $hardware = read_number("$sys/type");
    my $made_here = $device->{type} eq 'tunnel';
    my $kind = $type{ $device->{type} } // 'Network device';
    my @head = (external => boolean(0), present => boolean($device->present), type => $kind);
    return object(@head, up => boolean(0)) unless $kernel;
    my $ethernet = $hardware == 1 || $hardware == 772;
    my $settings = sub { my ($file) = @_; return read_number("/proc/sys/net/$file") };
    return object(
        @head, up => boolean($kernel->{up}), carrier => boolean($kernel->{link}), 'auth_status' => boolean(0),
        $ethernet && $name ne 'lo' ? ethernet($name, $device) : (),
        $device->{type} eq 'bridge' ? bridge($device) : (),
        mtu => number(read_number("$sys/mtu")), mtu6 => number($settings->("ipv6/conf/$name/mtu")),
        macaddr => substr(StandIn::Netifd::Kernel::read_file("$sys/address") // '', 0, 17),
        txqueuelen => number(read_number("$sys/tx_queue_len")),
        ipv6 => boolean(!$settings->("ipv6/conf/$name/disable_ipv6")),
        ip6segmentrouting => boolean($settings->("ipv6/conf/$name/seg6_enabled")),
        promisc => boolean(hex(StandIn::Netifd::Kernel::read_file("$sys/flags") // 0) & 0x100),
        rpfilter => number($settings->("ipv4/conf/$name/rp_filter")), acceptlocal => boolean($settings->("ipv4/conf/$name/accept_local")),
        igmpversion => number($settings->("ipv4/conf/$name/force_igmp_version")),
        mldversion => number($settings->("ipv6/conf/$name/force_mld_version")),
        neigh4reachabletime => number($settings->("ipv4/neigh/$name/base_reachable_time_ms")),
        neigh6reachabletime => number($settings->("ipv6/neigh/$name/base_reachable_time_ms")),
        neigh4gcstaletime => number($settings->("ipv4/neigh/$name/gc_stale_time")),
        neigh6gcstaletime => number($settings->("ipv6/neigh/$name/gc_stale_time")),
        neigh4locktime => number($settings->("ipv4/neigh/$name/locktime")),
        dadtransmits => number($settings->("ipv6/conf/$name/dad_transmits")),
        multicast => boolean(hex(StandIn::Netifd::Kernel::read_file("$sys/flags") // 0) & 0x1000),
        sendredirects => boolean($settings->("ipv4/conf/$name/send_redirects")),
        drop_v4_unicast_in_l2_multicast => boolean($settings->("ipv4/conf/$name/drop_unicast_in_l2_multicast")),
        drop_v6_unicast_in_l2_multicast => boolean($settings->("ipv6/conf/$name/drop_unicast_in_l2_multicast")),
        drop_gratuitous_arp => boolean($settings->("ipv4/conf/$name/drop_gratuitous_arp")),
        drop_unsolicited_na => boolean($settings->("ipv6/conf/$name/drop_unsolicited_na")),
        arp_accept => boolean($settings->("ipv4/conf/$name/arp_accept")), gro => boolean(gro($name)),
        statistics => object(map { ($_ => number(read_number("$sys/statistics/$_"))) } @statistics),
    );
}

sub ethernet {
    my ($name, $device) = @_;
    my $speed = read_number("/sys/class/net/$name/speed");
    my $duplex = StandIn::Netifd::Kernel::read_file("/sys/class/net/$name/duplex") // '';
    return (
        (map { ($_ => []) } qw(link-advertising link-partner-advertising link-supported)),
        speed => $speed . ($duplex eq 'half' ? 'H' : 'F'), autoneg => boolean(0),
        'flow-control' => object(autoneg => boolean(1), map { ($_ => []) } qw(supported link-advertising link-partner-advertising negotiated)),
        'hw-tc-offload' => boolean(0), devtype => $device->{type} eq 'bridge' ? 'bridge' : 'ethernet',
    );
}

sub bridge {
    my ($device) = @_;
    my $section = $device->{section};
    my $flag = sub { return boolean(StandIn::Netifd::Config::truth($section->{ $_[0] })) };
    my $value = sub { return number($section->{ $_[0] } // $_[1]) };
    return (
        'bridge-members' => [ grep { StandIn::Netifd::Device::kernel($_) } $device->ports ],
        'bridge-attributes' => object(
            stp => $flag->('stp'), forward_delay => $value->('forward_delay', 8), priority => $value->('priority', 32767),
            ageing_time => $value->('ageing_time', 0), hello_time => $value->('hello_time', 1), max_age => $value->('max_age', 10),
            igmp_snooping => $flag->('igmp_snooping'), bridge_empty => $flag->('bridge_empty'), multicast_querier => $flag->('multicast_querier'),
            hash_max => $value->('hash_max', 512), robustness => $value->('robustness', 2), query_interval => $value->('query_interval', 12500),
            query_response_interval => $value->('query_response_interval', 1000),
            last_member_interval => $value->('last_member_interval', 100),
            vlan_filtering => $flag->('vlan_filtering'), stp_kernel => $flag->('stp_kernel'),
        ),
    );
}

sub gro {
    my ($name) = @_;
    socket my $socket, PF_INET, SOCK_DGRAM, 0 or return 0;
    my $value = pack 'LL', GET_GRO, 0;
    my $request = pack 'a16 P x16', $name, $value;
    ioctl $socket, SIOCETHTOOL, $request or return 0;
    return (unpack 'LL', $value)[1];
}

1;
