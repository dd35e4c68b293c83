{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 firewall ds4_in'
echo '@ds4 uci firewall.ds4_in'
drop() { for s in firewall.ds4_in; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes firewall; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show firewall) || fail "uci can't show what there is of firewall"
{
for s in firewall.ds4_in; do case $has in *"$s="*) echo "delete $s" ;; esac; done
} >/var/run/ds4/batch
if [ -s /var/run/ds4/batch ]; then
uci batch </var/run/ds4/batch >/dev/null
staged=$({ uci changes firewall; } | wc -l); asked=$(wc -l </var/run/ds4/batch)
[ "$staged" -eq "$asked" ] || { drop; fail "uci staged $staged changes of $asked"; }
uci commit firewall || fail "uci can't commit firewall"
firewall=stale
fi
rm -f /var/run/ds4/batch
echo '@ds4 file /etc/ds4/site'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '# Written by ds4: what it keeps on this machine. '\''ds4 teardown'\'' removes it all.
site=lab
tunnel=wrap1
local=2001:db8:100:0:203:0:113:144
own=yes
remote=2001:db8:1:0:203:0:113:144
server=192.168.1.211,192.168.1.210
mtu=1460
table=42
' >/etc/ds4/site.ds4-new ) || rm -f /etc/ds4/site.ds4-new
{ chmod 600 /etc/ds4/site.ds4-new && { sync /etc/ds4/site.ds4-new 2>/dev/null || sync; } && mv -f /etc/ds4/site.ds4-new /etc/ds4/site; } || fail '/etc/ds4/site can'\''t be written'
echo '@ds4 file /etc/nftables.d/ds4.nft'
[ -d /etc/nftables.d ] || ( umask 077; mkdir -p /etc/nftables.d )
( umask 077; printf '%s' '# Written by ds4 for the site '\''lab'\'': part of table inet fw4.
chain ds4_hairpin {
	udp dport 51820 dnat ip to 192.168.1.211 comment "!fw4: ds4_hairpin"
	meta l4proto 1 dnat ip to 192.168.1.210 comment "!fw4: ds4_hairpin"
	tcp dport 80 dnat ip to 192.168.1.210 comment "!fw4: ds4_hairpin"
	tcp dport 443 dnat ip to 192.168.1.210 comment "!fw4: ds4_hairpin"
	tcp dport 2222 dnat ip to 192.168.1.210:22 comment "!fw4: ds4_hairpin"
}
chain ds4_hairpin_in {
	type nat hook prerouting priority dstnat - 1; policy accept;
	iifname "br-lan" ip daddr 203.0.113.144 jump ds4_hairpin comment "!fw4: ds4_hairpin_in"
}
chain ds4_hairpin_out {
	type nat hook postrouting priority srcnat - 1; policy accept;
	ct original ip daddr 203.0.113.144 ip saddr 192.168.1.0/24 ip daddr 192.168.1.211 masquerade comment "!fw4: ds4_hairpin_out"
	ct original ip daddr 203.0.113.144 ip saddr 192.168.1.0/24 ip daddr 192.168.1.210 masquerade comment "!fw4: ds4_hairpin_out"
}
' >/etc/nftables.d/ds4.nft.ds4-new ) || rm -f /etc/nftables.d/ds4.nft.ds4-new
said=$({ echo 'table inet ds4_check {'; cat /etc/nftables.d/ds4.nft.ds4-new; echo '}'; } | nft -c -f - 2>&1) || { rm -f /etc/nftables.d/ds4.nft.ds4-new; fail "nft refuses ds4's chains: $said"; }
{ chmod 600 /etc/nftables.d/ds4.nft.ds4-new && { sync /etc/nftables.d/ds4.nft.ds4-new 2>/dev/null || sync; } && mv -f /etc/nftables.d/ds4.nft.ds4-new /etc/nftables.d/ds4.nft; } || fail '/etc/nftables.d/ds4.nft can'\''t be written'
firewall=stale
echo '@ds4 uci network.ds4_rule_main_2'
echo '@ds4 uci network.ds4_rule_table_2'
echo '@ds4 uci firewall.ds4_in_2_udp'
echo '@ds4 uci firewall.ds4_in_icmp'
echo '@ds4 uci firewall.ds4_in_tcp'
echo '@ds4 uci firewall.ds4_out_2'
drop() { for s in network.ds4_rule_main_2 network.ds4_rule_table_2 firewall.ds4_in_2_udp firewall.ds4_in_icmp firewall.ds4_in_tcp firewall.ds4_out_2; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes network; uci changes firewall; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show network && uci -q show firewall) || fail "uci can't show what there is of network and firewall"
{
for s in network.ds4_rule_main_2 network.ds4_rule_table_2 firewall.ds4_in_2_udp firewall.ds4_in_icmp firewall.ds4_in_tcp firewall.ds4_out_2; do case $has in *"$s="*) echo "delete $s" ;; esac; done
cat <<'DS4'
set network.ds4_rule_main_2=rule
set network.ds4_rule_main_2.src='192.168.1.211/32'
set network.ds4_rule_main_2.lookup='main'
set network.ds4_rule_main_2.suppress_prefixlength='0'
set network.ds4_rule_main_2.priority='4202'
set network.ds4_rule_table_2=rule
set network.ds4_rule_table_2.src='192.168.1.211/32'
set network.ds4_rule_table_2.lookup='42'
set network.ds4_rule_table_2.priority='4203'
set firewall.ds4_in_2_udp=rule
set firewall.ds4_in_2_udp.name='ds4_in_2_udp'
set firewall.ds4_in_2_udp.src='ds4'
add_list firewall.ds4_in_2_udp.src_ip='!0.0.0.0/8'
add_list firewall.ds4_in_2_udp.src_ip='!10.0.0.0/8'
add_list firewall.ds4_in_2_udp.src_ip='!100.64.0.0/10'
add_list firewall.ds4_in_2_udp.src_ip='!127.0.0.0/8'
add_list firewall.ds4_in_2_udp.src_ip='!169.254.0.0/16'
add_list firewall.ds4_in_2_udp.src_ip='!172.16.0.0/12'
add_list firewall.ds4_in_2_udp.src_ip='!192.0.0.0/24'
add_list firewall.ds4_in_2_udp.src_ip='!192.168.0.0/16'
add_list firewall.ds4_in_2_udp.src_ip='!224.0.0.0/3'
set firewall.ds4_in_2_udp.dest='lan'
set firewall.ds4_in_2_udp.dest_ip='192.168.1.211'
add_list firewall.ds4_in_2_udp.dest_port='51820'
set firewall.ds4_in_2_udp.family='ipv4'
set firewall.ds4_in_2_udp.proto='udp'
set firewall.ds4_in_2_udp.target='ACCEPT'
set firewall.ds4_in_icmp=rule
set firewall.ds4_in_icmp.name='ds4_in_icmp'
set firewall.ds4_in_icmp.src='ds4'
add_list firewall.ds4_in_icmp.src_ip='!0.0.0.0/8'
add_list firewall.ds4_in_icmp.src_ip='!10.0.0.0/8'
add_list firewall.ds4_in_icmp.src_ip='!100.64.0.0/10'
add_list firewall.ds4_in_icmp.src_ip='!127.0.0.0/8'
add_list firewall.ds4_in_icmp.src_ip='!169.254.0.0/16'
add_list firewall.ds4_in_icmp.src_ip='!172.16.0.0/12'
add_list firewall.ds4_in_icmp.src_ip='!192.0.0.0/24'
add_list firewall.ds4_in_icmp.src_ip='!192.168.0.0/16'
add_list firewall.ds4_in_icmp.src_ip='!224.0.0.0/3'
set firewall.ds4_in_icmp.dest='lan'
set firewall.ds4_in_icmp.dest_ip='192.168.1.210'
set firewall.ds4_in_icmp.family='ipv4'
set firewall.ds4_in_icmp.proto='icmp'
set firewall.ds4_in_icmp.target='ACCEPT'
set firewall.ds4_in_tcp=rule
set firewall.ds4_in_tcp.name='ds4_in_tcp'
set firewall.ds4_in_tcp.src='ds4'
add_list firewall.ds4_in_tcp.src_ip='!0.0.0.0/8'
add_list firewall.ds4_in_tcp.src_ip='!10.0.0.0/8'
add_list firewall.ds4_in_tcp.src_ip='!100.64.0.0/10'
add_list firewall.ds4_in_tcp.src_ip='!127.0.0.0/8'
add_list firewall.ds4_in_tcp.src_ip='!169.254.0.0/16'
add_list firewall.ds4_in_tcp.src_ip='!172.16.0.0/12'
add_list firewall.ds4_in_tcp.src_ip='!192.0.0.0/24'
add_list firewall.ds4_in_tcp.src_ip='!192.168.0.0/16'
add_list firewall.ds4_in_tcp.src_ip='!224.0.0.0/3'
set firewall.ds4_in_tcp.dest='lan'
set firewall.ds4_in_tcp.dest_ip='192.168.1.210'
add_list firewall.ds4_in_tcp.dest_port='22'
add_list firewall.ds4_in_tcp.dest_port='80'
add_list firewall.ds4_in_tcp.dest_port='443'
set firewall.ds4_in_tcp.family='ipv4'
set firewall.ds4_in_tcp.proto='tcp'
set firewall.ds4_in_tcp.target='ACCEPT'
set firewall.ds4_out_2=rule
set firewall.ds4_out_2.name='ds4_out_2'
set firewall.ds4_out_2.src='lan'
set firewall.ds4_out_2.src_ip='192.168.1.211'
set firewall.ds4_out_2.dest='ds4'
set firewall.ds4_out_2.family='ipv4'
set firewall.ds4_out_2.proto='all'
set firewall.ds4_out_2.target='ACCEPT'
DS4
} >/var/run/ds4/batch
if [ -s /var/run/ds4/batch ]; then
uci batch </var/run/ds4/batch >/dev/null
staged=$({ uci changes network; uci changes firewall; } | wc -l); asked=$(wc -l </var/run/ds4/batch)
[ "$staged" -eq "$asked" ] || { drop; fail "uci staged $staged changes of $asked"; }
said=$(fw4 check 2>&1) || { drop; fail "fw4 check refuses the new rules: $said"; }
case $said in *'Section ds4_'*) drop; fail "fw4 would leave out: $said" ;; esac
uci commit network || fail "uci can't commit network"
uci commit firewall || fail "uci can't commit firewall"
firewall=stale
[ "${firewall:-}" != stale ] || { /etc/init.d/firewall reload; firewall=loaded; }
/etc/init.d/network reload
settled() { ip rule | grep -q '^4202:.*from 192.168.1.211 lookup ' || return 1; ip rule | grep -q '^4203:.*from 192.168.1.211 lookup ' || return 1; }
n=0; until settled 2>/dev/null || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); done
fi
rm -f /var/run/ds4/batch
echo '@ds4 rule 4202'
[ "$(ip rule | sed '/^4202:/!d; s/^4202:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.211 lookup main suppress_prefixlength 0' ] || { while ip rule del priority 4202 2>/dev/null; do :; done; ip rule add priority 4202 from 192.168.1.211 lookup main suppress_prefixlength 0 protocol static; }
echo '@ds4 rule 4203'
[ "$(ip rule | sed '/^4203:/!d; s/^4203:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.211 lookup 42' ] || { while ip rule del priority 4203 2>/dev/null; do :; done; ip rule add priority 4203 from 192.168.1.211 lookup 42 protocol static; }
echo '@ds4 firewall ds4_in_2_udp'
echo '@ds4 firewall ds4_in_icmp'
echo '@ds4 firewall ds4_in_tcp'
echo '@ds4 firewall ds4_out_2'
echo '@ds4 firewall ds4_hairpin'
echo '@ds4 firewall ds4_hairpin_out'
[ "${firewall:-}" = loaded ] || { /etc/init.d/firewall reload; firewall=loaded; }
for c in $(nft -t list table inet fw4 2>/dev/null | awk '$1 == "chain" { c = $2; n = 0; next } $1 == "}" { if (c ~ /^ds4_|_ds4$/ && !n) print c; c = ""; next } $1 != "type" && NF { n++ }'); do nft delete chain inet fw4 "$c" 2>/dev/null || :; done
exit 0
}
