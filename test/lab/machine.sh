# shellcheck shell=bash
# Starting and stopping the QEMU processes. Sourced by scripts/lab.
#
# In the state folder: NAME.qcow2 NAME.pid NAME.monitor NAME.console, ports,
# image.NAME (what it was started from), ssh_config, known_hosts, key.

monitor() {
	local name=$1
	shift
	"$lab_source/monitor" "$state/$name.monitor" "$@"
}

running() {
	local pid
	pid=$(cat "$state/$1.pid" 2>/dev/null) && [ -n "$pid" ] &&
		tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "$state/$1.qcow2"
}

# Free ports of 127.0.0.1, all held until the last one is found.
free_ports() {
	perl -MIO::Socket::INET -e '
		for (1 .. shift) {
			my ($port, $tcp, $udp);
			do {
				$port = 20000 + int rand 12000;
				$tcp = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:$port");
				$udp = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.0.0.1:$port");
			} until $tcp && $udp;
			push @held, $tcp, $udp;
			print "$port\n";
		}' "$1"
}

# Each wire is a pair of UDP ports, one for either machine.
choose_ports() {
	local name
	grep -qs '^wire_home=' "$state/ports" && return
	for name in ssh_{world,vps,router,home} wire_{vps,wan,lan,home}{,_far}; do
		read -r port && echo "$name=$port"
	done < <(free_ports 12) >"$state/ports"
}

# QEMU's arguments for a wire: its number, our port, the other end's port.
wire() {
	echo -netdev "socket,id=net$1,localaddr=127.0.0.1:$2,udp=127.0.0.1:$3" \
		-device "virtio-net-pci,netdev=net$1,romfile=,mac=52:54:00:d5:4$4:0$1"
}

# The only way from this machine into the lab: ports of the laptop.
way_in() {
	local net=192.0.2.192/28,host=192.0.2.193,dns=192.0.2.194,dhcpstart=192.0.2.200
	echo -netdev "user,id=net0,restrict=on,ipv6=off,net=$net,hostfwd=tcp:127.0.0.1:$1-192.0.2.200:22,hostfwd=tcp:127.0.0.1:$2-192.0.2.200:2201,hostfwd=tcp:127.0.0.1:$3-192.0.2.200:2202,hostfwd=tcp:127.0.0.1:$4-192.0.2.200:2203" \
		-device virtio-net-pci,netdev=net0,romfile=,mac=52:54:00:d5:40:00
}

# What is in front of the guest: a snapshot fits only the same hardware. Some of what a processor may have costs an
# emulator more than it gives: with ERMS a kernel clears and copies pages byte by byte, with LA57 it looks up each page
# by five tables, with SMAP and the like it stops at each access to a process's memory. Starting one takes half as long.
hardware() {
	local accel=tcg,thread=multi
	if [ "${DS4_LAB_KVM:-0}" = 1 ]; then accel=kvm; fi
	echo -M pc,usb=off -accel "$accel" -cpu max,-erms,-la57,-smap,-smep,-umip,-pku -smp 1 -nodefaults -no-user-config -display none
	case $1 in
	world) echo -m 448 ;;
	vps | home) echo -m 384 ;;
	router) echo -m 256 ;;
	esac
}

# Not audit=0: each login would ask modprobe several times for what it is. 112 is REP_GOOD: an emulator is quicker with loops over whole words than with repeated string instructions.
kernel_arguments() {
	local more=''
	if has router && has home; then more=' lab.home=both'; elif [ "$1" = world ] && has home; then more=' lab.home=linux'; fi
	echo "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 panic=5 mitigations=off norandmaps init_on_alloc=0 clearcpuid=112 rcupdate.rcu_expedited=1 lsm=capability hardened_usercopy=off cgroup_disable=memory randomize_kstack_offset=off$more"
}

start_machine() {
	local name=$1 ssh_world ssh_vps ssh_router ssh_home wire_vps wire_vps_far wire_wan wire_wan_far wire_lan wire_lan_far
	local wire_home wire_home_far arguments=()
	shift
	# shellcheck source=/dev/null
	. "$state/ports"
	# The home server is where the router would be, or beside it.
	if ! has router; then wire_home=$wire_lan wire_home_far=$wire_lan_far; fi
	read -rd '' -a arguments < <(hardware "$name")
	case $name in
	world)
		read -rd "" -a arguments < <(echo "${arguments[@]}" "$(way_in "$ssh_world" "$ssh_vps" "$ssh_router" "$ssh_home")" \
			"$(wire 1 "$wire_vps_far" "$wire_vps" 0)" \
			"$(wire 2 "$wire_wan_far" "$wire_wan" 0)" "$(wire 3 "$wire_lan_far" "$wire_lan" 0)" \
			"$(if has router && has home; then wire 4 "$wire_home_far" "$wire_home" 0; fi)")
		;;
	vps) read -rd '' -a arguments < <(echo "${arguments[@]}" "$(wire 0 "$wire_vps" "$wire_vps_far" 1)") ;;
	home) read -rd '' -a arguments < <(echo "${arguments[@]}" "$(wire 0 "$wire_home" "$wire_home_far" 3)") ;;
	router)
		read -rd '' -a arguments < <(echo "${arguments[@]}" "$(wire 0 "$wire_lan" "$wire_lan_far" 2)" \
			"$(wire 1 "$wire_wan" "$wire_wan_far" 2)")
		;;
	esac
	rm -f "$state/$name.monitor"
	"$qemu" -name "ds4-$name" "${arguments[@]}" \
		-kernel "$cache/vmlinuz" -initrd "$cache/initrd" -append "$(kernel_arguments "$name")" \
		-drive "if=none,id=disk,file=$state/$name.qcow2,format=qcow2,cache=unsafe" -device virtio-blk-pci,drive=disk \
		-device virtio-rng-pci \
		-chardev "file,id=console,path=$state/$name.console,append=on" -serial chardev:console \
		-monitor "unix:$state/$name.monitor,server=on,wait=off" \
		-daemonize -pidfile "$state/$name.pid" "$@" 8>&- 9>&-
}

stop_machine() {
	local name=$1 pid
	running "$name" || return 0
	pid=$(cat "$state/$name.pid")
	monitor "$name" quit >/dev/null 2>&1 || kill "$pid"
	for _ in $(seq 100); do
		[ -e "/proc/$pid" ] || break
		sleep 0.05
	done
	rm -f "$state/$name.pid" "$state/$name.monitor"
}

# A fresh disk on top of the image.
new_disk() {
	local name=$1 image=$2
	rm -f "$state/$name.qcow2"
	qemu-img create -q -f qcow2 -F raw -b "$image" "$state/$name.qcow2"
	basename "$image" .img >"$state/image.$name"
	: >"$state/$name.console"
}
