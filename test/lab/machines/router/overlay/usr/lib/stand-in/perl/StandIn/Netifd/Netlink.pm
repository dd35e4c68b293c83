package StandIn::Netifd::Netlink;

# Hears from the kernel which devices there are: rtnetlink, link messages only.

use strict;
use Socket;

sub AF_NETLINK() { 16 } sub NEWLINK() { 16 } sub DELLINK() { 17 } sub GETLINK() { 18 }
sub IFNAME() { 3 } sub UP() { 0x1 } sub LOWER_UP() { 0x10000 }

sub new {
    my ($class) = @_;
    socket my $socket, AF_NETLINK, SOCK_RAW, 0 or die "netlink: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 1 << 20;
    bind $socket, pack 'SSLL', AF_NETLINK, 0, 0, 1 or die "netlink: $!";
    my $self = bless { socket => $socket }, $class;
    $self->ask;
    return $self;
}

sub handle { return $_[0]{socket} }

# All devices again, as NEWLINK messages.
sub ask {
    my ($self) = @_;
    my $body = pack 'CCSlLL', 0, 0, 0, 0, 0, 0;
    my $message = pack('LSSLL', 16 + length $body, GETLINK, 0x301, 1, 0) . $body;
    send $self->{socket}, $message, 0, pack 'SSLL', AF_NETLINK, 0, 0, 0;
}

# What has come in: { name, index, gone, up, link }.
sub events {
    my ($self) = @_;
    my @events;
    while (defined recv $self->{socket}, my $bytes, 65536, 0x40) {    # MSG_DONTWAIT
        while (length $bytes >= 16) {
            my ($length, $type) = unpack 'LS', $bytes;
            last if $length < 16;
            push @events, link_message($type, substr $bytes, 16, $length - 16) if $type == NEWLINK || $type == DELLINK;
            substr $bytes, 0, ($length + 3) & ~3, '';
        }
    }
    $self->ask if $!{ENOBUFS};
    return @events;
}

sub link_message {
    my ($type, $body) = @_;
    my ($family, undef, undef, $index, $flags) = unpack 'CCSlL', $body;
    return if $family;    # a bridge's word about its ports
    my $at = 16;
    while ($at + 4 <= length $body) {
        my ($length, $kind) = unpack "x${at}SS", $body;
        last if $length < 4;
        return { name => unpack('Z*', substr $body, $at + 4, $length - 4), index => $index, gone => $type == DELLINK,
            up => !!($flags & UP), link => !!($flags & LOWER_UP) } if $kind == IFNAME;
        $at += ($length + 3) & ~3;
    }
    return;
}

1;
