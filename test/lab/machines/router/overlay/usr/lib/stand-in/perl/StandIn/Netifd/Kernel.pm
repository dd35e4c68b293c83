package StandIn::Netifd::Kernel;

# Changes the kernel by iproute2. Lines are queued and given to `ip -batch`, a process for each run of
# lines of one family, since starting a process is what costs here. As with netlink, a line that fails
# (a route whose device is gone) doesn't stop the next ones.

use strict;

# Never the `ip` of PATH: that may be BusyBox's, or be taken away with its package.
my ($ip) = grep { -x } qw(/usr/lib/stand-in/bin/ip /usr/libexec/ip-full);
my @queue;

sub add { my ($family, $line) = @_; push @queue, [ $family, $line ] }

sub flush {
    while (@queue) {
        my $family = $queue[0][0];
        my @lines;
        push @lines, (shift @queue)->[1] while @queue && $queue[0][0] eq $family;
        open my $saved, '>&', \*STDERR;
        open STDERR, '>', '/dev/null';
        if (open my $batch, '|-', $ip, "-$family", '-force', '-batch', '-') {
            print {$batch} map { "$_\n" } @lines;
            close $batch;
        }
        open STDERR, '>&', $saved;
    }
}

# At once, with its outcome.
sub run {
    flush();
    my $pid = fork // return 0;
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        open STDOUT, '>', '/dev/null';
        exec { $ip } $ip, @_ or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return $? == 0;
}

sub read_file {
    my ($path) = @_;
    open my $file, '<', $path or return undef;
    my $text = <$file> // return undef;
    chomp $text;
    return $text;
}

sub write_file {
    my ($path, $text) = @_;
    open my $file, '>', $path or return;
    print {$file} $text;
    close $file;
}

sub ipv6_setting { my ($device, $name, $value) = @_; write_file("/proc/sys/net/ipv6/conf/$device/$name", $value) }

1;
