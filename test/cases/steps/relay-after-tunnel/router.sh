{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 firewall ds4_bogon'
echo '@ds4 firewall ds4_in'
echo '@ds4 firewall ds4_hairpin_out'
echo '@ds4 firewall ds4_hairpin_in'
echo '@ds4 firewall ds4_hairpin'
echo '@ds4 firewall ds4_outer'
echo '@ds4 firewall ds4_out'
echo '@ds4 firewall zone'
echo '@ds4 route throw 192.168.0.0/16/42'
echo '@ds4 route throw 172.16.0.0/12/42'
echo '@ds4 route throw 100.64.0.0/10/42'
echo '@ds4 route throw 10.0.0.0/8/42'
echo '@ds4 route unreachable default/42'
echo '@ds4 route default/42'
echo '@ds4 rule 4201'
echo '@ds4 rule 4200'
echo '@ds4 address 2001:db8:100:0:203:0:113:144/128'
echo '@ds4 uci firewall.ds4_out'
echo '@ds4 uci firewall.ds4_bogon'
echo '@ds4 uci firewall.ds4_in'
echo '@ds4 uci firewall.ds4_outer'
echo '@ds4 uci firewall.ds4_zone'
echo '@ds4 uci network.ds4_throw_192_168_0_0_16'
echo '@ds4 uci network.ds4_throw_172_16_0_0_12'
echo '@ds4 uci network.ds4_throw_100_64_0_0_10'
echo '@ds4 uci network.ds4_throw_10_0_0_0_8'
echo '@ds4 uci network.ds4_unreachable'
echo '@ds4 uci network.ds4_route'
echo '@ds4 uci network.ds4_rule_table'
echo '@ds4 uci network.ds4_rule_main'
echo '@ds4 uci network.ds4_endpoint'
echo '@ds4 uci network.ds4_tunnel'
drop() { for s in firewall.ds4_out firewall.ds4_bogon firewall.ds4_in firewall.ds4_outer firewall.ds4_zone network.ds4_throw_192_168_0_0_16 network.ds4_throw_172_16_0_0_12 network.ds4_throw_100_64_0_0_10 network.ds4_throw_10_0_0_0_8 network.ds4_unreachable network.ds4_route network.ds4_rule_table network.ds4_rule_main network.ds4_endpoint network.ds4_tunnel; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes network; uci changes firewall; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show network && uci -q show firewall) || fail "uci can't show what there is of network and firewall"
{
for s in firewall.ds4_out firewall.ds4_bogon firewall.ds4_in firewall.ds4_outer firewall.ds4_zone network.ds4_throw_192_168_0_0_16 network.ds4_throw_172_16_0_0_12 network.ds4_throw_100_64_0_0_10 network.ds4_throw_10_0_0_0_8 network.ds4_unreachable network.ds4_route network.ds4_rule_table network.ds4_rule_main network.ds4_endpoint network.ds4_tunnel; do case $has in *"$s="*) echo "delete $s" ;; esac; done
} >/var/run/ds4/batch
if [ -s /var/run/ds4/batch ]; then
uci batch </var/run/ds4/batch >/dev/null
staged=$({ uci changes network; uci changes firewall; } | wc -l); asked=$(wc -l </var/run/ds4/batch)
[ "$staged" -eq "$asked" ] || { drop; fail "uci staged $staged changes of $asked"; }
uci commit network || fail "uci can't commit network"
uci commit firewall || fail "uci can't commit firewall"
firewall=stale
/etc/init.d/network reload
settled() { ! ip route show table 42 | grep -q '^throw 192.168.0.0/16 ' || return 1; ! ip route show table 42 | grep -q '^throw 172.16.0.0/12 ' || return 1; ! ip route show table 42 | grep -q '^throw 100.64.0.0/10 ' || return 1; ! ip route show table 42 | grep -q '^throw 10.0.0.0/8 ' || return 1; ! ip route show table 42 | grep -q '^unreachable default ' || return 1; ! ip route show table 42 | grep -q '^default ' || return 1; ! ip rule | grep -q '^4201:.*from 192.168.1.210 lookup ' || return 1; ! ip rule | grep -q '^4200:.*from 192.168.1.210 lookup ' || return 1; ! ip -6 addr show dev lo | grep -q 'inet6 2001:db8:100:0:203:0:113:144/128 ' || return 1; }
n=0; until settled 2>/dev/null || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); done
fi
rm -f /var/run/ds4/batch
echo '@ds4 tunnel wrap1'
[ ! -e /sys/class/net/wrap1 ] || ip link del wrap1 2>/dev/null || :
echo '@ds4 boot /etc/sysupgrade.conf:/etc/rc.d/S19ds4'
rm -f /etc/sysupgrade.conf.ds4-new
! grep -qsxF /etc/rc.d/S19ds4 /etc/sysupgrade.conf || { { [ ! -e /etc/sysupgrade.conf ] && : >/etc/sysupgrade.conf.ds4-new || cp -p /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; } && { grep -vxF /etc/rc.d/S19ds4 /etc/sysupgrade.conf >/etc/sysupgrade.conf.ds4-new || [ $? -eq 1 ]; } && if [ -s /etc/sysupgrade.conf.ds4-new ]; then { sync /etc/sysupgrade.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/sysupgrade.conf.ds4-new /etc/sysupgrade.conf; else rm -f /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; fi; } || fail "/etc/sysupgrade.conf can't be written"
echo '@ds4 boot /etc/sysupgrade.conf:/etc/init.d/ds4'
rm -f /etc/sysupgrade.conf.ds4-new
! grep -qsxF /etc/init.d/ds4 /etc/sysupgrade.conf || { { [ ! -e /etc/sysupgrade.conf ] && : >/etc/sysupgrade.conf.ds4-new || cp -p /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; } && { grep -vxF /etc/init.d/ds4 /etc/sysupgrade.conf >/etc/sysupgrade.conf.ds4-new || [ $? -eq 1 ]; } && if [ -s /etc/sysupgrade.conf.ds4-new ]; then { sync /etc/sysupgrade.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/sysupgrade.conf.ds4-new /etc/sysupgrade.conf; else rm -f /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; fi; } || fail "/etc/sysupgrade.conf can't be written"
echo '@ds4 boot /etc/sysupgrade.conf:/etc/ds4/'
rm -f /etc/sysupgrade.conf.ds4-new
! grep -qsxF /etc/ds4/ /etc/sysupgrade.conf || { { [ ! -e /etc/sysupgrade.conf ] && : >/etc/sysupgrade.conf.ds4-new || cp -p /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; } && { grep -vxF /etc/ds4/ /etc/sysupgrade.conf >/etc/sysupgrade.conf.ds4-new || [ $? -eq 1 ]; } && if [ -s /etc/sysupgrade.conf.ds4-new ]; then { sync /etc/sysupgrade.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/sysupgrade.conf.ds4-new /etc/sysupgrade.conf; else rm -f /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; fi; } || fail "/etc/sysupgrade.conf can't be written"
echo '@ds4 boot ds4'
rm -f /etc/rc.d/S19ds4
echo '@ds4 file /etc/nftables.d/ds4.nft'
rm -f /etc/nftables.d/ds4.nft /etc/nftables.d/ds4.nft.ds4-new
echo '@ds4 file /etc/init.d/ds4'
rm -f /etc/init.d/ds4 /etc/init.d/ds4.ds4-new
echo '@ds4 file /etc/ds4/site'
rm -f /etc/ds4/site /etc/ds4/site.ds4-new
firewall=stale
[ "${firewall:-}" = loaded ] || { /etc/init.d/firewall reload; firewall=loaded; }
for c in $(nft -t list table inet fw4 2>/dev/null | awk '$1 == "chain" { c = $2; n = 0; next } $1 == "}" { if (c ~ /^ds4_|_ds4$/ && !n) print c; c = ""; next } $1 != "type" && NF { n++ }'); do nft delete chain inet fw4 "$c" 2>/dev/null || :; done
ip route del throw 192.168.0.0/16 table 42 2>/dev/null || :
ip route del throw 172.16.0.0/12 table 42 2>/dev/null || :
ip route del throw 100.64.0.0/10 table 42 2>/dev/null || :
ip route del throw 10.0.0.0/8 table 42 2>/dev/null || :
ip route del unreachable default table 42 metric 9999 2>/dev/null || :
ip route del default dev wrap1 table 42 2>/dev/null || :
while ip rule del priority 4201 2>/dev/null; do :; done
while ip rule del priority 4200 2>/dev/null; do :; done
ip -6 addr del 2001:db8:100:0:203:0:113:144/128 dev lo 2>/dev/null || :
rm -rf /etc/ds4/before; [ "${failed:-no}" = yes ] || rm -f /etc/ds4/packages /etc/ds4/packages.*; rmdir /etc/ds4 2>/dev/null || :
exit 0
}
