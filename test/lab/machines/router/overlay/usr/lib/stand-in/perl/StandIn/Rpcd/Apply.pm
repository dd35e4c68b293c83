package StandIn::Rpcd::Apply;

# Apply with a way back: whole files are kept, and come back unless somebody confirms in time. The
# pending apply is known to this process only: after a restart the kept files just lie there.

use strict;
use StandIn::Json qw(get);
use StandIn::Clock;

sub NO_DATA() { 5 } sub DENIED() { 6 }

our $base = '/var/run/rpcd';
our $notify = sub { };    # called with the name of a package that has changed
my $pending;              # { session, due, packages }

sub folder { return "$base/uci-$_[0]" }
sub pending { return $pending }
sub due { return $pending && $pending->{due} }
sub announce { $notify->($_) for @_ }

sub copy {
    my ($from, $to) = @_;
    open my $in, '<', $from or return;
    local $/;
    my $text = <$in>;
    my $fresh = "$to.rpcd-$$";
    open my $out, '>', $fresh or return;
    print {$out} $text;
    close $out and rename $fresh, $to;
}

sub clear {
    for my $folder ("$base/snapshot-files", "$base/snapshot-delta") {
        unlink glob "$folder/*";
        rmdir $folder;
    }
}

sub start {
    my ($session, $uci, $timeout, @packages) = @_;
    clear();
    mkdir "$base/$_", 0700 for qw(snapshot-files snapshot-delta);
    for my $name (@packages) {
        copy("$uci->{confdir}/$name", "$base/snapshot-files/$name");
        copy("$uci->{savedir}/$name", "$base/snapshot-delta/$name");
        $uci->commit($name);
    }
    $pending = { session => $session, due => StandIn::Clock::now() + $timeout, packages => \@packages } if defined $timeout;
    announce(@packages);
}

sub confirm {
    my ($session) = @_;
    return (NO_DATA, undef) unless $pending;
    return (DENIED, undef) if $session ne $pending->{session};
    undef $pending;
    clear();
    return (0, undef);
}

sub rollback {
    my ($session) = @_;
    return (NO_DATA, undef) unless $pending;
    return (DENIED, undef) if $session ne $pending->{session};
    go_back();
    return (0, undef);
}

# The files as they were; what was applied is staged again in its session.
sub go_back {
    my @packages = @{ $pending->{packages} };
    mkdir folder($pending->{session}), 0700;
    for my $name (@packages) {
        copy("$base/snapshot-files/$name", "/etc/config/$name");
        copy("$base/snapshot-delta/$name", folder($pending->{session}) . "/$name");
    }
    undef $pending;
    clear();
    announce(@packages);
}

sub tick { go_back() if $pending && $pending->{due} <= StandIn::Clock::now() }

1;
