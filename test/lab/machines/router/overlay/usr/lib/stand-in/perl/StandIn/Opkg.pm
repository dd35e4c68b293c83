package StandIn::Opkg;

# The opkg command line. Without the switch file `online` it has no network, as in the recordings.

use strict;
use StandIn::Opkg::Database;

my $online = '/usr/lib/stand-in/feed/online';
my $lists  = '/var/opkg-lists';
my (%option, @errors, $database);

my %command = (
    update => \&update, install => \&install, remove => \&remove, list => \&list, info => \&info, status => \&status,
    files => \&files, find => sub { 0 }, 'list-installed' => \&list_installed, 'list-upgradable' => sub { 0 },
    'list-changed-conffiles' => \&changed_conffiles, 'print-architecture' => \&architectures,
    whatprovides => sub { print "What provides $_\n" for @_; 0 }, 'compare-versions' => \&compare,
);

sub main {
    my @words;
    for my $word (@_) {
        if ($word =~ /\A--?(.+)/ && (!@words || $words[0] ne 'compare-versions')) { $option{$1} = 1 } else { push @words, $word }
    }
    my ($name, @arguments) = @words;
    unless (defined $name && $command{$name}) {
        print STDERR defined $name ? "opkg: unknown sub-command $name\n" : "opkg must have one sub-command argument\n";
        print usage();
        return 1;
    }
    $| = 1;
    mkdir $lists;
    $database = StandIn::Opkg::Database->new;
    my $code = $command{$name}->(@arguments);
    print STDERR "Collected errors:\n", map { " * $_\n" } @errors if @errors;
    return $code;
}

sub usage {
    open my $file, '<', '/usr/lib/stand-in/opkg-usage' or return '';
    return <$file>;
}

sub feeds {
    open my $file, '<', '/etc/opkg/distfeeds.conf' or return;
    return map { /\Asrc\/gz (\S+) (\S+)/ ? [ $1, $2 ] : () } <$file>;
}

sub update {
    my $failed = 0;
    for my $feed (feeds()) {
        my ($name, $url) = @$feed;
        print "Downloading $url/Packages.gz\n";
        if (-e $online) {
            open my $list, '>', "$lists/$name" or die "$lists/$name: $!";
            print {$list} offers($name);
            print "Updated list of available packages in $lists/$name\n";
            print "Downloading $url/Packages.sig\nSignature check passed.\n";
            next;
        }
        $failed = 1;
        print STDERR "Failed to send request: Operation not permitted\n";
        print "*** Failed to download the package list from $url/Packages.gz\n\n";
        push @errors, "opkg_download: Failed to download $url/Packages.gz, wget returned 4.",
            "opkg_download: Check your network settings and connectivity.\n";
    }
    return $failed ? 4 : 0;
}

# The feed's list: kernel modules in the first, the rest in the second.
sub offers {
    my ($feed) = @_;
    open my $file, '<', '/usr/lib/stand-in/opkg-packages' or die "opkg-packages: $!";
    my $text = '';
    for (grep { !/\A#/ } <$file>) {
        my ($name, $version, undef, @depends) = split;
        next unless -d "/usr/lib/stand-in/feed/$name" && $feed eq ($name =~ /\Akmod-/ ? 'openwrt_core' : 'openwrt_base');
        $text .= "Package: $name\nVersion: $version\nDepends: " . join(', ', 'libc', @depends) . "\nArchitecture: x86_64\nFilename: ${name}_${version}_x86_64.ipk\n\n";
    }
    return $text;
}

sub install {
    my $code = 0;
    for my $name (@_) {
        if (my $there = $database->{installed}{$name}) {
            print "Package $name ($there->{version}) installed in root is up to date.\n";
            next;
        }
        my $order = [];
        unless ($database->available->{$name} && ordered($name, $order, {})) {
            print "Unknown package '$name'.\n" unless $database->available->{$name};
            push @errors, "opkg_install_cmd: Cannot install package $name.";
            $code = 255;
            next;
        }
        my ($base) = map { $_->[1] } feeds();
        for (@$order) {
            print "Installing $_->{name} ($_->{version}) to root...\n";
            print "Downloading $base/$_->{filename}\n";
        }
        for (@$order) {
            print "Configuring $_->{name}.\n";
            $database->add($_, $_->{name} ne $name);
        }
    }
    return $code;
}

# The package and what it needs and isn't there, needs first; false when something can't be had.
sub ordered {
    my ($name, $order, $seen) = @_;
    return 1 if $seen->{$name}++ || $database->{installed}{$name};
    my $package = $database->available->{$name};
    unless ($package) {
        push @errors, "satisfy_dependencies_for: Cannot satisfy the following dependencies:", "\t$name";
        return 0;
    }
    ordered($_, $order, $seen) or return 0 for StandIn::Opkg::Database::depends($package);
    push @$order, $package;
    return 1;
}

sub remove {
    my ($done, $code) = (0, 0);
    for my $package (map { StandIn::Opkg::Database::matching($database->{installed}, $_) } @_) {
        my $name = $package->{name};
        next unless $database->{installed}{$name};
        my @needed_by = needed_by($name);
        if (@needed_by && $option{'force-removal-of-dependent-packages'}) {
            remove_one($_), $done++ for @needed_by;
        } elsif (@needed_by && !$option{'force-depends'}) {
            my $who = 'print_dependents_warning:';
            push @errors, "$who Package $name is depended upon by packages:", (map { "$who \t$_" } @needed_by),
                "$who These might cease to work if package $name is removed.\n",
                "$who Force removal of this package with --force-depends.",
                "$who Force removal of this package and its dependents",
                "$who with --force-removal-of-dependent-packages.";
            $code = 255;
            next;
        }
        remove_one($name);
        $done++;
    }
    print "No packages removed.\n" unless $done;
    return $code;
}

sub remove_one {
    my ($name) = @_;
    my @needs = StandIn::Opkg::Database::depends($database->{installed}{$name});
    print "Removing package $name from root...\n";
    $database->remove($name);
    return unless $option{autoremove};
    for my $need (@needs) {
        my $package = $database->{installed}{$need} or next;
        remove_one($need) if $package->{'auto-installed'} && !needed_by($need);
    }
}

sub needed_by {
    my ($name) = @_;
    my $installed = $database->{installed};
    return grep { grep { $_ eq $name } StandIn::Opkg::Database::depends($installed->{$_}) } sort keys %$installed;
}

sub list_installed {
    print "$_->{name} - $_->{version}\n" for StandIn::Opkg::Database::matching($database->{installed}, $_[0]);
    return 0;
}

sub list {
    my %all = (%{ $database->available }, %{ $database->{installed} });
    print "$_->{name} - $_->{version}\n" for StandIn::Opkg::Database::matching(\%all, $_[0]);
    return 0;
}

sub status {
    print "$_->{text}\n\n" for StandIn::Opkg::Database::matching($database->{installed}, $_[0]);
    return 0;
}

sub info {
    my %all = (%{ $database->available }, %{ $database->{installed} });
    print "$_->{text}\n\n" for StandIn::Opkg::Database::matching(\%all, $_[0]);
    return 0;
}

sub files {
    for my $name (@_) {
        my $package = $database->{installed}{$name};
        unless ($package) { push @errors, "opkg_files_cmd: Package $name not installed."; next }
        print "Package $name ($package->{version}) is installed on root and has the following files:\n";
        print "$_\n" for StandIn::Opkg::Database::files($name);
    }
    return @errors ? 0 : 0;
}

sub architectures { print "arch all 1\narch noarch 1\narch x86_64 10\n"; return 0 }

sub changed_conffiles {
    for my $package (StandIn::Opkg::Database::matching($database->{installed})) {
        while ($package->{text} =~ /^ (\S+) ([0-9a-f]{64})$/mg) {
            my ($path, $sum) = ($1, $2);
            my ($now) = -e $path ? `/usr/bin/sha256sum $path` =~ /\A(\S+)/ : '';
            print "$path\n" if ($now // '') ne '' && $now ne $sum;
        }
    }
    return 0;
}

# The order of version strings: digits by value, letters before other signs, ~ before the end.
sub compare_text {
    my ($left, $right) = @_;
    my $weight = sub { my ($c) = @_; $c eq '~' ? -1 : $c eq '' ? 0 : $c =~ /[A-Za-z]/ ? ord $c : ord($c) + 256 };
    while ($left ne '' || $right ne '') {
        my ($a) = $left =~ s/\A(\D*)// ? $1 : '';
        my ($b) = $right =~ s/\A(\D*)// ? $1 : '';
        for my $i (0 .. (length $a > length $b ? length $a : length $b)) {
            my $order = $weight->($i < length $a ? substr $a, $i, 1 : '') <=> $weight->($i < length $b ? substr $b, $i, 1 : '');
            return $order if $order;
        }
        my $m = $left =~ s/\A(\d+)// ? $1 : 0;
        my $n = $right =~ s/\A(\d+)// ? $1 : 0;
        return $m <=> $n if $m != $n;
    }
    return 0;
}

sub compare {
    my ($left, $operator, $right) = @_;
    my $order = compare_text($left, $right);
    my %holds = ('<' => $order <= 0, '<=' => $order <= 0, '<<' => $order < 0, '=' => $order == 0,
        '>' => $order >= 0, '>=' => $order >= 0, '>>' => $order > 0);
    return $holds{$operator} ? 0 : 1;
}

1;
