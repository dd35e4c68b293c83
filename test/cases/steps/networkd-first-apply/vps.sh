{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
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
echo '@ds4 file /etc/systemd/system/ds4.service'
[ -d /etc/systemd/system ] || ( umask 022; mkdir -p /etc/systemd/system )
( umask 077; printf '%s' '# Written by ds4.
[Unit]
Description=ds4: brings this machine'\''s public IPv4 home
After=network.target networking.service systemd-networkd.service NetworkManager.service
After=nftables.service netfilter-persistent.service ufw.service firewalld.service docker.service
# Their restart takes the tunnel'\''s address away, and with it comes a restart of this.
PartOf=networking.service systemd-networkd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/etc/ds4/up
# An uplink may come late: it is tried again for as long as it takes.
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
' >/etc/systemd/system/ds4.service.ds4-new ) || rm -f /etc/systemd/system/ds4.service.ds4-new
{ chmod 644 /etc/systemd/system/ds4.service.ds4-new && { sync /etc/systemd/system/ds4.service.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/ds4.service.ds4-new /etc/systemd/system/ds4.service; } || fail '/etc/systemd/system/ds4.service can'\''t be written'
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
echo '@ds4 file /etc/systemd/network/00-ds4.network'
[ -d /etc/systemd/network ] || ( umask 022; mkdir -p /etc/systemd/network )
( umask 077; printf '%s' '# Written by ds4: systemd-networkd leaves its tunnel alone.
[Match]
Name=wrap1

[Link]
Unmanaged=yes
' >/etc/systemd/network/00-ds4.network.ds4-new ) || rm -f /etc/systemd/network/00-ds4.network.ds4-new
{ chmod 644 /etc/systemd/network/00-ds4.network.ds4-new && { sync /etc/systemd/network/00-ds4.network.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/network/00-ds4.network.ds4-new /etc/systemd/network/00-ds4.network; } || fail '/etc/systemd/network/00-ds4.network can'\''t be written'
echo '@ds4 file /etc/systemd/network/10-eth0.network.d/ds4.conf'
[ -d /etc/systemd/network/10-eth0.network.d ] || ( umask 022; mkdir -p /etc/systemd/network/10-eth0.network.d )
( umask 077; printf '%s' '# Written by ds4.
[Address]
Address=2001:db8:1:0:203:0:113:144/128
PreferredLifetime=0
DuplicateAddressDetection=none

[Route]
Destination=192.168.1.210/32
Type=unreachable
Metric=4000000000
Protocol=204
' >/etc/systemd/network/10-eth0.network.d/ds4.conf.ds4-new ) || rm -f /etc/systemd/network/10-eth0.network.d/ds4.conf.ds4-new
{ chmod 644 /etc/systemd/network/10-eth0.network.d/ds4.conf.ds4-new && { sync /etc/systemd/network/10-eth0.network.d/ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/network/10-eth0.network.d/ds4.conf.ds4-new /etc/systemd/network/10-eth0.network.d/ds4.conf; } || fail '/etc/systemd/network/10-eth0.network.d/ds4.conf can'\''t be written'
systemctl daemon-reload || fail "systemctl daemon-reload failed"
kept=/var/run/ds4/kept; rm -rf "$kept"; mkdir -p -m 700 /var/run/ds4 "$kept"
routes() { ip -o -$1 route show table all | grep -v -e 'proto kernel' -e 'proto ra' -e 'proto dhcp' || :; }
for f in 4 6; do ip -$f rule >"$kept/rule$f"; routes $f >"$kept/route$f"; done
states() { stat -c '%i %z' /run/systemd/netif/links/* 2>/dev/null || :; }; states=$(states)
networkctl reload
n=0; while [ "$(states)" = "$states" ] && [ $n -lt 15 ]; do sleep 0.2; n=$((n+1)); done
n=0; while grep -Eqs '^ADMIN_STATE=(pending|initialized|configuring)' /run/systemd/netif/links/* && [ $n -lt 20 ]; do sleep 1; n=$((n+1)); done
for f in 4 6; do
  ip -$f rule >"$kept/now"
  grep -vxF -f "$kept/now" "$kept/rule$f" | sed "s/ \[detached\]//" | while IFS=: read -r p rule; do ip -$f rule add $rule priority "$p" || :; done
  routes $f >"$kept/now"
  grep -vxF -f "$kept/now" "$kept/route$f" | sed "s/[\\]/ /g" | while read -r route; do ip -$f route add $route || :; done
done
rm -r "$kept"
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
echo '@ds4 unit ds4.service'
systemctl -q --no-reload enable ds4.service
systemctl restart ds4.service
exit 0
}
