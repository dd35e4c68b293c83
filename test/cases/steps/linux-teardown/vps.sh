{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 unit ds4.service'
systemctl -q --no-reload disable --now ds4.service 2>/dev/null || :; rm -f /etc/systemd/system/multi-user.target.wants/ds4.service
echo '@ds4 chains ipv4'
while iptables -w -t nat -D POSTROUTING -j DS4-POSTROUTING 2>/dev/null; do :; done
! iptables -w -t nat -F DS4-POSTROUTING 2>/dev/null || iptables -w -t nat -X DS4-POSTROUTING || fail "iptables can't remove DS4-POSTROUTING"
while iptables -w -t nat -D PREROUTING -j DS4-PREROUTING 2>/dev/null; do :; done
! iptables -w -t nat -F DS4-PREROUTING 2>/dev/null || iptables -w -t nat -X DS4-PREROUTING || fail "iptables can't remove DS4-PREROUTING"
while iptables -w -t mangle -D FORWARD -j DS4-FORWARD 2>/dev/null; do :; done
! iptables -w -t mangle -F DS4-FORWARD 2>/dev/null || iptables -w -t mangle -X DS4-FORWARD || fail "iptables can't remove DS4-FORWARD"
while iptables -w -t mangle -D PREROUTING -j DS4-PREROUTING 2>/dev/null; do :; done
! iptables -w -t mangle -F DS4-PREROUTING 2>/dev/null || iptables -w -t mangle -X DS4-PREROUTING || fail "iptables can't remove DS4-PREROUTING"
while iptables -w -t filter -D FORWARD -j DS4-FORWARD 2>/dev/null; do :; done
! iptables -w -t filter -F DS4-FORWARD 2>/dev/null || iptables -w -t filter -X DS4-FORWARD || fail "iptables can't remove DS4-FORWARD"
while iptables -w -t filter -D INPUT -j DS4-INPUT 2>/dev/null; do :; done
! iptables -w -t filter -F DS4-INPUT 2>/dev/null || iptables -w -t filter -X DS4-INPUT || fail "iptables can't remove DS4-INPUT"
! command -v conntrack >/dev/null || conntrack -D -r 192.168.1.210 >/dev/null 2>&1 || :
! command -v conntrack >/dev/null || conntrack -D -s 192.168.1.210 >/dev/null 2>&1 || :
echo '@ds4 chains ipv6'
while ip6tables -w -t filter -D INPUT -j DS4-INPUT 2>/dev/null; do :; done
! ip6tables -w -t filter -F DS4-INPUT 2>/dev/null || ip6tables -w -t filter -X DS4-INPUT || fail "ip6tables can't remove DS4-INPUT"
[ ! -e /etc/ds4/before/nft ] || ! command -v nft >/dev/null || nft list ruleset | awk -v before=/etc/ds4/before/nft -v ours='table ip filter,chain ip filter INPUT,chain ip filter FORWARD,table ip mangle,chain ip mangle PREROUTING,chain ip mangle FORWARD,table ip nat,chain ip nat PREROUTING,chain ip nat POSTROUTING,table ip6 filter,chain ip6 filter INPUT' 'BEGIN { n = split(ours, names, ","); for (i = 1; i <= n; i++) mine[names[i]] = 1
  while ((getline line <before) > 0) delete mine[line] }
/^(#|$)/ { next }
/^table / { table = $2 " " $3; chain = ""; used = 0; next }
/^	chain / { chain = "chain " table " " $2; rules = 0; built_in = 0; next }
/^	}/ && chain != "" { if (rules || !built_in) used = 1; else if (chain in mine) print "delete " chain; chain = ""; next }
/^}/ { if (!used && ("table " table) in mine) print "delete table " table; next }
/^		type .* policy accept;$/ { built_in = 1; next }
{ if (chain == "") used = 1; else rules = 1 }' | nft -f - || :
for f in /etc/iptables/rules.v4 /etc/iptables/rules.v6; do ! grep -qs '[ :]DS4-' $f || sed -i --follow-symlinks '/^\(:\|-A \([A-Z]* -j \)\{0,1\}\)DS4-/d' $f; done
exit 0
}
# and then, when all hosts have done that:
{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 route 192.168.1.210/unreachable'
ip route del unreachable 192.168.1.210 metric 4000000000 proto 204 2>/dev/null || :
echo '@ds4 route 192.168.1.210'
ip route del 192.168.1.210 dev wrap1 proto 204 2>/dev/null || :
echo '@ds4 tunnel wrap1'
[ ! -e /sys/class/net/wrap1 ] || ip link del wrap1 2>/dev/null || :
echo '@ds4 address 2001:db8:1:0:203:0:113:144/128'
ip -6 addr del 2001:db8:1:0:203:0:113:144/128 dev eth0 2>/dev/null || :
echo '@ds4 sysctl net.ipv4.ip_forward'
[ ! -r /etc/ds4/before/sysctl ] || { { iptables-save -t nat; nft -t list ruleset; } 2>/dev/null | grep -qiwE 'masquerade|snat' || grep -qsE '^[[:space:]]*-?net[./]ipv4[./](ip_forward|conf[./]all[./]forwarding)[[:space:]]*=[[:space:]]*1' /etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf /etc/ufw/sysctl.conf; } || while IFS=: read -r f v; do [ ! -w "/proc/sys/net/ipv4/$f" ] || [ "$(cat "/proc/sys/net/ipv4/$f")" = "$v" ] || echo "$v" >"/proc/sys/net/ipv4/$f"; done </etc/ds4/before/sysctl
rm -f /etc/ds4/before/sysctl
echo '@ds4 file /etc/systemd/system/nftables.service.d/ds4.conf'
rm -f /etc/systemd/system/nftables.service.d/ds4.conf /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new
echo '@ds4 file /etc/systemd/system/netfilter-persistent.service.d/ds4.conf'
rm -f /etc/systemd/system/netfilter-persistent.service.d/ds4.conf /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new
echo '@ds4 file /etc/systemd/system/firewalld.service.d/ds4.conf'
rm -f /etc/systemd/system/firewalld.service.d/ds4.conf /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new
echo '@ds4 file /etc/systemd/system/ds4.service'
rm -f /etc/systemd/system/ds4.service /etc/systemd/system/ds4.service.ds4-new
echo '@ds4 file /etc/sysctl.d/90-ds4.conf'
rm -f /etc/sysctl.d/90-ds4.conf /etc/sysctl.d/90-ds4.conf.ds4-new
echo '@ds4 file /etc/network/if-up.d/ds4'
rm -f /etc/network/if-up.d/ds4 /etc/network/if-up.d/ds4.ds4-new
echo '@ds4 file /etc/ds4/up'
rm -f /etc/ds4/up /etc/ds4/up.ds4-new
echo '@ds4 file /etc/ds4/site'
rm -f /etc/ds4/site /etc/ds4/site.ds4-new
systemctl daemon-reload || fail "systemctl daemon-reload failed"
rmdir /etc/systemd/system/nftables.service.d 2>/dev/null || :
rmdir /etc/systemd/system/netfilter-persistent.service.d 2>/dev/null || :
rmdir /etc/systemd/system/firewalld.service.d 2>/dev/null || :
rm -rf /etc/ds4/before; [ "${failed:-no}" = yes ] || rm -f /etc/ds4/packages; rmdir /etc/ds4 2>/dev/null || :
exit 0
}
