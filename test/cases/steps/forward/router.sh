{
exec </dev/null
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
fail() { echo "$*" >&2; exit 1; }
echo '@ds4 file /etc/ds4/site'
[ -d /etc/ds4 ] || ( umask 077; mkdir -p /etc/ds4 )
( umask 077; printf '%s' '# Written by ds4: what it keeps on this machine. '\''ds4 teardown'\'' removes it all.
site=lab
tunnel=wrap1
local=2001:db8:100:0:203:0:113:144
own=yes
remote=2001:db8:1:0:203:0:113:144
server=192.168.1.210,192.168.1.211,192.168.1.212
mtu=1460
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
	if ! { [ -e /sys/class/net/wrap1 ] && ip -6 tunnel change wrap1 mode ipip6 remote 2001:db8:1:0:203:0:113:144 local 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64 2>/dev/null; }; then
		[ ! -e /sys/class/net/wrap1 ] || ip link del wrap1
		ip -6 tunnel add wrap1 mode ipip6 remote 2001:db8:1:0:203:0:113:144 local 2001:db8:100:0:203:0:113:144 encaplimit none hoplimit 64
	fi
	ip link set wrap1 mtu 1460
	echo 1 >/proc/sys/net/ipv4/conf/wrap1/rp_filter
	echo 0 >/proc/sys/net/ipv4/conf/wrap1/src_valid_mark
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
chain ds4_hairpin {
	tcp dport 22 return comment "!fw4: ds4_hairpin"
	tcp dport 443 dnat ip to 192.168.1.211 comment "!fw4: ds4_hairpin"
	tcp dport 5060 dnat ip to 192.168.1.211 comment "!fw4: ds4_hairpin"
	udp dport 5060 dnat ip to 192.168.1.211 comment "!fw4: ds4_hairpin"
	tcp dport 8000-8100 dnat ip to 192.168.1.211:tcp dport map { 8000 : 9000, 8001 : 9001, 8002 : 9002, 8003 : 9003, 8004 : 9004, 8005 : 9005, 8006 : 9006, 8007 : 9007, 8008 : 9008, 8009 : 9009, 8010 : 9010, 8011 : 9011, 8012 : 9012, 8013 : 9013, 8014 : 9014, 8015 : 9015, 8016 : 9016, 8017 : 9017, 8018 : 9018, 8019 : 9019, 8020 : 9020, 8021 : 9021, 8022 : 9022, 8023 : 9023, 8024 : 9024, 8025 : 9025, 8026 : 9026, 8027 : 9027, 8028 : 9028, 8029 : 9029, 8030 : 9030, 8031 : 9031, 8032 : 9032, 8033 : 9033, 8034 : 9034, 8035 : 9035, 8036 : 9036, 8037 : 9037, 8038 : 9038, 8039 : 9039, 8040 : 9040, 8041 : 9041, 8042 : 9042, 8043 : 9043, 8044 : 9044, 8045 : 9045, 8046 : 9046, 8047 : 9047, 8048 : 9048, 8049 : 9049, 8050 : 9050, 8051 : 9051, 8052 : 9052, 8053 : 9053, 8054 : 9054, 8055 : 9055, 8056 : 9056, 8057 : 9057, 8058 : 9058, 8059 : 9059, 8060 : 9060, 8061 : 9061, 8062 : 9062, 8063 : 9063, 8064 : 9064, 8065 : 9065, 8066 : 9066, 8067 : 9067, 8068 : 9068, 8069 : 9069, 8070 : 9070, 8071 : 9071, 8072 : 9072, 8073 : 9073, 8074 : 9074, 8075 : 9075, 8076 : 9076, 8077 : 9077, 8078 : 9078, 8079 : 9079, 8080 : 9080, 8081 : 9081, 8082 : 9082, 8083 : 9083, 8084 : 9084, 8085 : 9085, 8086 : 9086, 8087 : 9087, 8088 : 9088, 8089 : 9089, 8090 : 9090, 8091 : 9091, 8092 : 9092, 8093 : 9093, 8094 : 9094, 8095 : 9095, 8096 : 9096, 8097 : 9097, 8098 : 9098, 8099 : 9099, 8100 : 9100 } comment "!fw4: ds4_hairpin"
	tcp dport 2222 dnat ip to 192.168.1.211:22 comment "!fw4: ds4_hairpin"
	meta l4proto 47 dnat ip to 192.168.1.211 comment "!fw4: ds4_hairpin"
	meta l4proto 132 dnat ip to 192.168.1.212 comment "!fw4: ds4_hairpin"
	tcp dport 8443 return comment "!fw4: ds4_hairpin"
	meta l4proto 1 return comment "!fw4: ds4_hairpin"
	dnat ip to 192.168.1.210 comment "!fw4: ds4_hairpin"
}
chain ds4_hairpin_in {
	type nat hook prerouting priority dstnat - 1; policy accept;
	iifname "br-lan" ip daddr 203.0.113.144 jump ds4_hairpin comment "!fw4: ds4_hairpin_in"
}
chain ds4_hairpin_out {
	type nat hook postrouting priority srcnat - 1; policy accept;
	ct original ip daddr 203.0.113.144 ip saddr 192.168.1.0/24 ip daddr 192.168.1.210 masquerade comment "!fw4: ds4_hairpin_out"
	ct original ip daddr 203.0.113.144 ip saddr 192.168.1.0/24 ip daddr 192.168.1.211 masquerade comment "!fw4: ds4_hairpin_out"
	ct original ip daddr 203.0.113.144 ip saddr 192.168.1.0/24 ip daddr 192.168.1.212 masquerade comment "!fw4: ds4_hairpin_out"
}
' >/etc/nftables.d/ds4.nft.ds4-new ) || rm -f /etc/nftables.d/ds4.nft.ds4-new
said=$({ echo 'table inet ds4_check {'; cat /etc/nftables.d/ds4.nft.ds4-new; echo '}'; } | nft -c -f - 2>&1) || { rm -f /etc/nftables.d/ds4.nft.ds4-new; fail "nft refuses ds4's chains: $said"; }
{ chmod 600 /etc/nftables.d/ds4.nft.ds4-new && { sync /etc/nftables.d/ds4.nft.ds4-new 2>/dev/null || sync; } && mv -f /etc/nftables.d/ds4.nft.ds4-new /etc/nftables.d/ds4.nft; } || fail '/etc/nftables.d/ds4.nft can'\''t be written'
firewall=stale
echo '@ds4 boot ds4'
/etc/init.d/ds4 enable || :
echo '@ds4 boot /etc/sysupgrade.conf:/etc/ds4/'
rm -f /etc/sysupgrade.conf.ds4-new
grep -qsxF /etc/ds4/ /etc/sysupgrade.conf || { { [ ! -e /etc/sysupgrade.conf ] && : >/etc/sysupgrade.conf.ds4-new || cp -p /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; } && { [ ! -s /etc/sysupgrade.conf.ds4-new ] || [ -z "$(tail -c 1 /etc/sysupgrade.conf.ds4-new)" ] || echo; echo /etc/ds4/; } >>/etc/sysupgrade.conf.ds4-new && { sync /etc/sysupgrade.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/sysupgrade.conf.ds4-new /etc/sysupgrade.conf; } || fail "/etc/sysupgrade.conf can't be written"
echo '@ds4 boot /etc/sysupgrade.conf:/etc/init.d/ds4'
rm -f /etc/sysupgrade.conf.ds4-new
grep -qsxF /etc/init.d/ds4 /etc/sysupgrade.conf || { { [ ! -e /etc/sysupgrade.conf ] && : >/etc/sysupgrade.conf.ds4-new || cp -p /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; } && { [ ! -s /etc/sysupgrade.conf.ds4-new ] || [ -z "$(tail -c 1 /etc/sysupgrade.conf.ds4-new)" ] || echo; echo /etc/init.d/ds4; } >>/etc/sysupgrade.conf.ds4-new && { sync /etc/sysupgrade.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/sysupgrade.conf.ds4-new /etc/sysupgrade.conf; } || fail "/etc/sysupgrade.conf can't be written"
echo '@ds4 boot /etc/sysupgrade.conf:/etc/rc.d/S19ds4'
rm -f /etc/sysupgrade.conf.ds4-new
grep -qsxF /etc/rc.d/S19ds4 /etc/sysupgrade.conf || { { [ ! -e /etc/sysupgrade.conf ] && : >/etc/sysupgrade.conf.ds4-new || cp -p /etc/sysupgrade.conf /etc/sysupgrade.conf.ds4-new; } && { [ ! -s /etc/sysupgrade.conf.ds4-new ] || [ -z "$(tail -c 1 /etc/sysupgrade.conf.ds4-new)" ] || echo; echo /etc/rc.d/S19ds4; } >>/etc/sysupgrade.conf.ds4-new && { sync /etc/sysupgrade.conf.ds4-new 2>/dev/null || sync; } && mv -f /etc/sysupgrade.conf.ds4-new /etc/sysupgrade.conf; } || fail "/etc/sysupgrade.conf can't be written"
echo '@ds4 tunnel wrap1'
/etc/init.d/ds4 start
echo '@ds4 uci network.ds4_tunnel'
echo '@ds4 uci network.ds4_endpoint'
echo '@ds4 uci network.ds4_rule_main'
echo '@ds4 uci network.ds4_rule_table'
echo '@ds4 uci network.ds4_rule_main_2'
echo '@ds4 uci network.ds4_rule_table_2'
echo '@ds4 uci network.ds4_rule_main_3'
echo '@ds4 uci network.ds4_rule_table_3'
echo '@ds4 uci network.ds4_route'
echo '@ds4 uci network.ds4_unreachable'
echo '@ds4 uci network.ds4_throw_10_0_0_0_8'
echo '@ds4 uci network.ds4_throw_100_64_0_0_10'
echo '@ds4 uci network.ds4_throw_172_16_0_0_12'
echo '@ds4 uci network.ds4_throw_192_168_0_0_16'
echo '@ds4 uci firewall.ds4_zone'
echo '@ds4 uci firewall.ds4_outer'
echo '@ds4 uci firewall.ds4_in'
echo '@ds4 uci firewall.ds4_in_2_tcp'
echo '@ds4 uci firewall.ds4_in_2_udp'
echo '@ds4 uci firewall.ds4_in_2_47'
echo '@ds4 uci firewall.ds4_in_3_132'
echo '@ds4 uci firewall.ds4_bogon'
echo '@ds4 uci firewall.ds4_out'
echo '@ds4 uci firewall.ds4_out_2'
echo '@ds4 uci firewall.ds4_out_3'
drop() { for s in network.ds4_tunnel network.ds4_endpoint network.ds4_rule_main network.ds4_rule_table network.ds4_rule_main_2 network.ds4_rule_table_2 network.ds4_rule_main_3 network.ds4_rule_table_3 network.ds4_route network.ds4_unreachable network.ds4_throw_10_0_0_0_8 network.ds4_throw_100_64_0_0_10 network.ds4_throw_172_16_0_0_12 network.ds4_throw_192_168_0_0_16 firewall.ds4_zone firewall.ds4_outer firewall.ds4_in firewall.ds4_in_2_tcp firewall.ds4_in_2_udp firewall.ds4_in_2_47 firewall.ds4_in_3_132 firewall.ds4_bogon firewall.ds4_out firewall.ds4_out_2 firewall.ds4_out_3; do uci -q revert "$s" || :; done; }
[ -z "$({ uci changes network; uci changes firewall; })" ] || drop
( umask 077; mkdir -p /var/run/ds4; : >/var/run/ds4/batch )
has=$(uci -q show network && uci -q show firewall) || fail "uci can't show what there is of network and firewall"
{
for s in network.ds4_tunnel network.ds4_endpoint network.ds4_rule_main network.ds4_rule_table network.ds4_rule_main_2 network.ds4_rule_table_2 network.ds4_rule_main_3 network.ds4_rule_table_3 network.ds4_route network.ds4_unreachable network.ds4_throw_10_0_0_0_8 network.ds4_throw_100_64_0_0_10 network.ds4_throw_172_16_0_0_12 network.ds4_throw_192_168_0_0_16 firewall.ds4_zone firewall.ds4_outer firewall.ds4_in firewall.ds4_in_2_tcp firewall.ds4_in_2_udp firewall.ds4_in_2_47 firewall.ds4_in_3_132 firewall.ds4_bogon firewall.ds4_out firewall.ds4_out_2 firewall.ds4_out_3; do case $has in *"$s="*) echo "delete $s" ;; esac; done
cat <<'DS4'
set network.ds4_tunnel=interface
set network.ds4_tunnel.proto='none'
set network.ds4_tunnel.device='wrap1'
set network.ds4_endpoint=interface
set network.ds4_endpoint.proto='static'
set network.ds4_endpoint.device='lo'
add_list network.ds4_endpoint.ip6addr='2001:db8:100:0:203:0:113:144/128'
set network.ds4_endpoint.ip6deprecated='1'
set network.ds4_rule_main=rule
set network.ds4_rule_main.src='192.168.1.210/32'
set network.ds4_rule_main.lookup='main'
set network.ds4_rule_main.suppress_prefixlength='0'
set network.ds4_rule_main.priority='4200'
set network.ds4_rule_table=rule
set network.ds4_rule_table.src='192.168.1.210/32'
set network.ds4_rule_table.lookup='42'
set network.ds4_rule_table.priority='4201'
set network.ds4_rule_main_2=rule
set network.ds4_rule_main_2.src='192.168.1.211/32'
set network.ds4_rule_main_2.lookup='main'
set network.ds4_rule_main_2.suppress_prefixlength='0'
set network.ds4_rule_main_2.priority='4202'
set network.ds4_rule_table_2=rule
set network.ds4_rule_table_2.src='192.168.1.211/32'
set network.ds4_rule_table_2.lookup='42'
set network.ds4_rule_table_2.priority='4203'
set network.ds4_rule_main_3=rule
set network.ds4_rule_main_3.src='192.168.1.212/32'
set network.ds4_rule_main_3.lookup='main'
set network.ds4_rule_main_3.suppress_prefixlength='0'
set network.ds4_rule_main_3.priority='4204'
set network.ds4_rule_table_3=rule
set network.ds4_rule_table_3.src='192.168.1.212/32'
set network.ds4_rule_table_3.lookup='42'
set network.ds4_rule_table_3.priority='4205'
set network.ds4_route=route
set network.ds4_route.interface='ds4_tunnel'
set network.ds4_route.target='0.0.0.0/0'
set network.ds4_route.table='42'
set network.ds4_unreachable=route
set network.ds4_unreachable.interface='loopback'
set network.ds4_unreachable.target='0.0.0.0/0'
set network.ds4_unreachable.table='42'
set network.ds4_unreachable.type='unreachable'
set network.ds4_unreachable.metric='9999'
set network.ds4_throw_10_0_0_0_8=route
set network.ds4_throw_10_0_0_0_8.interface='loopback'
set network.ds4_throw_10_0_0_0_8.target='10.0.0.0/8'
set network.ds4_throw_10_0_0_0_8.table='42'
set network.ds4_throw_10_0_0_0_8.type='throw'
set network.ds4_throw_100_64_0_0_10=route
set network.ds4_throw_100_64_0_0_10.interface='loopback'
set network.ds4_throw_100_64_0_0_10.target='100.64.0.0/10'
set network.ds4_throw_100_64_0_0_10.table='42'
set network.ds4_throw_100_64_0_0_10.type='throw'
set network.ds4_throw_172_16_0_0_12=route
set network.ds4_throw_172_16_0_0_12.interface='loopback'
set network.ds4_throw_172_16_0_0_12.target='172.16.0.0/12'
set network.ds4_throw_172_16_0_0_12.table='42'
set network.ds4_throw_172_16_0_0_12.type='throw'
set network.ds4_throw_192_168_0_0_16=route
set network.ds4_throw_192_168_0_0_16.interface='loopback'
set network.ds4_throw_192_168_0_0_16.target='192.168.0.0/16'
set network.ds4_throw_192_168_0_0_16.table='42'
set network.ds4_throw_192_168_0_0_16.type='throw'
set firewall.ds4_zone=zone
set firewall.ds4_zone.name='ds4'
add_list firewall.ds4_zone.device='wrap1'
set firewall.ds4_zone.input='REJECT'
set firewall.ds4_zone.output='ACCEPT'
set firewall.ds4_zone.forward='REJECT'
set firewall.ds4_zone.mtu_fix='1'
set firewall.ds4_outer=rule
set firewall.ds4_outer.name='ds4_outer'
set firewall.ds4_outer.src='wan'
set firewall.ds4_outer.family='ipv6'
set firewall.ds4_outer.proto='4'
set firewall.ds4_outer.src_ip='2001:db8:1:0:203:0:113:144'
set firewall.ds4_outer.dest_ip='2001:db8:100:0:203:0:113:144'
set firewall.ds4_outer.target='ACCEPT'
set firewall.ds4_in=rule
set firewall.ds4_in.name='ds4_in'
set firewall.ds4_in.src='ds4'
add_list firewall.ds4_in.src_ip='!0.0.0.0/8'
add_list firewall.ds4_in.src_ip='!10.0.0.0/8'
add_list firewall.ds4_in.src_ip='!100.64.0.0/10'
add_list firewall.ds4_in.src_ip='!127.0.0.0/8'
add_list firewall.ds4_in.src_ip='!169.254.0.0/16'
add_list firewall.ds4_in.src_ip='!172.16.0.0/12'
add_list firewall.ds4_in.src_ip='!192.0.0.0/24'
add_list firewall.ds4_in.src_ip='!192.168.0.0/16'
add_list firewall.ds4_in.src_ip='!224.0.0.0/3'
set firewall.ds4_in.dest='lan'
set firewall.ds4_in.dest_ip='192.168.1.210'
set firewall.ds4_in.family='ipv4'
set firewall.ds4_in.proto='all'
set firewall.ds4_in.target='ACCEPT'
set firewall.ds4_in_2_tcp=rule
set firewall.ds4_in_2_tcp.name='ds4_in_2_tcp'
set firewall.ds4_in_2_tcp.src='ds4'
add_list firewall.ds4_in_2_tcp.src_ip='!0.0.0.0/8'
add_list firewall.ds4_in_2_tcp.src_ip='!10.0.0.0/8'
add_list firewall.ds4_in_2_tcp.src_ip='!100.64.0.0/10'
add_list firewall.ds4_in_2_tcp.src_ip='!127.0.0.0/8'
add_list firewall.ds4_in_2_tcp.src_ip='!169.254.0.0/16'
add_list firewall.ds4_in_2_tcp.src_ip='!172.16.0.0/12'
add_list firewall.ds4_in_2_tcp.src_ip='!192.0.0.0/24'
add_list firewall.ds4_in_2_tcp.src_ip='!192.168.0.0/16'
add_list firewall.ds4_in_2_tcp.src_ip='!224.0.0.0/3'
set firewall.ds4_in_2_tcp.dest='lan'
set firewall.ds4_in_2_tcp.dest_ip='192.168.1.211'
add_list firewall.ds4_in_2_tcp.dest_port='22'
add_list firewall.ds4_in_2_tcp.dest_port='443'
add_list firewall.ds4_in_2_tcp.dest_port='5060'
add_list firewall.ds4_in_2_tcp.dest_port='9000-9100'
set firewall.ds4_in_2_tcp.family='ipv4'
set firewall.ds4_in_2_tcp.proto='tcp'
set firewall.ds4_in_2_tcp.target='ACCEPT'
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
add_list firewall.ds4_in_2_udp.dest_port='5060'
set firewall.ds4_in_2_udp.family='ipv4'
set firewall.ds4_in_2_udp.proto='udp'
set firewall.ds4_in_2_udp.target='ACCEPT'
set firewall.ds4_in_2_47=rule
set firewall.ds4_in_2_47.name='ds4_in_2_47'
set firewall.ds4_in_2_47.src='ds4'
add_list firewall.ds4_in_2_47.src_ip='!0.0.0.0/8'
add_list firewall.ds4_in_2_47.src_ip='!10.0.0.0/8'
add_list firewall.ds4_in_2_47.src_ip='!100.64.0.0/10'
add_list firewall.ds4_in_2_47.src_ip='!127.0.0.0/8'
add_list firewall.ds4_in_2_47.src_ip='!169.254.0.0/16'
add_list firewall.ds4_in_2_47.src_ip='!172.16.0.0/12'
add_list firewall.ds4_in_2_47.src_ip='!192.0.0.0/24'
add_list firewall.ds4_in_2_47.src_ip='!192.168.0.0/16'
add_list firewall.ds4_in_2_47.src_ip='!224.0.0.0/3'
set firewall.ds4_in_2_47.dest='lan'
set firewall.ds4_in_2_47.dest_ip='192.168.1.211'
set firewall.ds4_in_2_47.family='ipv4'
set firewall.ds4_in_2_47.proto='47'
set firewall.ds4_in_2_47.target='ACCEPT'
set firewall.ds4_in_3_132=rule
set firewall.ds4_in_3_132.name='ds4_in_3_132'
set firewall.ds4_in_3_132.src='ds4'
add_list firewall.ds4_in_3_132.src_ip='!0.0.0.0/8'
add_list firewall.ds4_in_3_132.src_ip='!10.0.0.0/8'
add_list firewall.ds4_in_3_132.src_ip='!100.64.0.0/10'
add_list firewall.ds4_in_3_132.src_ip='!127.0.0.0/8'
add_list firewall.ds4_in_3_132.src_ip='!169.254.0.0/16'
add_list firewall.ds4_in_3_132.src_ip='!172.16.0.0/12'
add_list firewall.ds4_in_3_132.src_ip='!192.0.0.0/24'
add_list firewall.ds4_in_3_132.src_ip='!192.168.0.0/16'
add_list firewall.ds4_in_3_132.src_ip='!224.0.0.0/3'
set firewall.ds4_in_3_132.dest='lan'
set firewall.ds4_in_3_132.dest_ip='192.168.1.212'
set firewall.ds4_in_3_132.family='ipv4'
set firewall.ds4_in_3_132.proto='132'
set firewall.ds4_in_3_132.target='ACCEPT'
set firewall.ds4_bogon=rule
set firewall.ds4_bogon.name='ds4_bogon'
set firewall.ds4_bogon.src='ds4'
add_list firewall.ds4_bogon.src_ip='0.0.0.0/8'
add_list firewall.ds4_bogon.src_ip='10.0.0.0/8'
add_list firewall.ds4_bogon.src_ip='100.64.0.0/10'
add_list firewall.ds4_bogon.src_ip='127.0.0.0/8'
add_list firewall.ds4_bogon.src_ip='169.254.0.0/16'
add_list firewall.ds4_bogon.src_ip='172.16.0.0/12'
add_list firewall.ds4_bogon.src_ip='192.0.0.0/24'
add_list firewall.ds4_bogon.src_ip='192.168.0.0/16'
add_list firewall.ds4_bogon.src_ip='224.0.0.0/3'
set firewall.ds4_bogon.dest='*'
set firewall.ds4_bogon.family='ipv4'
set firewall.ds4_bogon.proto='all'
set firewall.ds4_bogon.target='DROP'
set firewall.ds4_out=rule
set firewall.ds4_out.name='ds4_out'
set firewall.ds4_out.src='lan'
set firewall.ds4_out.src_ip='192.168.1.210'
set firewall.ds4_out.dest='ds4'
set firewall.ds4_out.family='ipv4'
set firewall.ds4_out.proto='all'
set firewall.ds4_out.target='ACCEPT'
set firewall.ds4_out_2=rule
set firewall.ds4_out_2.name='ds4_out_2'
set firewall.ds4_out_2.src='lan'
set firewall.ds4_out_2.src_ip='192.168.1.211'
set firewall.ds4_out_2.dest='ds4'
set firewall.ds4_out_2.family='ipv4'
set firewall.ds4_out_2.proto='all'
set firewall.ds4_out_2.target='ACCEPT'
set firewall.ds4_out_3=rule
set firewall.ds4_out_3.name='ds4_out_3'
set firewall.ds4_out_3.src='lan'
set firewall.ds4_out_3.src_ip='192.168.1.212'
set firewall.ds4_out_3.dest='ds4'
set firewall.ds4_out_3.family='ipv4'
set firewall.ds4_out_3.proto='all'
set firewall.ds4_out_3.target='ACCEPT'
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
settled() { ip -6 addr show dev lo | grep -q 'inet6 2001:db8:100:0:203:0:113:144/128 ' || return 1; ip rule | grep -q '^4200:.*from 192.168.1.210 lookup ' || return 1; ip rule | grep -q '^4201:.*from 192.168.1.210 lookup ' || return 1; ip rule | grep -q '^4202:.*from 192.168.1.211 lookup ' || return 1; ip rule | grep -q '^4203:.*from 192.168.1.211 lookup ' || return 1; ip rule | grep -q '^4204:.*from 192.168.1.212 lookup ' || return 1; ip rule | grep -q '^4205:.*from 192.168.1.212 lookup ' || return 1; ip route show table 42 | grep -q '^default ' || return 1; ip route show table 42 | grep -q '^unreachable default ' || return 1; ip route show table 42 | grep -q '^throw 10.0.0.0/8 ' || return 1; ip route show table 42 | grep -q '^throw 100.64.0.0/10 ' || return 1; ip route show table 42 | grep -q '^throw 172.16.0.0/12 ' || return 1; ip route show table 42 | grep -q '^throw 192.168.0.0/16 ' || return 1; }
n=0; until settled 2>/dev/null || [ $n -ge 20 ]; do sleep 1; n=$((n+1)); done
fi
rm -f /var/run/ds4/batch
echo '@ds4 address 2001:db8:100:0:203:0:113:144/128'
ip -6 addr replace 2001:db8:100:0:203:0:113:144/128 dev lo valid_lft forever preferred_lft 0
echo '@ds4 rule 4200'
[ "$(ip rule | sed '/^4200:/!d; s/^4200:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.210 lookup main suppress_prefixlength 0' ] || { while ip rule del priority 4200 2>/dev/null; do :; done; ip rule add priority 4200 from 192.168.1.210 lookup main suppress_prefixlength 0 protocol static; }
echo '@ds4 rule 4201'
[ "$(ip rule | sed '/^4201:/!d; s/^4201:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.210 lookup 42' ] || { while ip rule del priority 4201 2>/dev/null; do :; done; ip rule add priority 4201 from 192.168.1.210 lookup 42 protocol static; }
echo '@ds4 rule 4202'
[ "$(ip rule | sed '/^4202:/!d; s/^4202:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.211 lookup main suppress_prefixlength 0' ] || { while ip rule del priority 4202 2>/dev/null; do :; done; ip rule add priority 4202 from 192.168.1.211 lookup main suppress_prefixlength 0 protocol static; }
echo '@ds4 rule 4203'
[ "$(ip rule | sed '/^4203:/!d; s/^4203:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.211 lookup 42' ] || { while ip rule del priority 4203 2>/dev/null; do :; done; ip rule add priority 4203 from 192.168.1.211 lookup 42 protocol static; }
echo '@ds4 rule 4204'
[ "$(ip rule | sed '/^4204:/!d; s/^4204:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.212 lookup main suppress_prefixlength 0' ] || { while ip rule del priority 4204 2>/dev/null; do :; done; ip rule add priority 4204 from 192.168.1.212 lookup main suppress_prefixlength 0 protocol static; }
echo '@ds4 rule 4205'
[ "$(ip rule | sed '/^4205:/!d; s/^4205:[[:space:]]*//; s/ proto[^ ]* [^ ]*//; s/ *$//')" = 'from 192.168.1.212 lookup 42' ] || { while ip rule del priority 4205 2>/dev/null; do :; done; ip rule add priority 4205 from 192.168.1.212 lookup 42 protocol static; }
echo '@ds4 route default/42'
ip route replace default dev wrap1 scope link table 42 proto static
echo '@ds4 route unreachable default/42'
ip route replace unreachable default metric 9999 table 42 proto static
echo '@ds4 route throw 10.0.0.0/8/42'
ip route replace throw 10.0.0.0/8 table 42 proto static
echo '@ds4 route throw 100.64.0.0/10/42'
ip route replace throw 100.64.0.0/10 table 42 proto static
echo '@ds4 route throw 172.16.0.0/12/42'
ip route replace throw 172.16.0.0/12 table 42 proto static
echo '@ds4 route throw 192.168.0.0/16/42'
ip route replace throw 192.168.0.0/16 table 42 proto static
echo '@ds4 firewall zone'
echo '@ds4 firewall ds4_outer'
echo '@ds4 firewall ds4_in'
echo '@ds4 firewall ds4_in_2_tcp'
echo '@ds4 firewall ds4_in_2_udp'
echo '@ds4 firewall ds4_in_2_47'
echo '@ds4 firewall ds4_in_3_132'
echo '@ds4 firewall ds4_bogon'
echo '@ds4 firewall ds4_out'
echo '@ds4 firewall ds4_out_2'
echo '@ds4 firewall ds4_out_3'
echo '@ds4 firewall ds4_hairpin'
echo '@ds4 firewall ds4_hairpin_in'
echo '@ds4 firewall ds4_hairpin_out'
[ "${firewall:-}" = loaded ] || { /etc/init.d/firewall reload; firewall=loaded; }
exit 0
}
