package StandIn::Netifd::Event;

# How netifd tells others: the log, the bus, and the scripts of /etc/hotplug.d/iface, one run at a time.

use strict;
use POSIX ();
use Socket;
use StandIn::Json qw(object compact);

our $bus;    # a StandIn::Ubus::Provider
my (@queue, $running, $log);

sub log_line {
    my ($text) = @_;
    if (!$log) {
        socket $log, PF_UNIX, SOCK_DGRAM, 0 or return;
        connect $log, sockaddr_un('/dev/log') or undef $log, return;
    }
    defined send $log, "<29>netifd: $text", 0x40 or undef $log;    # daemon.notice; MSG_DONTWAIT
}

sub register { $bus->register($_[0]) if $bus }
sub unregister { $bus->unregister($_[0]) if $bus }

sub happened {
    my ($interface, $action) = @_;
    my @environment = (ACTION => $action, INTERFACE => $interface->{name});
    push @environment, DEVICE => $interface->{l3} if $action eq 'ifup' && defined $interface->{l3};
    push @queue, \@environment;
    $bus->event('network.interface', object(action => $action, interface => $interface->{name})) if $bus;
    next_script();
}

sub next_script {
    return if $running || !@queue;
    my $environment = shift @queue;
    $running = fork // return;
    return if $running;
    $SIG{$_} = 'DEFAULT' for qw(CHLD PIPE TERM INT HUP);
    POSIX::setsid();
    %ENV = (@$environment, HOME => '/root', TERM => 'linux', PATH => '/usr/sbin:/usr/bin:/sbin:/bin');
    chdir '/';
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec '/sbin/hotplug-call', 'iface' or POSIX::_exit(127);
}

sub child { return $running }

# A child has ended; true if it was a run of the scripts.
sub ended {
    my ($pid) = @_;
    return 0 unless $running && $pid == $running;
    undef $running;
    next_script();
    return 1;
}

1;
