package StandIn::Netifd::Address;

# Addresses and prefixes: canonical text, masks, and the kernel's words for them.

use strict;
use warnings;
use Socket;
use Exporter 'import';
our @EXPORT_OK = qw(canonical family bytes text with_mask network add_offset);

sub bytes {
    my ($text) = @_;
    return undef unless defined $text;
    return Socket::inet_pton($text =~ /:/ ? AF_INET6 : AF_INET, $text);
}

sub text { my ($bytes) = @_; return Socket::inet_ntop(length $bytes == 16 ? AF_INET6 : AF_INET, $bytes) }
sub canonical { my ($text) = @_; my $bytes = bytes($text); return defined $bytes ? text($bytes) : undef }
sub family { return $_[0] =~ /:/ ? 6 : 4 }

# "a/len", "a" or "a" with a netmask: (address, length), or nothing when it isn't one.
sub with_mask {
    my ($given, $netmask) = @_;
    my ($address, $mask) = split m{/}, $given, 2;
    $address = canonical($address) // return;
    my $full = family($address) == 6 ? 128 : 32;
    $mask //= $netmask // $full;
    $mask = () = unpack('B32', bytes($mask) // return) =~ /1/g if $mask =~ /\./;
    return if $mask !~ /\A\d+\z/ || $mask > $full;
    return ($address, $mask);
}

sub mask_bytes { my ($size, $length) = @_; return pack 'B*', '1' x $length . '0' x ($size * 8 - $length) }

sub network {
    my ($address, $length) = @_;
    my $bytes = bytes($address);
    return text($bytes & mask_bytes(length $bytes, $length));
}

# The prefix moved on by a number of sub-prefixes of `length` (at most 64) bits.
sub add_offset {
    my ($prefix, $number, $length) = @_;
    my ($high, $low) = unpack 'Q>Q>', bytes($prefix);
    return text(pack 'Q>Q>', $high + ($number << (64 - $length)), $low);
}

1;
