{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
echo '@ds4 firewall ds4_in'
echo '@ds4 firewall ds4_outer'
echo '@ds4 firewall ds4_out'
echo '@ds4 firewall zone'
echo '@ds4 route unreachable/42'
echo '@ds4 route default/42'
echo '@ds4 rule 4201'
echo '@ds4 rule 4200'
echo '@ds4 address 2001:db8:100:0:203:0:113:144/128'
echo '@ds4 uci firewall.ds4_out'
echo '@ds4 uci firewall.ds4_in'
echo '@ds4 uci firewall.ds4_outer'
echo '@ds4 uci firewall.ds4_zone'
echo '@ds4 uci network.ds4_unreachable'
echo '@ds4 uci network.ds4_route'
echo '@ds4 uci network.ds4_rule_table'
echo '@ds4 uci network.ds4_rule_main'
echo '@ds4 uci network.ds4_endpoint'
echo '@ds4 uci network.ds4_tunnel'
uci batch <<'DS4' >/dev/null
delete firewall.ds4_out
delete firewall.ds4_in
delete firewall.ds4_outer
delete firewall.ds4_zone
delete network.ds4_unreachable
delete network.ds4_route
delete network.ds4_rule_table
delete network.ds4_rule_main
delete network.ds4_endpoint
delete network.ds4_tunnel
DS4
staged=$({ uci changes network; uci changes firewall; } | wc -l)
[ "$staged" -eq 10 ] || { uci revert network; uci revert firewall; echo "uci staged $staged changes of 10" >&2; exit 1; }
said=$(fw4 check 2>&1) || { uci revert network; uci revert firewall; echo "fw4 check refuses the new rules: $said" >&2; exit 1; }
case $said in *'Section ds4_'*) uci revert network; uci revert firewall; echo "fw4 would leave out: $said" >&2; exit 1 ;; esac
uci commit network
uci commit firewall
/etc/init.d/network reload
settled() { ! ip route show table 42 | grep -q '^unreachable default' || return 1; ! ip route show table 42 | grep -q '^default dev' || return 1; ! ip rule | grep -q '^4201:' || return 1; ! ip rule | grep -q '^4200:' || return 1; ! ip -6 addr show dev lo | grep -q 'inet6 2001:db8:100:0:203:0:113:144/128 ' || return 1; }
n=0; until settled 2>/dev/null || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); done
/etc/init.d/firewall reload
firewall_reloaded=yes
echo '@ds4 tunnel wrap1'
ip link del wrap1 2>/dev/null || :
echo '@ds4 boot /etc/sysupgrade.conf:/etc/rc.d/S19ds4'
{ grep -vxF /etc/rc.d/S19ds4 /etc/sysupgrade.conf || :; } >/etc/sysupgrade.conf.ds4-new; cat /etc/sysupgrade.conf.ds4-new >/etc/sysupgrade.conf; rm -f /etc/sysupgrade.conf.ds4-new; [ -s /etc/sysupgrade.conf ] || rm -f /etc/sysupgrade.conf
echo '@ds4 boot /etc/sysupgrade.conf:/etc/init.d/ds4'
{ grep -vxF /etc/init.d/ds4 /etc/sysupgrade.conf || :; } >/etc/sysupgrade.conf.ds4-new; cat /etc/sysupgrade.conf.ds4-new >/etc/sysupgrade.conf; rm -f /etc/sysupgrade.conf.ds4-new; [ -s /etc/sysupgrade.conf ] || rm -f /etc/sysupgrade.conf
echo '@ds4 boot /etc/sysupgrade.conf:/etc/ds4/'
{ grep -vxF /etc/ds4/ /etc/sysupgrade.conf || :; } >/etc/sysupgrade.conf.ds4-new; cat /etc/sysupgrade.conf.ds4-new >/etc/sysupgrade.conf; rm -f /etc/sysupgrade.conf.ds4-new; [ -s /etc/sysupgrade.conf ] || rm -f /etc/sysupgrade.conf
echo '@ds4 boot ds4'
rm -f /etc/rc.d/S19ds4
echo '@ds4 file /etc/init.d/ds4'
rm -f /etc/init.d/ds4
echo '@ds4 file /etc/ds4/site'
rm -f /etc/ds4/site
[ "${firewall_reloaded:-}" = yes ] || { /etc/init.d/firewall reload; firewall_reloaded=yes; }
for c in input output forward helper accept_to reject_from reject_to; do nft delete chain inet fw4 ${c}_ds4 2>/dev/null || :; done
ip route del unreachable default table 42 metric 9999 2>/dev/null || :
ip route del default dev wrap1 table 42 2>/dev/null || :
while ip rule del priority 4201 2>/dev/null; do :; done
while ip rule del priority 4200 2>/dev/null; do :; done
ip -6 addr del 2001:db8:100:0:203:0:113:144/128 dev lo 2>/dev/null || :
rm -rf /etc/ds4/before; rmdir /etc/ds4 2>/dev/null || :
exit 0
}
