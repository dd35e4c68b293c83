package StandIn::Fw4::Cli;

# The fw4 command line: the firewall of /etc/config/firewall, as an nftables ruleset.

use strict;
use StandIn::Json qw(object parse compact plain);
use StandIn::Fw4::Load;
use StandIn::Fw4::Ruleset;

my $saved = '/var/run/fw4.state';
my $quiet = 0;
my (@verbose, @arguments);

# Ends the call with this exit status.
sub leave { die bless { code => $_[0] }, 'StandIn::Fw4::End' }

sub die_saying {
    print STDERR "$_[0]\n" unless $quiet;
    leave(1);
}

sub lock_out_others {
    open our $lock, '>', '/var/run/fw4.lock' or return;
    flock $lock, 2;
}

sub ruleset { return StandIn::Fw4::Ruleset::text(StandIn::Fw4::Load::state()) }

sub nft {
    my ($text, @options) = @_;
    local $SIG{PIPE} = 'IGNORE';
    open my $nft, '|-', 'nft', @verbose, @options, '-f', '/dev/stdin' or return 0;
    print {$nft} $text;
    return close $nft;
}

# Remembers for look-ups which zone has what, also when nft refuses the rules afterwards.
sub load {
    my $state = StandIn::Fw4::Load::state();
    if (open my $file, '>', $saved) {
        print {$file} compact([ map { object(name => $_->{name}, networks => $_->{networks}, devices => $_->{devices}) } @{ $state->{zones} } ]);
        close $file;
    }
    nft(StandIn::Fw4::Ruleset::text($state));
}

sub stop {
    my $done = !system qw(nft delete table inet fw4);
    unlink $saved if $done;
    return $done;
}

sub look_up {
    my ($kind, $wanted, $device) = @_;
    open my $file, '<', $saved or do {
        print STDERR "Unable to read firewall state - do you need to start the firewall?\n";
        leave(1);
    };
    for my $zone (@{ plain(parse(join '', <$file>)) }) {
        if ($kind eq 'zone') {
            next if $zone->{name} ne $wanted;
            my @devices = grep { !defined $device || $_ eq $device } @{ $zone->{devices} };
            print map { "$_\n" } @devices;
            leave(defined $device && !@devices ? 1 : 0);
        }
        next unless grep { $_ eq $wanted } @{ $zone->{ $kind eq 'network' ? 'networks' : 'devices' } };
        print "$zone->{name}\n";
        leave(0);
    }
    leave(1);
}

my %do = (
    start => sub {
        lock_out_others();
        die_saying('The fw4 firewall appears to be already loaded.') if -f $saved;
        load();
    },
    reload => sub {
        lock_out_others();
        die_saying('The fw4 firewall does not appear to be loaded.') unless -f $saved;
        load();
    },
    stop => sub { lock_out_others(); stop() or die_saying('The fw4 firewall does not appear to be loaded, try fw4 flush to delete all rules.') },
    flush => sub { lock_out_others(); system 'nft', 'flush', 'ruleset'; unlink $saved },
    restart => sub {
        local $StandIn::Fw4::Section::quiet = 1;
        nft(ruleset(), '-c') or die_saying('The rendered ruleset contains errors, not doing firewall restart.');
        lock_out_others();
        stop() or unlink $saved;
        $StandIn::Fw4::Section::quiet = $quiet;
        load();
    },
    check => sub {
        if ($quiet) { open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null' }
        nft(ruleset(), '-c') or leave(1);
        print "Ruleset passes nftables check.\n";
    },
    print => sub { print ruleset() },
    map { my $kind = $_; ($kind => sub { look_up($kind, @arguments) }) } qw(zone network device),
);

# Returns the exit status.
sub main {
    my @words = @_;
    while (@words && $words[0] =~ /\A-([qv])\z/) {
        shift @words;
        if ($1 eq 'q') { $quiet = $StandIn::Fw4::Section::quiet = 1 } else { @verbose = '-e' }
    }
    (my $action, @arguments) = @words;
    my $code = $do{ $action // '' };
    if (!$code) {
        print "Usage:\n\n  /sbin/fw4 [-v] [-q] start|stop|flush|restart|reload\n\n  /sbin/fw4 [-q] print\n\n  /sbin/fw4 [-q] check\n\n",
            "  /sbin/fw4 [-q] network {net}\n\n  /sbin/fw4 [-q] device {dev}\n\n  /sbin/fw4 [-q] zone {zone} [dev]\n\n";
        return 0;
    }
    return 0 if eval { $code->(); 1 };
    die $@ unless ref $@ eq 'StandIn::Fw4::End';
    return $@->{code};
}

1;
