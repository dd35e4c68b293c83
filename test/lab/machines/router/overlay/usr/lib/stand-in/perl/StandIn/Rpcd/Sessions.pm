package StandIn::Rpcd::Sessions;

# The object `session`: who may read or write which package. Kept in memory only.

use strict;
use StandIn::Json qw(object number boolean get plain);

my %sessions;

sub INVALID() { 2 } sub NO_METHOD() { 3 } sub NOT_FOUND() { 4 } sub DENIED() { 6 }

sub known { return $sessions{ $_[0] } }

sub allowed {
    my ($id, $package, $what) = @_;
    my $session = $sessions{$id} or return 0;
    return scalar grep { ($_->[0] eq $package || $_->[0] eq '*') && ($_->[1] eq $what || $_->[1] eq '*') } @{ $session->{grants}{uci} // [] };
}

my %method = (
    create => \&create, login => sub { return (DENIED, undef) },
    list => sub { my ($session) = @_; return (0, description($session)) },
    grant => \&grant, access => \&access,
    destroy => sub { my ($session) = @_; delete $sessions{ $session->{id} }; return (0, undef) },
);

sub call {
    my ($name, $arguments) = @_;
    my $code = $method{$name} or return (NO_METHOD, undef);
    return $code->($arguments) if $name =~ /\A(?:create|login)\z/;
    my $id = get($arguments, 'ubus_rpc_session') // return (INVALID, undef);
    expire();
    my $session = $sessions{$id} or return (NOT_FOUND, undef);
    $session->{expires} = time + $session->{timeout};
    return $code->($session, $arguments);
}

sub expire { for my $id (keys %sessions) { delete $sessions{$id} if $sessions{$id}{expires} <= time } }

sub create {
    my ($arguments) = @_;
    my $timeout = plain(get($arguments, 'timeout')) // 300;
    open my $random, '<', '/dev/urandom' or return (9, undef);
    read $random, my $bytes, 16;
    my $id = unpack 'H32', $bytes;
    $sessions{$id} = { id => $id, timeout => $timeout, expires => time + $timeout, grants => {} };
    return (0, description($sessions{$id}));
}

sub description {
    my ($session) = @_;
    my $grants = $session->{grants};
    my @scopes;
    for my $scope (sort keys %$grants) {
        my %functions;
        push @{ $functions{ $_->[0] } }, $_->[1] for @{ $grants->{$scope} };
        push @scopes, $scope => object(map { ($_ => $functions{$_}) } sort keys %functions);
    }
    return object(ubus_rpc_session => $session->{id}, timeout => number($session->{timeout}), expires => number($session->{expires} - time),
        acls => object(@scopes), data => object());
}

sub grant {
    my ($session, $arguments) = @_;
    my $objects = plain(get($arguments, 'objects')) // [];
    push @{ $session->{grants}{ get($arguments, 'scope') // 'ubus' } }, map { ref $_ ? $_ : () } @$objects;
    return (0, undef);
}

sub access {
    my ($session, $arguments) = @_;
    my ($object, $function) = map { get($arguments, $_) // '' } qw(object function);
    my $granted = $session->{grants}{ get($arguments, 'scope') // 'ubus' } // [];
    return (0, object(access => boolean(scalar grep { $_->[0] eq $object && $_->[1] eq $function } @$granted)));
}

1;
