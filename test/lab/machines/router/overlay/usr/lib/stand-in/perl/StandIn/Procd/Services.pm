package StandIn::Procd::Services;

# The object `service`: instances that are started, watched, respawned and killed, and triggers.

use strict;
use StandIn::Clock;
use StandIn::Json qw(object number boolean compact get plain parse);
use StandIn::Procd::Instance;
use StandIn::Procd::Trigger;

sub new { return bless { services => {}, order => [], timers => {}, running => [] }, shift }
sub methods { return qw(set add list delete signal update_start update_complete event validate get_data state) }

my %method = (set => \&set, add => sub { return set(@_, 'keep') }, list => \&list, delete => \&remove, event => \&event, get_data => \&data, state => \&state, settled => \&settled);

sub call {
    my ($self, $name, $arguments) = @_;
    return (0, undef) if $name =~ /\Aupdate_|\Avalidate\z/;
    my $code = $method{$name} or return (3, undef);
    return $code->($self, $arguments);
}

# `set` gives all instances of a service; `add` leaves alone those that it doesn't name.
sub set {
    my ($self, $arguments, $keep) = @_;
    my $name = get($arguments, 'name') // return (2, undef);
    my $service = $self->{services}{$name} //= { name => $name, instances => {}, order => [] };
    my $wanted = get($arguments, 'instances') // object();
    my (%seen, @order);
    for (my $i = 0; $i < @$wanted; $i += 2) {
        my ($label, $given) = @$wanted[ $i, $i + 1 ];
        $seen{$label} = push @order, $label;
        my $there = $service->{instances}{$label};
        if ($there && $there->same($given)) {
            $there->start unless $there->running;
            next;
        }
        $there->stop if $there;
        ($service->{instances}{$label} = StandIn::Procd::Instance->new($given))->start;
    }
    if ($keep) {
        unshift @order, grep { !$seen{$_} } @{ $service->{order} };
    } else {
        (delete $service->{instances}{$_})->stop for grep { !$seen{$_} } keys %{ $service->{instances} };
    }
    $service->{order} = \@order;
    for my $part (qw(triggers data)) {
        my $given = get($arguments, $part);
        $service->{$part} = $given if $given || !$keep;
    }
    return (0, undef);
}

sub list {
    my ($self, $arguments) = @_;
    $self->tick;
    my $only = get($arguments, 'name');
    my $verbose = plain(get($arguments, 'verbose'));
    my @services;
    for my $name (sort keys %{ $self->{services} }) {
        next if defined $only && $name ne $only;
        my $service = $self->{services}{$name};
        my @instances = map { ($_ => $service->{instances}{$_}->status) } @{ $service->{order} };
        push @services, $name => object(
            @instances ? (instances => object(@instances)) : (),
            $verbose && $service->{triggers} ? (triggers => $service->{triggers}) : (),
        );
    }
    return (0, object(@services));
}

sub remove {
    my ($self, $arguments) = @_;
    my $name = get($arguments, 'name') // return (2, undef);
    my $service = $self->{services}{$name} or return (4, undef);
    my $only = get($arguments, 'instance');
    if (defined $only) {
        my $instance = delete $service->{instances}{$only} or return (4, undef);
        $instance->stop;
        $service->{order} = [ grep { $_ ne $only } @{ $service->{order} } ];
        return (0, undef) if @{ $service->{order} };
    }
    $_->stop for values %{ $service->{instances} };
    delete $self->{services}{$name};
    return (0, undef);
}

sub state {
    my ($self, $arguments) = @_;
    return ($self->{services}{ get($arguments, 'name') // '' } ? 0 : 4, undef);
}

sub data {
    my ($self, $arguments) = @_;
    my @found = map { $self->{services}{$_}{data} ? ($_ => $self->{services}{$_}{data}) : () } sort keys %{ $self->{services} };
    return (0, object(@found));
}

sub event {
    my ($self, $arguments) = @_;
    my $type = get($arguments, 'type') // return (2, undef);
    $self->fire($type, get($arguments, 'data') // object());
    return (0, undef);
}

# What netifd tells the bus about an interface is an event for the triggers.
sub bus_event {
    my ($self, $type, $data) = @_;
    return unless $type eq 'network.interface';
    my $what = (get($data, 'action') // '') =~ s/\Aif//r;
    $self->fire("interface.$what", $data);
}

# A trigger waits a moment, and events in that time make one run.
sub fire {
    my ($self, $type, $data) = @_;
    my $values = plain($data);
    for my $service (values %{ $self->{services} }) {
        for my $trigger (@{ $service->{triggers} // [] }) {
            for my $command (StandIn::Procd::Trigger::commands($trigger, $type, $values)) {
                $self->{timers}{ join "\0", @$command } = {
                    due => StandIn::Clock::now() + StandIn::Procd::Trigger::delay($trigger), command => $command };
            }
        }
    }
}

sub instances { my ($self) = @_; return map { values %{ $_->{instances} } } values %{ $self->{services} } }

sub tick {
    my ($self) = @_;
    my $now = StandIn::Clock::now();
    for my $key (grep { $self->{timers}{$_}{due} <= $now } keys %{ $self->{timers} }) {
        push @{ $self->{running} }, StandIn::Procd::Trigger::run((delete $self->{timers}{$key})->{command});
    }
    StandIn::Procd::Instance::reap();
    $_->tick($now) for $self->instances;
}

# Not OpenWrt's: whether no trigger waits or runs, for usr/lib/stand-in/settled.
sub settled {
    my ($self) = @_;
    $self->tick;
    $self->{running} = [ grep { kill 0, $_ } @{ $self->{running} } ];
    return (%{ $self->{timers} } || @{ $self->{running} } ? 5 : 0, undef);
}

# Seconds until something has to be done, at most one: a child's end may come between look and sleep.
sub next_due {
    my ($self) = @_;
    my $wait = 1;
    my $now = StandIn::Clock::now();
    for my $due (map({ $_->{due} } values %{ $self->{timers} }), map({ $_->due // () } $self->instances)) {
        $wait = $due - $now if $due - $now < $wait;
    }
    return $wait < 0 ? 0 : $wait;
}

1;
