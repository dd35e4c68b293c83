{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
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
echo '@ds4 file /etc/sysctl.d/90-ds4.conf'
rm -f /etc/sysctl.d/90-ds4.conf /etc/sysctl.d/90-ds4.conf.ds4-new
echo '@ds4 file /etc/network/if-up.d/ds4'
rm -f /etc/network/if-up.d/ds4 /etc/network/if-up.d/ds4.ds4-new
echo '@ds4 package socat'
tries=0; mkdir -p -m 700 /var/run/ds4
patiently() { until DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 "$@" >/dev/null 2>/var/run/ds4/apt; do
  [ $tries -lt 20 ] && grep -q 'get lock .*/\(lists\|archives\)/lock' /var/run/ds4/apt || { cat /var/run/ds4/apt >&2; return 1; }
  tries=$((tries+1)); sleep 2
done; }
mkdir -p -m 700 /etc/ds4
new=$(DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 install --no-install-recommends socat --simulate 2>/dev/null) || { patiently update && new=$(DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 install --no-install-recommends socat --simulate 2>/dev/null); } || fail "apt-get can't install what is missing"
( umask 077; { [ ! -r /etc/ds4/packages ] || cat /etc/ds4/packages; echo "$new" | sed -n 's/^Inst \([^ ]*\) (.*/\1/p'; } | sort -u >/etc/ds4/packages.new ) && { { sync /etc/ds4/packages.new 2>/dev/null || sync; } && mv -f /etc/ds4/packages.new /etc/ds4/packages && { sync /etc/ds4/packages 2>/dev/null || sync; }; } || fail /etc/ds4/packages" can't be written"
patiently install --no-install-recommends socat 2>/dev/null || { patiently update && patiently install --no-install-recommends socat; } || fail 'apt-get can'\''t install socat'
[ -e /etc/ds4/before/nft ] || ! command -v nft >/dev/null || (
  mkdir -p -m 700 /etc/ds4 /etc/ds4/before
  umask 077
  nft list chains | awk '$1 == "table" { t = $2 " " $3; print "table " t } $1 == "chain" { print "chain " t " " $2 }' >/etc/ds4/before/nft.new
  { { sync /etc/ds4/before/nft.new 2>/dev/null || sync; } && mv -f /etc/ds4/before/nft.new /etc/ds4/before/nft && { sync /etc/ds4/before/nft 2>/dev/null || sync; }; } || fail /etc/ds4/before/nft" can't be written"
)
echo '@ds4 file /etc/ds4/site'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '# Written by ds4: what it keeps on this machine. '\''ds4 teardown'\'' removes it all.
site=lab-linux
mode=relay
' >/etc/ds4/site.ds4-new ) || rm -f /etc/ds4/site.ds4-new
{ chmod 600 /etc/ds4/site.ds4-new && { sync /etc/ds4/site.ds4-new 2>/dev/null || sync; } && mv -f /etc/ds4/site.ds4-new /etc/ds4/site; } || fail '/etc/ds4/site can'\''t be written'
echo '@ds4 file /etc/ds4/up'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '#!/bin/sh
# Written by ds4 for the site '\''lab-linux'\'': '\''ds4 apply'\'' runs this, and so does every boot. Safe to run again.
# Usage: up [STEP:ID ...]  (without arguments: everything)
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ ! -r "$0" ] || { exec 9<"$0"; flock -w 60 9 || :; }
asked=" $* "
part() {
  case $asked in "  " | *" $1:$2 "*) echo "@ds4 $1 $2" ;; *) return 1 ;; esac
}

if part chains relay; then
  {
    saved=$(iptables-save) && case $saved in *'\'' is incompatible'\''*) false ;; esac ||
      saved=$({ echo '\''*filter'\''; iptables -t filter -S INPUT; } 2>/dev/null || :)
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
    echo '\'':DS4-RELAY - [0:0]'\''
    echo '\''-A DS4-RELAY -d 203.0.113.144/32 -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT'\''
    echo '\''-A DS4-RELAY -d 203.0.113.144/32 -i eth0 -p tcp -m tcp --dport 8080 -j ACCEPT'\''
    echo '\''-A DS4-RELAY -d 203.0.113.144/32 -i eth0 -p udp -m udp --dport 9000 -j ACCEPT'\''
    jumps filter INPUT DS4-RELAY
    echo '\''-I INPUT 1 -j DS4-RELAY'\''
    echo COMMIT
  } | iptables-restore --noflush -w
fi
' >/etc/ds4/up.ds4-new ) || rm -f /etc/ds4/up.ds4-new
{ chmod 700 /etc/ds4/up.ds4-new && { sync /etc/ds4/up.ds4-new 2>/dev/null || sync; } && mv -f /etc/ds4/up.ds4-new /etc/ds4/up; } || fail '/etc/ds4/up can'\''t be written'
echo '@ds4 file /etc/systemd/system/nftables.service.d/ds4.conf'
[ -d /etc/systemd/system/nftables.service.d ] || ( umask 022; mkdir -p /etc/systemd/system/nftables.service.d )
( umask 077; printf '%s' '# Written by ds4: this service takes away everybody'\''s rules.
[Service]
ExecStartPost=-/etc/ds4/up chains:relay
ExecReload=-/etc/ds4/up chains:relay
ExecStopPost=-/etc/ds4/up chains:relay
' >/etc/systemd/system/nftables.service.d/ds4.conf.ds4-new ) || rm -f /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new
{ chmod 644 /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new && { sync /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/nftables.service.d/ds4.conf.ds4-new /etc/systemd/system/nftables.service.d/ds4.conf; } || fail '/etc/systemd/system/nftables.service.d/ds4.conf can'\''t be written'
echo '@ds4 file /etc/systemd/system/netfilter-persistent.service.d/ds4.conf'
[ -d /etc/systemd/system/netfilter-persistent.service.d ] || ( umask 022; mkdir -p /etc/systemd/system/netfilter-persistent.service.d )
( umask 077; printf '%s' '# Written by ds4: this service takes away everybody'\''s rules.
[Service]
ExecStartPost=-/etc/ds4/up chains:relay
ExecStopPost=-/etc/ds4/up chains:relay
' >/etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new ) || rm -f /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new
{ chmod 644 /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new && { sync /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/netfilter-persistent.service.d/ds4.conf.ds4-new /etc/systemd/system/netfilter-persistent.service.d/ds4.conf; } || fail '/etc/systemd/system/netfilter-persistent.service.d/ds4.conf can'\''t be written'
echo '@ds4 file /etc/systemd/system/firewalld.service.d/ds4.conf'
[ -d /etc/systemd/system/firewalld.service.d ] || ( umask 022; mkdir -p /etc/systemd/system/firewalld.service.d )
( umask 077; printf '%s' '# Written by ds4: this service takes away everybody'\''s rules.
[Service]
ExecStartPost=-/usr/bin/firewall-cmd --state
ExecReload=
ExecReload=/usr/bin/firewall-cmd --reload
ExecStartPost=-/etc/ds4/up chains:relay
ExecReload=-/etc/ds4/up chains:relay
ExecStopPost=-/etc/ds4/up chains:relay
' >/etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new ) || rm -f /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new
{ chmod 644 /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new && { sync /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/firewalld.service.d/ds4.conf.ds4-new /etc/systemd/system/firewalld.service.d/ds4.conf; } || fail '/etc/systemd/system/firewalld.service.d/ds4.conf can'\''t be written'
systemctl daemon-reload || fail "systemctl daemon-reload failed"
echo '@ds4 relay tcp/80'
[ -d /etc/systemd/system ] || ( umask 022; mkdir -p /etc/systemd/system )
( umask 077; printf '%s' '# Written by ds4 for the site '\''lab-linux'\''.
[Unit]
Description=ds4: relays TCP 203.0.113.144:80 to [2001:db8:100::210]:80
After=network.target nss-lookup.target
# It is tried again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/bin/socat -t300 TCP4-LISTEN:80,bind=203.0.113.144,freebind,reuseaddr,fork,max-children=200,backlog=128,nodelay,keepalive,keepidle=60,keepintvl=15,keepcnt=4 TCP6:[2001:db8:100::210]:80,connect-timeout=10,nodelay,keepalive,keepidle=60,keepintvl=15,keepcnt=4
Restart=always
RestartSec=3
# What socat ends with when it is told to.
SuccessExitStatus=143
LogRateLimitIntervalSec=60
LogRateLimitBurst=20

DynamicUser=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
# The last two are for looking up names.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallArchitectures=native
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
UMask=0077

# One process for itself, and one for each visitor.
TasksMax=208
MemoryMax=256M
# One visitor'\''s process too many isn'\''t the end of the others.
OOMPolicy=continue
LimitNOFILE=64

[Install]
WantedBy=multi-user.target
' >/etc/systemd/system/ds4-relay-tcp-80.service.ds4-new ) || rm -f /etc/systemd/system/ds4-relay-tcp-80.service.ds4-new
{ chmod 644 /etc/systemd/system/ds4-relay-tcp-80.service.ds4-new && { sync /etc/systemd/system/ds4-relay-tcp-80.service.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/ds4-relay-tcp-80.service.ds4-new /etc/systemd/system/ds4-relay-tcp-80.service; } || fail '/etc/systemd/system/ds4-relay-tcp-80.service can'\''t be written'
echo '@ds4 relay tcp/8080'
[ -d /etc/systemd/system ] || ( umask 022; mkdir -p /etc/systemd/system )
( umask 077; printf '%s' '# Written by ds4 for the site '\''lab-linux'\''.
[Unit]
Description=ds4: relays TCP 203.0.113.144:8080 to [2001:db8:100::210]:9000
After=network.target nss-lookup.target
# It is tried again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/bin/socat -t300 TCP4-LISTEN:8080,bind=203.0.113.144,freebind,reuseaddr,fork,max-children=200,backlog=128,nodelay,keepalive,keepidle=60,keepintvl=15,keepcnt=4 TCP6:[2001:db8:100::210]:9000,connect-timeout=10,nodelay,keepalive,keepidle=60,keepintvl=15,keepcnt=4
Restart=always
RestartSec=3
# What socat ends with when it is told to.
SuccessExitStatus=143
LogRateLimitIntervalSec=60
LogRateLimitBurst=20

DynamicUser=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
# The last two are for looking up names.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallArchitectures=native
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
UMask=0077

# One process for itself, and one for each visitor.
TasksMax=208
MemoryMax=256M
# One visitor'\''s process too many isn'\''t the end of the others.
OOMPolicy=continue
LimitNOFILE=64

[Install]
WantedBy=multi-user.target
' >/etc/systemd/system/ds4-relay-tcp-8080.service.ds4-new ) || rm -f /etc/systemd/system/ds4-relay-tcp-8080.service.ds4-new
{ chmod 644 /etc/systemd/system/ds4-relay-tcp-8080.service.ds4-new && { sync /etc/systemd/system/ds4-relay-tcp-8080.service.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/ds4-relay-tcp-8080.service.ds4-new /etc/systemd/system/ds4-relay-tcp-8080.service; } || fail '/etc/systemd/system/ds4-relay-tcp-8080.service can'\''t be written'
echo '@ds4 relay udp/9000'
[ -d /etc/systemd/system ] || ( umask 022; mkdir -p /etc/systemd/system )
( umask 077; printf '%s' '# Written by ds4 for the site '\''lab-linux'\''.
[Unit]
Description=ds4: relays UDP 203.0.113.144:9000 to [2001:db8:100::210]:9000
After=network.target nss-lookup.target
# It is tried again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/bin/socat -T180 UDP4-LISTEN:9000,bind=203.0.113.144,freebind,reuseaddr,fork,max-children=200 UDP6:[2001:db8:100::210]:9000
Restart=always
RestartSec=3
# What socat ends with when it is told to.
SuccessExitStatus=143
LogRateLimitIntervalSec=60
LogRateLimitBurst=20

DynamicUser=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
# The last two are for looking up names.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallArchitectures=native
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
UMask=0077

# One process for itself, and one for each visitor.
TasksMax=208
MemoryMax=256M
# One visitor'\''s process too many isn'\''t the end of the others.
OOMPolicy=continue
LimitNOFILE=64

[Install]
WantedBy=multi-user.target
' >/etc/systemd/system/ds4-relay-udp-9000.service.ds4-new ) || rm -f /etc/systemd/system/ds4-relay-udp-9000.service.ds4-new
{ chmod 644 /etc/systemd/system/ds4-relay-udp-9000.service.ds4-new && { sync /etc/systemd/system/ds4-relay-udp-9000.service.ds4-new 2>/dev/null || sync; } && mv -f /etc/systemd/system/ds4-relay-udp-9000.service.ds4-new /etc/systemd/system/ds4-relay-udp-9000.service; } || fail '/etc/systemd/system/ds4-relay-udp-9000.service can'\''t be written'
systemctl daemon-reload || fail "systemctl daemon-reload failed"
systemctl -q --no-reload enable ds4-relay-tcp-80.service ds4-relay-tcp-8080.service ds4-relay-udp-9000.service
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
/etc/ds4/up chains:relay
echo '@ds4 socat tcp/80'
echo '@ds4 socat tcp/8080'
echo '@ds4 socat udp/9000'
systemctl restart ds4-relay-tcp-80.service ds4-relay-tcp-8080.service ds4-relay-udp-9000.service
exit 0
}
