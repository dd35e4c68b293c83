{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 socat tcp/8080'
echo '@ds4 socat tcp/80'
echo '@ds4 socat udp/9000'
systemctl stop ds4-relay-tcp-8080.service ds4-relay-tcp-80.service ds4-relay-udp-9000.service 2>/dev/null || :
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
mkdir -p -m 700 /etc/ds4 /etc/ds4/before
[ -e /etc/ds4/before/sysctl ] || ( umask 077; cd /proc/sys/net/ipv4; grep . ip_forward conf/*/forwarding conf/all/accept_redirects >/etc/ds4/before/sysctl.new; { { sync /etc/ds4/before/sysctl.new 2>/dev/null || sync; } && mv -f /etc/ds4/before/sysctl.new /etc/ds4/before/sysctl && { sync /etc/ds4/before/sysctl 2>/dev/null || sync; }; } || fail /etc/ds4/before/sysctl" can't be written" )
[ -e /etc/ds4/before/nft ] || ! command -v nft >/dev/null || (
  mkdir -p -m 700 /etc/ds4 /etc/ds4/before
  umask 077
  nft list chains | awk '$1 == "table" { t = $2 " " $3; print "table " t } $1 == "chain" { print "chain " t " " $2 }' >/etc/ds4/before/nft.new
  { { sync /etc/ds4/before/nft.new 2>/dev/null || sync; } && mv -f /etc/ds4/before/nft.new /etc/ds4/before/nft && { sync /etc/ds4/before/nft 2>/dev/null || sync; }; } || fail /etc/ds4/before/nft" can't be written"
)
echo '@ds4 file /etc/ds4/site'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '# Written by ds4: what it keeps on this machine. '\''ds4 teardown'\'' removes it all.
site=lab
tunnel=wrap1
local=2001:db8:1:0:203:0:113:144
own=yes
remote=2001:db8:100:0:203:0:113:144
server=192.168.1.210
mtu=1460
table=42
' >/etc/ds4/site.ds4-new ) || rm -f /etc/ds4/site.ds4-new
{ chmod 600 /etc/ds4/site.ds4-new && { sync /etc/ds4/site.ds4-new 2>/dev/null || sync; } && mv -f /etc/ds4/site.ds4-new /etc/ds4/site; } || fail '/etc/ds4/site can'\''t be written'
echo '@ds4 file /etc/ds4/up'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '#!/bin/sh
# Written by ds4 for the site '\''lab'\'': '\''ds4 apply'\'' runs this, and so does every boot. Safe to run again.
# Usage: up [STEP:ID ...]  (without arguments: everything)
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ ! -r "$0" ] || { exec 9<"$0"; flock -w 60 9 || :; }
asked=" $* "
part() {
  case $asked in "  " | *" $1:$2 "*) echo "@ds4 $1 $2" ;; *) return 1 ;; esac
}

if part sysctl net.ipv4.ip_forward; then
  [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo 1 >/proc/sys/net/ipv4/ip_forward
fi

if part address 2001:db8:1:0:203:0:113:144/128; then
  ip -6 addr replace 2001:db8:1:0:203:0:113:144/128 dev eth0 valid_lft forever preferred_lft 0 nodad
fi

if part tunnel wrap1; then
  [ -d /sys/module/ip6_tunnel ] || modprobe -q ip6_tunnel || :
  if ! { [ -e /sys/class/net/wrap1 ] && ip link set wrap1 type ip6tnl mode ipip6 local 2001:db8:1:0:203:0:113:144 remote 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64 dev eth0 2>/dev/null; }; then
    [ ! -e /sys/class/net/wrap1 ] || { ip link del wrap1 && asked='\''  '\''; }
    ip link add wrap1 mtu 1460 type ip6tnl mode ipip6 local 2001:db8:1:0:203:0:113:144 remote 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64 dev eth0
  fi
  ip link set wrap1 mtu 1460 up
  echo 1 >/proc/sys/net/ipv4/conf/wrap1/rp_filter
  echo 0 >/proc/sys/net/ipv4/conf/wrap1/src_valid_mark
fi

if part route 192.168.1.210; then
  ip route replace 192.168.1.210 dev wrap1 proto 204
fi

if part route 192.168.1.210/unreachable; then
  ip route replace unreachable 192.168.1.210 metric 4000000000 proto 204
fi

if part chains ipv6; then
  {
    saved=$(ip6tables-save) && case $saved in *'\'' is incompatible'\''*) false ;; esac ||
      saved=$({ echo '\''*filter'\''; ip6tables -t filter -S INPUT; } 2>/dev/null || :)
    IFS='\''
'\''
    set -f
    jumps() {
      table=
      for line in $saved; do
        case $line in
        '\''*'\''*) table=${line#?} ;;
        "-A $2 "*"-j $3") [ "$table" != "$1" ] || printf '\''%s\n'\'' "-D ${line#-A }" ;;
        esac
      done
    }
    echo '\''*filter'\''
    echo '\'':DS4-INPUT - [0:0]'\''
    echo '\''-A DS4-INPUT -s 2001:db8:100:0:203:0:113:144/128 -d 2001:db8:1:0:203:0:113:144/128 -p 4 -j ACCEPT'\''
    echo '\''-A DS4-INPUT -d 2001:db8:1:0:203:0:113:144/128 -p 4 -j DROP'\''
    jumps filter INPUT DS4-INPUT
    echo '\''-I INPUT 1 -j DS4-INPUT'\''
    echo COMMIT
  } | ip6tables-restore --noflush -w
fi

if part chains ipv4; then
  {
    saved=$(iptables-save) && case $saved in *'\'' is incompatible'\''*) false ;; esac ||
      saved=$({ echo '\''*filter'\''; iptables -t filter -S INPUT; echo '\''*filter'\''; iptables -t filter -S FORWARD; echo '\''*mangle'\''; iptables -t mangle -S PREROUTING; echo '\''*mangle'\''; iptables -t mangle -S FORWARD; echo '\''*nat'\''; iptables -t nat -S PREROUTING; echo '\''*nat'\''; iptables -t nat -S POSTROUTING; } 2>/dev/null || :)
    IFS='\''
'\''
    set -f
    jumps() {
      table=
      for line in $saved; do
        case $line in
        '\''*'\''*) table=${line#?} ;;
        "-A $2 "*"-j $3") [ "$table" != "$1" ] || printf '\''%s\n'\'' "-D ${line#-A }" ;;
        esac
      done
    }
    echo '\''*filter'\''
    echo '\'':DS4-INPUT - [0:0]'\''
    echo '\''-A DS4-INPUT -i wrap1 -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP'\''
    jumps filter INPUT DS4-INPUT
    echo '\''-I INPUT 1 -j DS4-INPUT'\''
    echo '\'':DS4-FORWARD - [0:0]'\''
    echo '\''-A DS4-FORWARD -s 192.168.1.210/32 -i wrap1 -o eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'\''
    echo '\''-A DS4-FORWARD -d 192.168.1.210/32 -i eth0 -o wrap1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'\''
    echo '\''-A DS4-FORWARD -s 0.0.0.0/8 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 10.0.0.0/8 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 100.64.0.0/10 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 127.0.0.0/8 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 169.254.0.0/16 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 172.16.0.0/12 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 192.0.0.0/24 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 192.168.0.0/16 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 224.0.0.0/3 -o wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 0.0.0.0/8 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 10.0.0.0/8 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 100.64.0.0/10 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 127.0.0.0/8 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 169.254.0.0/16 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 172.16.0.0/12 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 192.0.0.0/24 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 192.168.0.0/16 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -d 224.0.0.0/3 -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -s 192.168.1.210/32 -i wrap1 -o eth0 -j ACCEPT'\''
    echo '\''-A DS4-FORWARD -d 192.168.1.210/32 -i eth0 -o wrap1 -m conntrack --ctstate DNAT -j ACCEPT'\''
    echo '\''-A DS4-FORWARD -i wrap1 -j DROP'\''
    echo '\''-A DS4-FORWARD -o wrap1 -j DROP'\''
    jumps filter FORWARD DS4-FORWARD
    echo '\''-I FORWARD 1 -j DS4-FORWARD'\''
    echo COMMIT
    echo '\''*mangle'\''
    echo '\'':DS4-PREROUTING - [0:0]'\''
    echo '\''-A DS4-PREROUTING ! -s 192.168.1.210/32 -i wrap1 -j DROP'\''
    jumps mangle PREROUTING DS4-PREROUTING
    echo '\''-I PREROUTING 1 -j DS4-PREROUTING'\''
    echo '\'':DS4-FORWARD - [0:0]'\''
    echo '\''-A DS4-FORWARD -o wrap1 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu'\''
    echo '\''-A DS4-FORWARD -i wrap1 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu'\''
    jumps mangle FORWARD DS4-FORWARD
    echo '\''-I FORWARD 1 -j DS4-FORWARD'\''
    echo COMMIT
    echo '\''*nat'\''
    echo '\'':DS4-PREROUTING - [0:0]'\''
    echo '\''-A DS4-PREROUTING -d 203.0.113.144/32 -i eth0 -p tcp -m tcp --dport 22 -j RETURN'\''
    echo '\''-A DS4-PREROUTING -d 203.0.113.144/32 -i eth0 -j DNAT --to-destination 192.168.1.210'\''
    jumps nat PREROUTING DS4-PREROUTING
    echo '\''-I PREROUTING 1 -j DS4-PREROUTING'\''
    echo '\'':DS4-POSTROUTING - [0:0]'\''
    echo '\''-A DS4-POSTROUTING -s 192.168.1.210/32 -o eth0 -j SNAT --to-source 203.0.113.144'\''
    jumps nat POSTROUTING DS4-POSTROUTING
    echo '\''-I POSTROUTING 1 -j DS4-POSTROUTING'\''
    echo COMMIT
  } | iptables-restore --noflush -w
fi
' >/etc/ds4/up.ds4-new ) || rm -f /etc/ds4/up.ds4-new
{ chmod 700 /etc/ds4/up.ds4-new && { sync /etc/ds4/up.ds4-new 2>/dev/null || sync; } && mv -f /etc/ds4/up.ds4-new /etc/ds4/up; } || fail '/etc/ds4/up can'\''t be written'
echo '@ds4 file /etc/sysctl.d/90-ds4.conf'
[ -d /etc/sysctl.d ] || ( umask 022; mkdir -p /etc/sysctl.d )
( umask 077; printf '%s' '# Written by ds4.
-net/ipv4/conf/wrap1/rp_filter = 1
' >/etc/sysctl.d/90-ds4.conf.ds4-new ) || rm -f /etc/sysctl.d/90-ds4.conf.ds4-new
{ chmod 644 /etc/sysctl.d/90-ds4.conf.ds4-new && { sync /etc/sysctl.d/90-ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/sysctl.d/90-ds4.conf.ds4-new /etc/sysctl.d/90-ds4.conf; } || fail '/etc/sysctl.d/90-ds4.conf can'\''t be written'
echo '@ds4 file /etc/systemd/system/nftables.service.d/ds4.conf'
[ -d /etc/systemd/system/nftables.service.d ] || ( umask 022; mkdir -p /etc/systemd/system/nftables.service.d )
( umask 077; printf '%s' '# Written by ds4: this service takes away everybody'\''s rules.
[Service]
ExecStartPost=-/etc/ds4/up chains:ipv6 chains:ipv4
ExecReload=-/etc/ds4/up chains:ipv6 chains:ipv4
ExecStopPost=-/etc/ds4/up chains:ipv6 chains:ipv4
' >/etc/systemd/system/nftables.service.d/ds4.conf.ds4-new ) || rm -f /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new
{ chmod 644 /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new && { sync /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new /etc/systemd/system/nftables.service.d/ds4.conf; } || fail '/etc/systemd/system/nftables.service.d/ds4.conf can'\''t be written'
echo '@ds4 file /etc/systemd/system/netfilter-persistent.service.d/ds4.conf'
[ -d /etc/systemd/system/netfilter-persistent.service.d ] || ( umask 022; mkdir -p /etc/systemd/system/netfilter-persistent.service.d )
( umask 077; printf '%s' '# Written by ds4: this service takes away everybody'\''s rules.
[Service]
ExecStartPost=-/etc/ds4/up chains:ipv6 chains:ipv4
ExecStopPost=-/etc/ds4/up chains:ipv6 chains:ipv4
' >/etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new ) || rm -f /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new
{ chmod 644 /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new && { sync /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new /etc/systemd/system/netfilter-persistent.service.d/ds4.conf; } || fail '/etc/systemd/system/netfilter-persistent.service.d/ds4.conf can'\''t be written'
echo '@ds4 file /etc/systemd/system/firewalld.service.d/ds4.conf'
[ -d /etc/systemd/system/firewalld.service.d ] || ( umask 022; mkdir -p /etc/systemd/system/firewalld.service.d )
( umask 077; printf '%s' '# Written by ds4: this service takes away everybody'\''s rules.
[Service]
ExecStartPost=-/usr/bin/firewall-cmd --state
ExecReload=
ExecReload=/usr/bin/firewall-cmd --reload
ExecStartPost=-/etc/ds4/up chains:ipv6 chains:ipv4
ExecReload=-/etc/ds4/up chains:ipv6 chains:ipv4
ExecStopPost=-/etc/ds4/up chains:ipv6 chains:ipv4
' >/etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new ) || rm -f /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new
{ chmod 644 /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new && { sync /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new /etc/systemd/system/firewalld.service.d/ds4.conf; } || fail '/etc/systemd/system/firewalld.service.d/ds4.conf can'\''t be written'
echo '@ds4 file /etc/network/if-up.d/ds4'
[ -d /etc/network/if-up.d ] || ( umask 077; mkdir -p /etc/network/if-up.d )
( umask 077; printf '%s' '#!/bin/sh
# Written by ds4: what '\''ifdown eth0'\'' took away comes back with '\''ifup eth0'\''.
[ "$IFACE" = '\''eth0'\'' ] || exit 0
# Never in the way of the interface itself.
/etc/ds4/up >/dev/null 2>&1 || logger -t ds4 "/etc/ds4/up failed; run it by hand to see why"
exit 0
' >/etc/network/if-up.d/ds4.ds4-new ) || rm -f /etc/network/if-up.d/ds4.ds4-new
{ chmod 700 /etc/network/if-up.d/ds4.ds4-new && { sync /etc/network/if-up.d/ds4.ds4-new 2>/dev/null || sync; } && mv -f /etc/network/if-up.d/ds4.ds4-new /etc/network/if-up.d/ds4; } || fail '/etc/network/if-up.d/ds4 can'\''t be written'
systemctl daemon-reload || fail "systemctl daemon-reload failed"
mkdir -p -m 700 /etc/ds4 /etc/ds4/before
[ -e /etc/ds4/before/sysctl ] || ( umask 077; cd /proc/sys/net/ipv4; grep . ip_forward conf/*/forwarding conf/all/accept_redirects >/etc/ds4/before/sysctl.new; { { sync /etc/ds4/before/sysctl.new 2>/dev/null || sync; } && mv -f /etc/ds4/before/sysctl.new /etc/ds4/before/sysctl && { sync /etc/ds4/before/sysctl 2>/dev/null || sync; }; } || fail /etc/ds4/before/sysctl" can't be written" )
/etc/ds4/up sysctl:net.ipv4.ip_forward
/etc/ds4/up address:2001:db8:1:0:203:0:113:144/128
/etc/ds4/up tunnel:wrap1
/etc/ds4/up route:192.168.1.210 route:192.168.1.210/unreachable
exit 0
}
# and then, when all hosts have done that:
{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
[ -e /etc/ds4/before/nft ] || ! command -v nft >/dev/null || (
  mkdir -p -m 700 /etc/ds4 /etc/ds4/before
  umask 077
  nft list chains | awk '$1 == "table" { t = $2 " " $3; print "table " t } $1 == "chain" { print "chain " t " " $2 }' >/etc/ds4/before/nft.new
  { { sync /etc/ds4/before/nft.new 2>/dev/null || sync; } && mv -f /etc/ds4/before/nft.new /etc/ds4/before/nft && { sync /etc/ds4/before/nft 2>/dev/null || sync; }; } || fail /etc/ds4/before/nft" can't be written"
)
/etc/ds4/up chains:ipv6 chains:ipv4
exit 0
}
