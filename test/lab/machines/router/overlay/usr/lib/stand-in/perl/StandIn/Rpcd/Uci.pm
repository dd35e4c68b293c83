package StandIn::Rpcd::Uci;

# The object `uci`. With a session, changes are staged apart from the command line's.

use strict;
use StandIn::Uci;
use StandIn::Json qw(object number boolean get plain);
use StandIn::Rpcd::Sessions;
use StandIn::Rpcd::Apply;

sub INVALID() { 2 } sub NO_METHOD() { 3 } sub NOT_FOUND() { 4 } sub NO_DATA() { 5 } sub DENIED() { 6 }
sub UNKNOWN() { 9 }

my %method = (
    configs => sub { my ($uci) = @_; return (0, object(configs => [ $uci->packages ])) },
    get => \&show, state => \&show, add => \&add, set => \&set, delete => \&remove, rename => \&rename_entry, order => \&order,
    changes => \&changes, revert => \&revert, commit => \&commit, apply => \&apply, confirm => \&StandIn::Rpcd::Apply::confirm,
    rollback => \&StandIn::Rpcd::Apply::rollback, reload_config => sub { return (0, undef) },
);
my %reads = map { ($_ => 1) } qw(configs get state changes);

sub call {
    my ($name, $arguments) = @_;
    my $code = $method{$name} or return (NO_METHOD, undef);
    my $session = get($arguments, 'ubus_rpc_session');
    return (INVALID, undef) if !defined $session && $name =~ /\A(?:apply|confirm|rollback)\z/;
    my $package = get($arguments, 'config');
    if (defined $session) {
        return (DENIED, undef) unless StandIn::Rpcd::Sessions::known($session);
        return (DENIED, undef) if defined $package && !StandIn::Rpcd::Sessions::allowed($session, $package, $reads{$name} ? 'read' : 'write');
    }
    return (DENIED, undef) if StandIn::Rpcd::Apply::pending() && $name =~ /\A(?:apply|revert|commit)\z/;
    return $code->($session, $arguments) if $name =~ /\A(?:confirm|rollback|apply)\z/;
    my $uci = StandIn::Uci->new(defined $session ? (savedir => StandIn::Rpcd::Apply::folder($session)) : ());
    return (INVALID, undef) if !defined $package && $name !~ /\A(?:configs|changes|reload_config)\z/;
    my @result = eval { $code->($uci, $arguments, $package) };
    return @result unless $@;
    die $@ unless ref $@;
    return ($@->{code} == 3 ? NOT_FOUND : $@->{code} == 2 ? INVALID : UNKNOWN, undef);
}

sub section_object {
    my ($section) = @_;
    return object('.anonymous' => boolean($section->{anonymous}), '.type' => $section->{type}, '.name' => $section->{name},
        '.index' => number($section->{index} // 0), map { ($_->{name} => $_->{value}) } @{ $section->{options} });
}

sub show {
    my ($uci, $arguments, $name) = @_;
    my $package = $uci->load($name);
    my ($wanted, $option, $type) = map { get($arguments, $_) } qw(section option type);
    if (!defined $wanted) {
        my @sections = grep { !defined $type || $_->{type} eq $type } @{ $package->{sections} };
        return (0, object(values => object(map { ($_->{name} => section_object($_)) } @sections)));
    }
    my $section = StandIn::Uci::section($package, $wanted) // return (0, undef);
    return (0, object(values => section_object($section))) unless defined $option;
    my $value = StandIn::Uci::option($section, $option);
    return (0, defined $value ? object(value => $value) : undef);
}

# Stages the members of `values` in a section.
sub put_values {
    my ($uci, $package, $section, $values) = @_;
    for (my $i = 0; $i < @$values; $i += 2) {
        my ($option, $value) = @$values[ $i, $i + 1 ];
        my $path = "$package->{name}.$section.$option";
        if (ref $value eq 'ARRAY') {
            my $there = $uci->lookup($path, $package);
            StandIn::Uci::delete_entry($there) if $there->{complete};
            StandIn::Uci::add_list($uci->lookup("$path=" . (ref $_ ? $$_ : $_), $package)) for @$value;
        } else {
            StandIn::Uci::set($uci->lookup("$path=" . (ref $value ? $$value : $value // ''), $package));
        }
    }
}

sub add {
    my ($uci, $arguments, $name) = @_;
    my $type = get($arguments, 'type') // return (INVALID, undef);
    my $package = $uci->load($name);
    my $called = get($arguments, 'name');
    my $section = StandIn::Uci::add_section($package, $type, $called, 1);
    put_values($uci, $package, $section->{name}, get($arguments, 'values') // []);
    $uci->save($package);
    return (0, object(section => $section->{name}));
}

# The sections a call is about: by name, or by type and match.
sub chosen {
    my ($package, $arguments) = @_;
    my ($name, $type) = map { get($arguments, $_) } qw(section type);
    my $match = plain(get($arguments, 'match')) // {};
    return grep { defined $name ? $_->{name} eq $name : defined $type && $_->{type} eq $type } grep {
        my $section = $_;
        !grep { (StandIn::Uci::option($section, $_) // '') ne $match->{$_} } keys %$match;
    } @{ $package->{sections} };
}

sub set {
    my ($uci, $arguments, $name) = @_;
    my $package = $uci->load($name);
    my @sections = chosen($package, $arguments) or return (NOT_FOUND, undef);
    put_values($uci, $package, $_->{name}, get($arguments, 'values') // []) for @sections;
    $uci->save($package);
    return (0, undef);
}

sub remove {
    my ($uci, $arguments, $name) = @_;
    my $package = $uci->load($name);
    my @sections = chosen($package, $arguments) or return (NOT_FOUND, undef);
    my @options = @{ get($arguments, 'options') // [] };
    push @options, get($arguments, 'option') // ();
    for my $section (@sections) {
        StandIn::Uci::delete_entry($uci->lookup($_, $package))
            for @options ? map({ "$name.$section->{name}.$_" } @options) : "$name.$section->{name}";
    }
    $uci->save($package);
    return (0, undef);
}

sub rename_entry {
    my ($uci, $arguments, $name) = @_;
    my $package = $uci->load($name);
    my $path = join '.', $name, map { get($arguments, $_) // () } qw(section option);
    StandIn::Uci::rename_entry($uci->lookup("$path=" . (get($arguments, 'name') // ''), $package));
    $uci->save($package);
    return (0, undef);
}

sub order {
    my ($uci, $arguments, $name) = @_;
    my $package = $uci->load($name);
    my $position = 0;
    StandIn::Uci::reorder($uci->lookup("$name.$_=" . $position++, $package)) for @{ get($arguments, 'sections') // [] };
    $uci->save($package);
    return (0, undef);
}

my %word = ('' => 'set', '+' => 'add', '-' => 'remove', '@' => 'rename', '^' => 'order', '|' => 'list-add', '~' => 'list-del');

sub changes_of {
    my ($uci, $name) = @_;
    my $package = $uci->load($name);
    return map { my $change = $_; [ $word{ $change->{sign} }, map { $change->{$_} // () } qw(section option value) ] } @{ $package->{saved} };
}

sub staged { my ($uci) = @_; return grep { -s "$uci->{savedir}/$_" } $uci->packages }

sub changes {
    my ($uci, undef, $name) = @_;
    return (0, object(changes => [ changes_of($uci, $name) ])) if defined $name;
    return (0, object(changes => object(map { ($_ => [ changes_of($uci, $_) ]) } staged($uci))));
}

sub revert {
    my ($uci, undef, $name) = @_;
    $uci->revert({ package => $name });
    return (0, undef);
}

sub commit {
    my ($uci, undef, $name) = @_;
    $uci->commit($name);
    StandIn::Rpcd::Apply::announce($name);
    return (0, undef);
}

sub apply {
    my ($session, $arguments) = @_;
    my $uci = StandIn::Uci->new(savedir => StandIn::Rpcd::Apply::folder($session));
    my @packages = staged($uci) or return (NO_DATA, undef);
    return (DENIED, undef) if grep { !StandIn::Rpcd::Sessions::allowed($session, $_, 'write') } @packages;
    my $timeout = plain(get($arguments, 'rollback')) ? plain(get($arguments, 'timeout')) // 60 : undef;
    StandIn::Rpcd::Apply::start($session, $uci, $timeout, @packages);
    return (0, undef);
}

1;
