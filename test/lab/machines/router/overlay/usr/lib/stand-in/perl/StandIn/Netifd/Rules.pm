package StandIn::Netifd::Rules;

# `config rule` and `config rule6`. They hang on no interface, unless `in` or `out` names one.
# As in 24.10, a reload takes each rule out and puts it back, changed or not.

use strict;
use StandIn::Netifd::Address qw(with_mask family);
use StandIn::Netifd::Config;
use StandIn::Netifd::Kernel;

my @present;    # [ family, text ] of what is in the kernel

# At start all rules go, also those made by hand; the kernel's own come back.
sub reset_kernel {
    @present = ();
    for my $family (4, 6) {
        StandIn::Netifd::Kernel::add($family, "rule flush");
        StandIn::Netifd::Kernel::add($family, "rule add from all lookup main priority 32766");
    }
    StandIn::Netifd::Kernel::add(4, "rule add from all lookup default priority 32767");
    StandIn::Netifd::Kernel::flush();
}

# `device_of` gives the l3 device of an interface that is up.
sub apply {
    my ($rules, $device_of) = @_;
    my @wanted = map { my $text = text($_, $device_of); defined $text ? [ $_->{family}, $text ] : () } @$rules;
    my %wanted = map { ("@$_" => 1) } @wanted;
    my %present = map { ("@$_" => 1) } @present;
    for my $rule (@wanted) {
        StandIn::Netifd::Kernel::add($rule->[0], "rule del $rule->[1]") if $present{"@$rule"};
        StandIn::Netifd::Kernel::add($rule->[0], "rule add $rule->[1]");
    }
    StandIn::Netifd::Kernel::add($_->[0], "rule del $_->[1]") for grep { !$wanted{"@$_"} } @present;
    @present = @wanted;
    StandIn::Netifd::Kernel::flush();
}

# When an interface comes or goes, only rules that name it change.
sub follow {
    my ($rules, $interface, $device_of) = @_;
    return unless grep { ($_->{in} // '') eq $interface || ($_->{out} // '') eq $interface } @$rules;
    apply($rules, $device_of);
}

# Without a mask an address counts for nothing: the rule is for all.
sub selector {
    my ($word, $given, $family) = @_;
    return '' unless defined $given;
    my ($address, $length) = with_mask($given);
    return undef if !defined $address || family($address) != $family;
    return '' if $given !~ m{/};
    return "$word $address/$length ";
}

my %action = map { ($_ => 1) } qw(prohibit unreachable blackhole throw);

sub text {
    my ($rule, $device_of) = @_;
    my $source = selector('from', $rule->{src}, $rule->{family}) // return undef;
    my $destination = selector('to', $rule->{dest}, $rule->{family}) // return undef;
    my $text = StandIn::Netifd::Config::truth($rule->{invert}) ? 'not ' : '';
    $text .= ($source || 'from all ') . $destination;
    for ([ in => 'iif' ], [ out => 'oif' ]) {
        my ($option, $word) = @$_;
        next unless defined $rule->{$option};
        my $device = $device_of->($rule->{$option}) // return undef;
        $text .= "$word $device ";
    }
    $text .= "tos $rule->{tos} " if defined $rule->{tos};
    $text .= 'fwmark ' . $rule->{mark} . ' ' if defined $rule->{mark};
    for ([ ipproto => 'ipproto' ], [ sport => 'sport' ], [ dport => 'dport' ], [ uidrange => 'uidrange' ]) {
        $text .= "$_->[1] $rule->{ $_->[0] } " if defined $rule->{ $_->[0] };
    }
    $text .= 'priority ' . ($rule->{priority} // $rule->{order}) . ' ';
    if (defined $rule->{lookup}) {
        my $table = StandIn::Netifd::Config::table($rule->{lookup}) // return undef;
        $text .= "lookup $table ";
        $text .= "suppress_prefixlength $rule->{suppress_prefixlength} " if defined $rule->{suppress_prefixlength};
    } elsif (defined $rule->{goto}) {
        $text .= "goto $rule->{goto} ";
    } elsif ($action{ $rule->{action} // '' }) {
        $text .= "$rule->{action} ";
    } else {
        return undef;
    }
    return $text =~ s/ \z//r;
}

1;
