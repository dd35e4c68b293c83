package StandIn::Opkg::Database;

# What is installed (/usr/lib/opkg/status) and what the feeds offer. A package that can come and go
# has its files under /usr/lib/stand-in/feed/NAME, laid out as in the root.

use strict;

my $status = '/usr/lib/opkg/status';
my $lists  = '/var/opkg-lists';
my $feed   = '/usr/lib/stand-in/feed';

sub new { return bless { installed => stanzas($status) }, shift }

sub stanzas {
    my ($path) = @_;
    open my $file, '<', $path or return {};
    local $/ = '';
    my %found;
    while (my $text = <$file>) {
        $text =~ s/\n+\z//;
        my ($name) = $text =~ /^Package: (\S+)/m or next;
        $found{$name} = { name => $name, text => $text, map { lc($_->[0]) => $_->[1] } map { [ /\A(\S+): (.*)/ ] } grep { /\A\S+: / } split /\n/, $text };
    }
    return \%found;
}

# What `opkg update` fetched; nothing before the first one, and again nothing after a reboot.
sub available {
    my ($self) = @_;
    return $self->{available} //= { map { %{ stanzas($_) } } glob "$lists/*" };
}

sub depends { my ($package) = @_; return grep { $_ ne 'libc' } split /, */, $package->{depends} // '' }

sub matching {
    my ($set, $pattern) = @_;
    return map { $set->{$_} } sort keys %$set unless defined $pattern;
    my $regex = join '', map { $_ eq '*' ? '.*' : $_ eq '?' ? '.' : quotemeta } split //, $pattern;
    return map { $set->{$_} } grep { /\A$regex\z/ } sort keys %$set;
}

sub write_status {
    my ($self) = @_;
    open my $file, '>', "$status.new" or die "$status: $!";
    print {$file} map { "$self->{installed}{$_}{text}\n\n" } sort keys %{ $self->{installed} };
    close $file;
    rename "$status.new", $status;
}

sub files {
    my ($name) = @_;
    open my $list, '<', "/usr/lib/opkg/info/$name.list" or return;
    chomp(my @paths = <$list>);
    return @paths;
}

sub feed_files {
    my ($name) = @_;
    my @folders = "$feed/$name";
    my @found;
    while (defined(my $folder = shift @folders)) {
        for my $path (glob "$folder/*") { -d $path && !-l $path ? push @folders, $path : push @found, $path }
    }
    return sort map { substr $_, length "$feed/$name" } @found;
}

sub add {
    my ($self, $package, $automatic) = @_;
    my $name = $package->{name};
    for my $path (feed_files($name)) {
        my $folder = $path =~ s{/[^/]*\z}{}r;
        system '/bin/mkdir', '-p', $folder;
        system '/bin/cp', '-a', "$feed/$name$path", $path;
    }
    my $text = "Package: $name\nVersion: $package->{version}\n";
    $text .= 'Depends: ' . join(', ', 'libc', depends($package)) . "\n";
    $text .= "Status: install user installed\nArchitecture: $package->{architecture}\n";
    $text .= "Auto-Installed: yes\n" if $automatic;
    $text .= 'Installed-Time: ' . time;
    $self->{installed}{$name} = { %$package, text => $text, 'auto-installed' => $automatic ? 'yes' : undef };
    open my $list, '>', "/usr/lib/opkg/info/$name.list" or die "$name.list: $!";
    print {$list} map { "$_\n" } feed_files($name);
    close $list;
    $self->write_status;
    after($name, 1);
}

sub remove {
    my ($self, $name) = @_;
    unlink files($name);
    unlink "/usr/lib/opkg/info/$name.list";
    delete $self->{installed}{$name};
    $self->write_status;
    after($name, 0);
}

# What the packages' own scripts do: the alternatives of ip, and loading of modules. As on OpenWrt,
# removing a kernel module's package leaves the module loaded until the next boot.
sub after {
    my ($name, $added) = @_;
    if ($name =~ /\Aip-(?:full|tiny)\z/) {
        my ($best) = grep { -e } '/usr/libexec/ip-full', '/usr/libexec/ip-tiny', '/bin/busybox';
        unlink '/sbin/ip';
        symlink $best, '/sbin/ip';
    }
    return unless $added && $name =~ /\Akmod-/;
    for my $file (glob "$feed/$name/etc/modules.d/*") {
        open my $modules, '<', $file or next;
        for my $module (<$modules>) { chomp $module; system '/sbin/modprobe', $module if $module ne '' }
    }
}

1;
