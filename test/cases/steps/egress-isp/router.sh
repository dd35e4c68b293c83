{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 firewall ds4_out'
echo '@ds4 uci firewall.ds4_out'
drop() { for s in firewall.ds4_out; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes firewall; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show firewall) || fail "uci can't show what there is of firewall"
{
for s in firewall.ds4_out; do case $has in *"$s="*) echo "delete $s" ;; esac; done
} >/var/run/ds4/batch
if [ -s /var/run/ds4/batch ]; then
uci batch </var/run/ds4/batch >/dev/null
staged=$({ uci changes firewall; } | wc -l); asked=$(wc -l </var/run/ds4/batch)
[ "$staged" -eq "$asked" ] || { drop; fail "uci staged $staged changes of $asked"; }
uci commit firewall || fail "uci can't commit firewall"
firewall=stale
fi
rm -f /var/run/ds4/batch
echo '@ds4 file /etc/init.d/ds4'
[ -d /etc/init.d ] || ( umask 077; mkdir -p /etc/init.d )
( umask 077; printf '%s' '#!/bin/sh /etc/rc.common
# Written by ds4 for the site '\''lab'\'': the tunnel from the VPS ends here.

START=19

start() {
	[ -d /sys/module/ip6_tunnel ] || modprobe ip6_tunnel 2>/dev/null
	if ! { [ -e /sys/class/net/wrap1 ] && ip -6 tunnel change wrap1 mode ipip6 remote 2001:db8:1:0:203:0:113:144 local 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64 2>/dev/null; }; then
		[ ! -e /sys/class/net/wrap1 ] || ip link del wrap1
		ip -6 tunnel add wrap1 mode ipip6 remote 2001:db8:1:0:203:0:113:144 local 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64
	fi
	ip link set wrap1 mtu 1460
	echo 1 >/proc/sys/net/ipv4/conf/wrap1/rp_filter
	echo 1 >/proc/sys/net/ipv4/conf/wrap1/src_valid_mark
	ip link set wrap1 up
}

stop() {
	ip link del wrap1 2>/dev/null
}
' >/etc/init.d/ds4.ds4-new ) || rm -f /etc/init.d/ds4.ds4-new
{ chmod 700 /etc/init.d/ds4.ds4-new && { sync /etc/init.d/ds4.ds4-new 2>/dev/null || sync; } && mv -f /etc/init.d/ds4.ds4-new /etc/init.d/ds4; } || fail '/etc/init.d/ds4 can'\''t be written'
echo '@ds4 file /etc/nftables.d/ds4.nft'
[ -d /etc/nftables.d ] || ( umask 077; mkdir -p /etc/nftables.d )
( umask 077; printf '%s' '# Written by ds4 for the site '\''lab'\'': part of table inet fw4.
chain ds4_reply {
	type filter hook prerouting priority mangle; policy accept;
	iifname "wrap1" ip daddr 192.168.1.210 ct direction original ct mark set ct mark | 0x02000000 meta mark set meta mark | 0x02000000 comment "!fw4: ds4_reply"
	iifname != "wrap1" ip saddr 192.168.1.210 ct direction reply ct mark & 0x02000000 == 0x02000000 meta mark set meta mark | 0x02000000 comment "!fw4: ds4_reply"
}
chain ds4_hairpin {
	tcp dport 22 return comment "!fw4: ds4_hairpin"
	dnat ip to 192.168.1.210 comment "!fw4: ds4_hairpin"
}
chain ds4_hairpin_in {
	type nat hook prerouting priority dstnat - 1; policy accept;
	iifname "br-lan" ip daddr 203.0.113.144 jump ds4_hairpin comment "!fw4: ds4_hairpin_in"
}
chain ds4_hairpin_out {
	type nat hook postrouting priority srcnat - 1; policy accept;
	ct original ip daddr 203.0.113.144 ip saddr 192.168.1.0/24 ip daddr 192.168.1.210 masquerade comment "!fw4: ds4_hairpin_out"
}
' >/etc/nftables.d/ds4.nft.ds4-new ) || rm -f /etc/nftables.d/ds4.nft.ds4-new
said=$({ echo 'table inet ds4_check {'; cat /etc/nftables.d/ds4.nft.ds4-new; echo '}'; } | nft -c -f - 2>&1) || { rm -f /etc/nftables.d/ds4.nft.ds4-new; fail "nft refuses ds4's chains: $said"; }
{ chmod 600 /etc/nftables.d/ds4.nft.ds4-new && { sync /etc/nftables.d/ds4.nft.ds4-new 2>/dev/null || sync; } && mv -f /etc/nftables.d/ds4.nft.ds4-new /etc/nftables.d/ds4.nft; } || fail '/etc/nftables.d/ds4.nft can'\''t be written'
firewall=stale
echo '@ds4 tunnel wrap1'
/etc/init.d/ds4 start
echo '@ds4 uci network.ds4_rule_main'
echo '@ds4 uci network.ds4_rule_table'
drop() { for s in network.ds4_rule_main network.ds4_rule_table; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes network; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show network) || fail "uci can't show what there is of network"
{
for s in network.ds4_rule_main network.ds4_rule_table; do case $has in *"$s="*) echo "delete $s" ;; esac; done
cat <<'DS4'
set network.ds4_rule_main=rule
set network.ds4_rule_main.src='192.168.1.210/32'
set network.ds4_rule_main.mark='0x2000000/0x2000000'
set network.ds4_rule_main.lookup='main'
set network.ds4_rule_main.suppress_prefixlength='0'
set network.ds4_rule_main.priority='4200'
set network.ds4_rule_table=rule
set network.ds4_rule_table.src='192.168.1.210/32'
set network.ds4_rule_table.mark='0x2000000/0x2000000'
set network.ds4_rule_table.lookup='42'
set network.ds4_rule_table.priority='4201'
DS4
} >/var/run/ds4/batch
if [ -s /var/run/ds4/batch ]; then
uci batch </var/run/ds4/batch >/dev/null
staged=$({ uci changes network; } | wc -l); asked=$(wc -l </var/run/ds4/batch)
[ "$staged" -eq "$asked" ] || { drop; fail "uci staged $staged changes of $asked"; }
uci commit network || fail "uci can't commit network"
[ "${firewall:-}" != stale ] || { /etc/init.d/firewall reload; firewall=loaded; }
/etc/init.d/network reload
settled() { ip rule | grep -q '^4200:.*from 192.168.1.210 fwmark ' || return 1; ip rule | grep -q '^4201:.*from 192.168.1.210 fwmark ' || return 1; }
n=0; until settled 2>/dev/null || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); done
fi
rm -f /var/run/ds4/batch
echo '@ds4 rule 4200'
[ "$(ip rule | sed '/^4200:/!d; s/^4200:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.210 fwmark 0x2000000/0x2000000 lookup main suppress_prefixlength 0' ] || { while ip rule del priority 4200 2>/dev/null; do :; done; ip rule add priority 4200 from 192.168.1.210 fwmark 0x2000000/0x2000000 lookup main suppress_prefixlength 0 protocol static; }
echo '@ds4 rule 4201'
[ "$(ip rule | sed '/^4201:/!d; s/^4201:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.210 fwmark 0x2000000/0x2000000 lookup 42' ] || { while ip rule del priority 4201 2>/dev/null; do :; done; ip rule add priority 4201 from 192.168.1.210 fwmark 0x2000000/0x2000000 lookup 42 protocol static; }
echo '@ds4 firewall ds4_reply'
[ "${firewall:-}" = loaded ] || { /etc/init.d/firewall reload; firewall=loaded; }
for c in $(nft -t list table inet fw4 2>/dev/null | awk '$1 == "chain" { c = $2; n = 0; next } $1 == "}" { if (c ~ /^ds4_|_ds4$/ && !n) print c; c = ""; next } $1 != "type" && NF { n++ }'); do nft delete chain inet fw4 "$c" 2>/dev/null || :; done
exit 0
}
