package StandIn::Fw4::Render;

# The ruleset as text for nft, line by line as fw4 writes it: nft's complaints name lines.

use strict;

sub quote { my ($text) = @_; $text =~ s/"/'/g; return "\"$text\"" }
sub quote_if_needed { my ($text) = @_; return $text =~ m{\A[0-9A-Fa-f:./-]+(?: \. [0-9A-Fa-f:./-]+)*\z} ? $text : quote($text) }

sub set {
    my ($force, @items) = @_;
    my %seen;
    @items = map { quote_if_needed($_) } grep { !$seen{$_}++ } @items;
    return @items == 1 && !$force ? $items[0] : '{ ' . join(', ', @items) . ' }';
}

sub family_words { my ($family) = @_; return $family ? "IPv$family" : 'IPv4/IPv6' }

# Positive and negative lists behind a word: `ip saddr { … }`, `tcp dport != 5`.
sub lists {
    my ($word, $lists) = @_;
    return '' unless $lists;
    my $text = '';
    $text .= "$word " . set(0, @{ $lists->{positive} }) . ' ' if @{ $lists->{positive} };
    $text .= "$word != " . set(0, @{ $lists->{negative} }) . ' ' if @{ $lists->{negative} };
    return $text;
}

sub rule {
    my ($rule) = @_;
    my ($family, $protocol) = @$rule{qw(family protocol)};
    my $addressed = grep { $_ && @{ $_->{positive} } + @{ $_->{negative} } } @$rule{qw(sources destinations)};
    my $text = $family && !$addressed ? "meta nfproto ipv$family " : '';
    if (!$protocol->{any} && !$rule->{checks_ports} && !$rule->{types} && !$rule->{codes}) {
        my $name = $protocol->{name};
        $name = !$family ? set(0, 'icmp', 'ipv6-icmp') : $family == 6 ? 'ipv6-icmp' : 'icmp' if $name eq 'icmp';
        $text .= "meta l4proto $name ";
    }
    my $ip = ($family // 0) == 6 ? 'ip6' : 'ip';
    my $icmp = ($family // 0) == 6 ? 'icmpv6' : 'icmp';
    $text .= "iifname \"$rule->{iifname}\" " if defined $rule->{iifname};
    $text .= "oifname \"$rule->{oifname}\" " if defined $rule->{oifname};
    $text .= lists("$ip saddr", $rule->{sources}) . lists("$ip daddr", $rule->{destinations});
    $text .= lists(($protocol->{name} // '') . ' sport', $rule->{sports}) . lists(($protocol->{name} // '') . ' dport', $rule->{dports});
    $text .= lists('ether saddr', $rule->{macs});
    $text .= "$icmp type " . set(0, @{ $rule->{types} }) . ' ' if $rule->{types};
    $text .= "$icmp type . $icmp code " . set(1, @{ $rule->{codes} }) . ' ' if $rule->{codes};
    $text .= "limit rate $rule->{limit} " . ($rule->{burst} ? "burst $rule->{burst} packets " : '') if $rule->{limit};
    $text .= 'counter ' if $rule->{counter};
    $text .= 'log prefix ' . quote($rule->{log}) . ' ' if defined $rule->{log};
    $text .= "$rule->{verdict} " if $rule->{verdict};
    return $text . 'comment ' . quote("!fw4: $rule->{name}");
}

# What makes a packet one of a zone.
sub match {
    my ($match, $egress) = @_;
    my ($device, $side) = $egress ? ('oifname', 'daddr') : ('iifname', 'saddr');
    my $addressed = $match->{subnets} && @{ $match->{subnets}{positive} } + @{ $match->{subnets}{negative} };
    my $text = $match->{family} && !$addressed ? "meta nfproto ipv$match->{family} " : '';
    $text .= lists($device, { positive => $match->{devices}, negative => $match->{not_devices} });
    $text .= lists(($match->{family} == 6 ? 'ip6' : 'ip') . " $side", $match->{subnets}) if $addressed;
    return $text;
}

my %jump_comment = (helper => 'helper assignment');

sub jump {
    my ($zone, $match, $direction) = @_;
    my $what = $jump_comment{$direction} // "$direction traffic";
    return match($match, $direction =~ /\A(?:output|srcnat)\z/) . "jump ${direction}_$zone->{name} comment "
        . quote("!fw4: Handle $zone->{name} " . family_words($match->{family}) . " $what");
}

sub verdict {
    my ($zone, $match, $egress, $verdict) = @_;
    my $text = match($match, $egress) . ($zone->{counter} ? 'counter ' : '');
    $text .= 'log prefix ' . quote("$verdict $zone->{name} " . ($egress ? 'out: ' : 'in: ')) . ' ' if $verdict ne 'accept' && ($zone->{log} // 0) & 1;
    $text .= $verdict eq 'reject' ? 'jump handle_reject' : $verdict;
    return "$text comment " . quote("!fw4: $verdict $zone->{name} " . family_words($match->{family}) . ' traffic');
}

sub against_leakage {
    my ($zone, $match) = @_;
    my $only = $zone->{masq} && $zone->{masq6} ? '' : $zone->{masq6} ? 'meta nfproto ipv6 ' : 'meta nfproto ipv4 ';
    $only = '' if $match->{family};
    return $only . match($match, 1) . 'ct state invalid ' . ($zone->{counter} ? 'counter ' : '') . 'drop comment "!fw4: Prevent NAT leakage"';
}

sub mtu_fix {
    my ($zone, $match, $egress) = @_;
    return match($match, $egress) . 'tcp flags syn / syn,fin,rst tcp option maxseg size set rt mtu comment '
        . quote("!fw4: Zone $zone->{name} " . family_words($match->{family}) . ($egress ? ' egress' : ' ingress') . ' MTU fixing');
}

sub masquerade {
    my ($zone, $family) = @_;
    my ($source, $destination) = map { StandIn::Fw4::Zone::by_family($zone->{$_})->{$family} } qw(masq_src masq_dest);
    my $ip = $family == 6 ? 'ip6' : 'ip';
    my $addressed = lists("$ip saddr", $source) . lists("$ip daddr", $destination);
    return ($addressed || "meta nfproto ipv$family ") . 'masquerade comment ' . quote("!fw4: Masquerade IPv$family $zone->{name} traffic");
}

1;
