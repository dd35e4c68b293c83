package StandIn::Uci;

# UCI packages as OpenWrt's libuci reads and writes them.
#
#   use lib '/usr/lib/stand-in/perl';
#   use StandIn::Uci;
#   my $uci = StandIn::Uci->new;                # or ->new(confdir => DIR, savedir => DIR, paths => [DIR…])
#   my $package = $uci->load('network');        # file and staged changes (/tmp/.uci) merged; dies with a
#                                               # StandIn::Uci::Error {code, detail} (3: no file, 5: syntax)
#   my $package = $uci->try('network');         # the same, but undef for a missing or broken file
#   $uci->load('network', staged => 0);         # the committed file alone
#
#   for my $section (@{ $package->{sections} }) # in order
#     $section->{name}                          # cfg02fe63 for an anonymous one
#     $section->{type}, $section->{anonymous}
#     $section->{options}                       # in order: [ { name => 'ipaddr', value => 'x' | ['x', 'y'] }, … ]
#     $section->{index}                         # position in the package, from 0 (set by load)
#   StandIn::Uci::sections($package, 'zone')    # the sections of a type
#   StandIn::Uci::section($package, 'lan')      # one by name, or undef
#   StandIn::Uci::option($section, 'ipaddr')    # its value (string or array reference), or undef
#   StandIn::Uci::words($section, 'network')    # as a list: list items, or the words of a plain option
#   StandIn::Uci::hash($section)                # { name => value, … } of all options
#   $uci->packages                              # names of all packages
#
# Writing (Edit.pm, Delta.pm): $uci->lookup("network.lan.x=1") gives a pointer for set, delete, …;
# $uci->save($package) stages, $uci->commit('network') writes the file.

use strict;
use StandIn::Uci::Parse;
use StandIn::Uci::Delta;
use StandIn::Uci::Edit;

sub INVALID() { 2 } sub NOT_FOUND() { 3 } sub IO() { 4 } sub PARSE() { 5 } sub DUPLICATE() { 6 }

sub new {
    my ($class, %given) = @_;
    my $savedir = $given{savedir} // '/tmp/.uci';
    return bless {
        confdir  => $given{confdir} // '/etc/config',
        override => $given{override} // '/var/run/uci',
        savedir  => $savedir,
        paths    => [ @{ $given{paths} // [] }, $savedir ],    # the save directory is always last
        strict   => $given{strict} // 1,
    }, $class;
}

sub fail {
    my ($code, $detail) = @_;
    die bless { code => $code, detail => $detail }, 'StandIn::Uci::Error';
}

# Like -t: staged changes are saved there; what others staged is still read.
sub set_savedir {
    my ($self, $dir) = @_;
    $self->{paths} = [ (grep { $_ ne $dir } @{ $self->{paths} }), $dir ];
    $self->{savedir} = $dir;
}

sub add_path {
    my ($self, $dir) = @_;
    return if grep { $_ eq $dir } @{ $self->{paths} };
    splice @{ $self->{paths} }, -1, 0, $dir;
}

sub path_of {
    my ($self, $name) = @_;
    fail(INVALID) unless $name =~ /\A[A-Za-z0-9_-]+\z/;
    my $override = "$self->{override}/$name";
    return -f $override ? $override : "$self->{confdir}/$name";
}

# What a package was read from, to tell whether it would be read as it is known.
sub sources {
    my ($self, $name, $path) = @_;
    return join ' ', map { join ',', (stat)[0, 1, 7, 9] } $path, map { "$_/$name" } @{ $self->{paths} };
}

# A batch reads a package anew for each line, which is as it was left by the line before.
sub known {
    my ($self, $name, $path) = @_;
    my $known = delete $self->{known}{$name} or return;
    return $known->{package} if $known->{sources} eq $self->sources($name, $path);
}

# Called when all changes of a package are staged.
sub know {
    my ($self, $package) = @_;
    my ($name, $path) = @$package{qw(name path)};
    $self->{known}{$name} = { package => $package, sources => $self->sources($name, $path) } if $self->{batch} && $path;
}

sub load {
    my ($self, $name, %how) = @_;
    my $path = $self->path_of($name);
    fail(NOT_FOUND) unless -f $path;
    open my $file, '<', $path or fail(IO);
    flock $file, 1;
    $self->{loads}++;
    if (my $package = $self->known($name, $path)) { return $package }
    my $package = $self->parse($file, $name);
    close $file;
    $package->{path}      = $path;
    $package->{has_delta} = 1;
    $self->load_delta($package) if $how{staged} // 1;
    my $index = 0;
    $_->{index} = $index++ for @{ $package->{sections} };
    return $package;
}

sub try {
    my ($self, $name, %how) = @_;
    return eval { $self->load($name, %how) };
}

sub packages {
    my ($self) = @_;
    my %seen;
    for my $dir ($self->{confdir}, $self->{override}) {
        opendir my $handle, $dir or next;
        /\A[A-Za-z0-9_-]+\z/ && -f "$dir/$_" and $seen{$_} = 1 for readdir $handle;
    }
    return sort keys %seen;
}

sub sections {
    my ($package, $type) = @_;
    return grep { $_->{type} eq $type } @{ $package->{sections} };
}

sub section {
    my ($package, $name) = @_;
    for (@{ $package->{sections} }) { return $_ if $_->{name} eq $name }
    return undef;
}

sub option {
    my ($section, $name) = @_;
    for (@{ $section->{options} }) { return $_->{value} if $_->{name} eq $name }
    return undef;
}

sub words {
    my ($section, $name) = @_;
    my $value = option($section, $name) // return;
    return ref $value ? @$value : split ' ', $value;
}

sub hash {
    my ($section) = @_;
    return { map { ($_->{name} => $_->{value}) } @{ $section->{options} } };
}

sub quote {
    my ($text) = @_;
    $text =~ s/'/'\\''/g;
    return "'$text'";
}

# The canonical text of a package, as a commit writes it.
sub text {
    my ($package, %how) = @_;
    my $text = $how{header} ? "package $package->{name}\n" : '';
    for my $section (@{ $package->{sections} }) {
        my $named = !$section->{anonymous} || $how{names};
        $text .= "\nconfig $section->{type}" . ($named ? ' ' . quote($section->{name}) : '') . "\n";
        for my $option (@{ $section->{options} }) {
            my $list = ref $option->{value};
            my $word = $list ? 'list' : 'option';
            $text .= "\t$word $option->{name} " . quote($_) . "\n" for $list ? @{ $option->{value} } : $option->{value};
        }
    }
    return "$text\n";
}

# Takes along everything staged by anyone in the delta paths; without any, the file isn't touched.
sub commit {
    my ($self, $name) = @_;
    my $path = $self->path_of($name);
    open my $lock, '+<', $path or fail(-e $path ? IO : NOT_FOUND);
    flock $lock, 2;
    my $package = $self->parse($lock, $name);
    $package->{has_delta} = 1;
    return unless $self->load_delta($package, flush => 1);
    $self->write($path, text($package));
}

# Replaces a package's file at once, as import does.
sub replace {
    my ($self, $package) = @_;
    $self->write($self->path_of($package->{name}), text($package));
}

sub write {
    my ($self, $path, $text) = @_;
    $path = readlink($path) =~ s{\A(?!/)}{$path =~ s/[^\/]*\z//r}er if -l $path;
    my $mode = -e $path ? (stat _)[2] & 07777 : 0600;
    my ($dir, $name) = $path =~ m{\A(.*)/([^/]+)\z};
    my $fresh = "$dir/.$name.uci-$$";
    open my $file, '>', $fresh or fail(IO);
    print {$file} $text and close $file and chmod $mode, $fresh and rename $fresh, $path or fail(IO);
}

1;
