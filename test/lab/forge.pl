#!/usr/bin/perl
# Sends forged packets, one for each line of standard input, by raw sockets: `key=value …`.
#
#   outer   IPv6 `source>destination`; left out: the IPv4 packet goes as it is
#   via     what the outer header says comes next: 4 (default), dstopt, fragment, 41, gre
#   inner   IPv4 `source>destination`
#   what    udp (default, to port 9000), icmp (echo request), syn (TCP to port 22)
#   ttl     of the inner packet, default 64
#   mark    text that the inner packet carries, to be found again wherever it arrives
#
# Every packet has an 8-byte mark behind its transport header, so that ICMP errors quote it, too.
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 SOCK_RAW inet_pton pack_sockaddr_in pack_sockaddr_in6);

my %raw = map { $_ => do { socket my $socket, $_, SOCK_RAW, 255 or die "socket: $!"; $socket } } AF_INET, AF_INET6;
# The kernel lets nobody send to a broadcast address unasked.
setsockopt $raw{ AF_INET() }, Socket::SOL_SOCKET, Socket::SO_BROADCAST, 1 or die "setsockopt: $!";

# RFC 1071
sub checksum {
    my ($data) = @_;
    $data .= "\0" if length($data) % 2;
    my $sum = 0;
    $sum += $_ for unpack 'n*', $data;
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub with_checksum {
    my ($packet, $at, $pseudo) = @_;
    substr $packet, $at, 2, pack 'n', checksum($pseudo . $packet);
    return $packet;
}

sub inner {
    my (%given) = @_;
    my ($source, $destination) = map { inet_pton(AF_INET, $_) // die "no IPv4 address: $_" } split />/, $given{inner};
    my $mark = pack 'a8', $given{mark};
    my %of = (
        udp  => [ 17, 6, pack('nnnn', 40000, 9000, 16, 0) . $mark ],
        icmp => [ 1, 2, pack('CCnnn', 8, 0, 0, 4, 4) . $mark ],
        syn  => [ 6, 16, pack('nnNNCCnnn', 40000, 22, 1, 0, 5 << 4, 2, 1024, 0, 0) . $mark ],
    );
    my ($protocol, $at, $transport) = @{ $of{ $given{what} // 'udp' } };
    my $pseudo = $protocol == 1 ? '' : $source . $destination . pack 'nn', $protocol, length $transport;
    my $header = pack 'CCnnnCCna4a4', 0x45, 0, 20 + length $transport, 4, 0, $given{ttl} // 64, $protocol, 0, $source, $destination;
    return with_checksum($header, 10, '') . with_checksum($transport, $at, $pseudo);
}

sub outer {
    my ($source, $destination, $next, $payload) = @_;
    return pack('NnCC', 6 << 28, length $payload, $next, 64) . $source . $destination . $payload;
}

while (my $line = <STDIN>) {
    my %given = map { split /=/, $_, 2 } split ' ', $line;
    my $packet = inner(%given);
    if (!$given{outer}) {
        my ($destination) = $given{inner} =~ />(.*)/;
        send $raw{ AF_INET() }, $packet, 0, pack_sockaddr_in(0, inet_pton(AF_INET, $destination)) or die "$line: $!";
        next;
    }
    my ($source, $destination) = map { inet_pton(AF_INET6, $_) // die "no IPv6 address: $_" } split />/, $given{outer};
    my $via = $given{via} // 4;
    my $half = 24;    # a multiple of 8
    my @sent =
        $via eq 'dstopt' ? [ 60, pack('CCCCCCCC', 4, 0, 4, 1, 4, 1, 1, 0) . $packet ]    # RFC 2473, 4.1.1
      : $via eq 'fragment' ? ([ 44, pack('CCnN', 4, 0, 1, 4) . substr $packet, 0, $half ], [ 44, pack('CCnN', 4, 0, $half, 4) . substr $packet, $half ])
      : $via eq 'gre' ? [ 47, pack('nn', 0, 0x0800) . $packet ]
      : $via == 41 ? [ 41, outer($source, $destination, 4, $packet) ]
      :              [ 4, $packet ];
    send $raw{ AF_INET6() }, outer($source, $destination, @$_), 0, pack_sockaddr_in6(0, $destination) or die "$line: $!" for @sent;
}
