{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 socat tcp/8080'
echo '@ds4 socat tcp/80'
echo '@ds4 socat udp/9000'
systemctl stop ds4-relay-tcp-8080.service ds4-relay-tcp-80.service ds4-relay-udp-9000.service 2>/dev/null || :
echo '@ds4 unit ds4.service'
systemctl -q --no-reload disable --now ds4.service 2>/dev/null || :; rm -f /etc/systemd/system/multi-user.target.wants/ds4.service
echo '@ds4 chains relay'
while iptables -w -t filter -D INPUT -j DS4-RELAY 2>/dev/null; do :; done
! iptables -w -t filter -F DS4-RELAY 2>/dev/null || iptables -w -t filter -X DS4-RELAY || fail "iptables can't remove DS4-RELAY"
[ ! -e /etc/ds4/before/nft ] || ! command -v nft >/dev/null || nft list ruleset | awk -v before=/etc/ds4/before/nft -v ours='table ip filter,chain ip filter INPUT' 'BEGIN { n = split(ours, names, ","); for (i = 1; i <= n; i++) mine[names[i]] = 1
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
echo '@ds4 relay udp/9000'
rm -f /etc/systemd/system/multi-user.target.wants/ds4-relay-udp-9000.service
rm -f /etc/systemd/system/ds4-relay-udp-9000.service /etc/systemd/system/ds4-relay-udp-9000.service.ds4-new
echo '@ds4 relay tcp/8080'
rm -f /etc/systemd/system/multi-user.target.wants/ds4-relay-tcp-8080.service
rm -f /etc/systemd/system/ds4-relay-tcp-8080.service /etc/systemd/system/ds4-relay-tcp-8080.service.ds4-new
echo '@ds4 relay tcp/80'
rm -f /etc/systemd/system/multi-user.target.wants/ds4-relay-tcp-80.service
rm -f /etc/systemd/system/ds4-relay-tcp-80.service /etc/systemd/system/ds4-relay-tcp-80.service.ds4-new
systemctl daemon-reload || fail "systemctl daemon-reload failed"
systemctl reset-failed ds4-relay-udp-9000.service ds4-relay-tcp-8080.service ds4-relay-tcp-80.service 2>/dev/null || :
echo '@ds4 file /etc/systemd/system/nftables.service.d/ds4.conf'
rm -f /etc/systemd/system/nftables.service.d/ds4.conf /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new
echo '@ds4 file /etc/systemd/system/netfilter-persistent.service.d/ds4.conf'
rm -f /etc/systemd/system/netfilter-persistent.service.d/ds4.conf /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new
echo '@ds4 file /etc/systemd/system/firewalld.service.d/ds4.conf'
rm -f /etc/systemd/system/firewalld.service.d/ds4.conf /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new
echo '@ds4 file /etc/systemd/system/ds4.service'
rm -f /etc/systemd/system/ds4.service /etc/systemd/system/ds4.service.ds4-new
echo '@ds4 file /etc/ds4/up'
rm -f /etc/ds4/up /etc/ds4/up.ds4-new
echo '@ds4 file /etc/ds4/site'
rm -f /etc/ds4/site /etc/ds4/site.ds4-new
systemctl daemon-reload || fail "systemctl daemon-reload failed"
rmdir /etc/systemd/system/nftables.service.d 2>/dev/null || :
rmdir /etc/systemd/system/netfilter-persistent.service.d 2>/dev/null || :
rmdir /etc/systemd/system/firewalld.service.d 2>/dev/null || :
echo '@ds4 package socat'
tries=0; mkdir -p -m 700 /var/run/ds4
patiently() { until DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 "$@" >/dev/null 2>/var/run/ds4/apt; do
  [ $tries -lt 20 ] && grep -q 'get lock .*/\(lists\|archives\)/lock' /var/run/ds4/apt || { cat /var/run/ds4/apt >&2; return 1; }
  tries=$((tries+1)); sleep 2
done; }
gone=socat
others() { [ ! -r /etc/ds4/packages ] || printf '%s\n' $gone | grep -vxF -f - /etc/ds4/packages; }
others | grep -qx -e iptables -e conntrack -e socat || gone="$gone $([ ! -r /etc/ds4/packages ] || cat /etc/ds4/packages)"
rest=$(others || :)
held=" $(apt-mark showhold | tr '\n' ' ')"; free=; for p in $gone; do case $held in *" $p "*) ;; *) free="$free $p" ;; esac; done; gone=$free
all=$gone; takes() { apt-get -q -s purge "$@" 2>/dev/null | sed -nE 's/^(Purg|Remv) ([^ ]*).*/\2/p'; }
alone() { ! takes "$@" | grep -vxF "$(printf '%s\n' $all)" | grep -q .; }
alone $all || { gone=; for p in $all; do if alone "$p"; then gone="$gone $p"; else apt-mark auto "$p" >/dev/null 2>&1 || :; fi; done; }
if [ -n "$gone" ] && ! { patiently purge $gone || { dpkg --configure -a >/dev/null && patiently purge $gone; }; }; then fail "apt-get can't remove $gone"
elif [ -n "$rest" ]; then ( umask 077; echo "$rest" >/etc/ds4/packages.new ) && { { sync /etc/ds4/packages.new 2>/dev/null || sync; } && mv -f /etc/ds4/packages.new /etc/ds4/packages && { sync /etc/ds4/packages 2>/dev/null || sync; }; } || fail /etc/ds4/packages" can't be written"; else rm -f /etc/ds4/packages /etc/ds4/packages.new; rmdir /etc/ds4 2>/dev/null || :; fi
rm -rf /etc/ds4/before; [ "${failed:-no}" = yes ] || rm -f /etc/ds4/packages; rmdir /etc/ds4 2>/dev/null || :
exit 0
}
