# shellcheck shell=bash
# Power cuts and resets, and what runs now. Sourced by scripts/lab.

set_power() {
	if [ "${1:-world}" = world ] || ! has "$1"; then die "power: one of ${machines[*]:1}"; fi
	close_connections "$1"
	case ${2-} in
	off) stop_machine "$1" ;;
	on)
		running "$1" || start_machine "$1" || die "$1 could not be started"
		await_ssh "$1"
		;;
	reset)
		monitor "$1" system_reset >/dev/null || die "$1 is not running"
		await_ssh "$1"
		;;
	*) die "power $1: off, on or reset" ;;
	esac
}

lab_status() {
	local name pid word port ssh_world ssh_vps ssh_router ssh_home all=0
	if [ -e "$state/ports" ]; then
		# shellcheck source=/dev/null
		. "$state/ports"
	fi
	printf '%-9s%-9s%-9s%-32s%s\n' MACHINE STATE PID IMAGE SSH
	for name in "${machines[@]}"; do
		word=off pid=-
		if running "$name"; then
			pid=$(cat "$state/$name.pid")
			word=$(monitor "$name" 'info status' | sed -n 's/^VM status: //p')
		else
			all=1
		fi
		port=ssh_$name
		printf '%-9s%-9s%-9s%-32s%s\n' "$name" "$word" "$pid" \
			"$(cat "$state/image.$name" 2>/dev/null || echo -)" "127.0.0.1:${!port:--}"
	done
	echo "ssh -F $state/ssh_config $(printf '%s|' "${machines[@]}")vps6|vps-admin"
	return $all
}
