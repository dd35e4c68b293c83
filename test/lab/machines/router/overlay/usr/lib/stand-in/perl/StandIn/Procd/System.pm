package StandIn::Procd::System;

# The object `system`: what the machine is, and how it does.

use strict;
use POSIX ();
use StandIn::Json qw(object number);

sub new { return bless {}, shift }
sub methods { return qw(board info reboot watchdog signal validate_firmware_image) }

sub call {
    my ($self, $method) = @_;
    return (0, board()) if $method eq 'board';
    return (0, info()) if $method eq 'info';
    return (3, undef) unless $method eq 'reboot';
    kill 'TERM', 1;
    return (0, undef);
}

sub lines {
    my ($path) = @_;
    open my $file, '<', $path or return;
    return <$file>;
}

sub settings {
    my ($path) = @_;
    return map { /\A(\w+)=["']?(.*?)["']?\s*\z/ ? ($1 => $2) : () } lines($path);
}

sub board {
    my (undef, $host, $kernel) = POSIX::uname();
    my %release = settings('/etc/openwrt_release');
    my %os = settings('/etc/os-release');
    my ($system) = map { /^model name\s*:\s*(.*)$/ ? $1 : () } lines('/proc/cpuinfo');
    my ($model) = join('', lines('/etc/board.json')) =~ /"model"\s*:\s*\{[^}]*"name"\s*:\s*"([^"]*)"/;
    my @builddate = $os{OPENWRT_BUILD_DATE} ? (builddate => $os{OPENWRT_BUILD_DATE}) : ();
    return object(
        kernel => $kernel, hostname => $host, system => $system // 'unknown',
        defined $model ? (model => $model) : (),
        release => object(
            distribution => $release{DISTRIB_ID} // '', version => $release{DISTRIB_RELEASE} // '',
            revision => $release{DISTRIB_REVISION} // '', target => $release{DISTRIB_TARGET} // '',
            description => $release{DISTRIB_DESCRIPTION} // '', @builddate,
        ),
    );
}

sub info {
    my ($uptime) = join('', lines('/proc/uptime')) =~ /\A(\d+)/;
    my @load = map { number(int $_ * 65536) } (split ' ', join '', lines('/proc/loadavg'))[0 .. 2];
    my %memory = map { /^(\w+):\s*(\d+)/ ? ($1 => $2 * 1024) : () } lines('/proc/meminfo');
    my @fields = ([ total => 'MemTotal' ], [ free => 'MemFree' ], [ shared => 'Shmem' ], [ buffered => 'Buffers' ],
        [ available => 'MemAvailable' ], [ cached => 'Cached' ]);
    return object(
        localtime => number(time), uptime => number($uptime), load => \@load,
        memory => object(map { ($_->[0] => number($memory{ $_->[1] } // 0)) } @fields),
        swap => object(total => number($memory{SwapTotal} // 0), free => number($memory{SwapFree} // 0)),
    );
}

1;
