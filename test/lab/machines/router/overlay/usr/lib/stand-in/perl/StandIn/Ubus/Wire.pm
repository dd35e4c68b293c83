package StandIn::Ubus::Wire;

# Messages between the bus and its clients: a four-byte length, then fields separated by NUL.
# Every call of ubus loads this, so it does without Socket and Errno, which take longer than the call.

use strict;

sub UNIX() { 1 } sub STREAM() { 1 } sub INTERRUPTED() { 4 } sub AGAIN() { 11 }

our $path = $ENV{UBUS_SOCKET} // '/var/run/ubus/ubus.sock';

our @status = (
    'Success', 'Invalid command', 'Invalid argument', 'Method not found', 'Not found', 'No response',
    'Permission denied', 'Request timed out', 'Operation not supported', 'Unknown error', 'Connection failed',
    'Out of memory', 'Parsing message data failed', 'System error',
);
sub INVALID_ARGUMENT() { 2 } sub NO_METHOD() { 3 } sub NOT_FOUND() { 4 } sub NO_DATA() { 5 }
sub DENIED() { 6 } sub UNSUPPORTED() { 8 } sub UNKNOWN() { 9 }

sub dial {
    my ($where) = @_;
    socket my $socket, UNIX, STREAM, 0 or return undef;
    connect $socket, pack 'S Z108', UNIX, $where // $path or return undef;
    return $socket;
}

sub send_to {
    my ($socket, @fields) = @_;
    my $bytes = pack 'N/a*', join "\0", map { $_ // '' } @fields;
    while (length $bytes) {
        my $sent = syswrite $socket, $bytes;
        if (!defined $sent) {
            next if $! == INTERRUPTED;
            if ($! == AGAIN) { my $w = ''; vec($w, fileno $socket, 1) = 1; select undef, $w, undef, 1; next }
            return 0;
        }
        substr $bytes, 0, $sent, '';
    }
    return 1;
}

# Takes the first whole message off a buffer; an empty list when there is none yet.
sub take {
    my ($buffer) = @_;
    return if length $$buffer < 4;
    my $length = unpack 'N', $$buffer;
    return if length $$buffer < 4 + $length;
    my $message = substr $$buffer, 4, $length;
    substr $$buffer, 0, 4 + $length, '';
    return split /\0/, $message, -1;
}

# Waits for the next message; an empty list when the other side is gone or time is up.
sub receive {
    my ($socket, $buffer, $until) = @_;
    while (1) {
        my @fields = take($buffer);
        return @fields if @fields;
        if (defined $until) {
            my $left = $until - time;
            my $r = '';
            vec($r, fileno $socket, 1) = 1;
            return if $left <= 0 || !select $r, undef, undef, $left;
        }
        my $got = sysread $socket, $$buffer, 65536, length $$buffer;
        next if !defined $got && $! == INTERRUPTED;
        return unless $got;
    }
}

1;
