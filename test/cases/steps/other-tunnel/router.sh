{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 tunnel wrap1'
[ ! -e /sys/class/net/wrap1 ] || ip link del wrap1 2>/dev/null || :
echo '@ds4 file /etc/ds4/site'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '# Written by ds4: what it keeps on this machine. '\''ds4 teardown'\'' removes it all.
site=lab
tunnel=home4
local=2001:db8:100:0:203:0:113:144
own=yes
remote=2001:db8:1:0:203:0:113:144
server=192.168.1.210
mtu=1280
table=42
' >/etc/ds4/site.ds4-new ) || rm -f /etc/ds4/site.ds4-new
{ chmod 600 /etc/ds4/site.ds4-new && { sync /etc/ds4/site.ds4-new 2>/dev/null || sync; } && mv -f /etc/ds4/site.ds4-new /etc/ds4/site; } || fail '/etc/ds4/site can'\''t be written'
echo '@ds4 file /etc/init.d/ds4'
[ -d /etc/init.d ] || ( umask 077; mkdir -p /etc/init.d )
( umask 077; printf '%s' '#!/bin/sh /etc/rc.common
# Written by ds4 for the site '\''lab'\'': the tunnel from the VPS ends here.

START=19

start() {
	[ -d /sys/module/ip6_tunnel ] || modprobe ip6_tunnel 2>/dev/null
	if ! { [ -e /sys/class/net/home4 ] && ip -6 tunnel change home4 mode ipip6 remote 2001:db8:1:0:203:0:113:144 local 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64 2>/dev/null; }; then
		[ ! -e /sys/class/net/home4 ] || ip link del home4
		ip -6 tunnel add home4 mode ipip6 remote 2001:db8:1:0:203:0:113:144 local 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64
	fi
	ip link set home4 mtu 1280
	echo 1 >/proc/sys/net/ipv4/conf/home4/rp_filter
	echo 0 >/proc/sys/net/ipv4/conf/home4/src_valid_mark
	ip link set home4 up
}

stop() {
	ip link del home4 2>/dev/null
}
' >/etc/init.d/ds4.ds4-new ) || rm -f /etc/init.d/ds4.ds4-new
{ chmod 700 /etc/init.d/ds4.ds4-new && { sync /etc/init.d/ds4.ds4-new 2>/dev/null || sync; } && mv -f /etc/init.d/ds4.ds4-new /etc/init.d/ds4; } || fail '/etc/init.d/ds4 can'\''t be written'
echo '@ds4 tunnel home4'
/etc/init.d/ds4 start
echo '@ds4 uci network.ds4_tunnel'
echo '@ds4 uci firewall.ds4_zone'
drop() { for s in network.ds4_tunnel firewall.ds4_zone; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes network; uci changes firewall; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show network && uci -q show firewall) || fail "uci can't show what there is of network and firewall"
{
for s in network.ds4_tunnel firewall.ds4_zone; do case $has in *"$s="*) echo "delete $s" ;; esac; done
cat <<'DS4'
set network.ds4_tunnel=interface
set network.ds4_tunnel.proto='none'
set network.ds4_tunnel.device='home4'
set firewall.ds4_zone=zone
set firewall.ds4_zone.name='ds4'
add_list firewall.ds4_zone.device='home4'
set firewall.ds4_zone.input='REJECT'
set firewall.ds4_zone.output='ACCEPT'
set firewall.ds4_zone.forward='REJECT'
set firewall.ds4_zone.mtu_fix='1'
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
fi
rm -f /var/run/ds4/batch
echo '@ds4 route default/42'
ip route del default dev wrap1 table 42 2>/dev/null || :
ip route replace default dev home4 scope link table 42 proto static
echo '@ds4 firewall zone'
[ "${firewall:-}" = loaded ] || { /etc/init.d/firewall reload; firewall=loaded; }
exit 0
}
