# shellcheck shell=bash
# Delay, loss, MTU and filters of the links. The work is done by lab-link in the
# world; here is only what concerns the machines. Sourced by scripts/lab.

set_link() {
	local words=() word both='' mtu=''
	for word in "$@"; do
		if [ "$word" = --both ]; then both=1; else words+=("$word"); fi
	done
	run_in world "lab-link ${words[*]}" || return
	[ -n "$both" ] || return 0
	mtu=$(run_in world "lab-link" | sed -n "s/^${words[0]} .*mtu \([0-9]*\).*/\1/p")
	case ${words[0]} in
	wan)
		if has router; then run_in router "ip link set dev eth1 mtu ${mtu:-1500}"; else run_in home "ip link set dev eth0 mtu ${mtu:-1500}"; fi
		;;
	vps) run_in vps "ip link set dev eth0 mtu ${mtu:-1500}" ;;
	*) die "--both is for the links vps and wan" ;;
	esac
}

# Programs for capturing are in the world only, and so is the far end of each
# wire of the router.
capture() {
	[ $# -ge 2 ] || die "capture NAME INTERFACE [tcpdump arguments]"
	local name=$1 interface=$2
	shift 2
	case $name/$interface in
	router/eth0) name=wires interface=eth3 ;;
	router/eth1) name=wires interface=eth2 ;;
	router/*) die "the router has no tcpdump, only eth0 (LAN) and eth1 (WAN) can be captured" ;;
	esac
	[ "$name" != vps-admin ] || set -- "$@"
	run_in "$name" "exec tcpdump -n -U -i $interface $(printf '%q ' "$@")"
}
