package StandIn::Netifd::Address;

# Addresses and prefixes: canonical text, masks, and the kernel's words for them. Each run of fw4 loads this, so it does
# without Socket, which takes longer than all the rest of fw4.

use strict;
use Exporter 'import';
our @EXPORT_OK = qw(canonical family bytes text with_mask network add_offset);

# As inet_pton: undef for what is no address.
sub bytes {
    my ($text) = @_;
    return undef unless defined $text;
    if ($text !~ /:/) {
        my @parts = $text =~ /\A(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\z/ or return undef;
        return (grep { $_ > 255 || /\A0./ } @parts) ? undef : pack 'C4', @parts;
    }
    if ($text =~ s/:\K([^:]*\..*)\z//) { $text .= sprintf '%x:%x', unpack 'n2', bytes($1) // return undef }
    my @halves = map { [ split /:/, $_, -1 ] } split /::/, $text, -1;
    my @words = map { @$_ } @halves;
    return undef if @halves > 2 || grep { !/\A[0-9a-fA-F]{1,4}\z/ } @words;
    return undef if @halves == 2 ? @words > 7 : @words != 8;
    return pack 'n8', map { hex } @{ $halves[0] }, (0) x (8 - @words), @{ $halves[1] // [] };
}

# As inet_ntop: the first of the longest runs of zeros is left out.
sub text {
    my ($bytes) = @_;
    return join '.', unpack 'C4', $bytes if length $bytes == 4;
    my $text = join ':', map { sprintf '%x', $_ } unpack 'n8', $bytes;
    my ($zeros) = sort { length $b <=> length $a } $text =~ /\b0(?::0)+\b/g;
    $text =~ s/(?:\A|:)$zeros(?::|\z)/::/ if defined $zeros;
    $text =~ s/\A::(?:ffff:)?\K[0-9a-f]+:[0-9a-f]+\z/join '.', unpack 'x12 C4', $bytes/e;
    return $text;
}

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
