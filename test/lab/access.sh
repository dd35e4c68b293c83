# shellcheck shell=bash
# How to get into the machines from this one. Sourced by scripts/lab.

write_ssh_config() {
	local ssh_world ssh_vps ssh_router ssh_home
	# shellcheck source=/dev/null
	. "$state/ports"
	install -m 0600 "$cache/key" "$state/key"
	# Each also by the address that the examples have for it.
	ssh_host() {
		printf 'Host %s\n\tHostName %s\n\tPort %s\n\tUser %s\n\tIdentityFile %s\n\tUserKnownHostsFile %s\n' \
			"$1" "$2" "$3" "$4" "$state/key" "$state/known_hosts"
		[ -z "${5-}" ] || printf '\tProxyJump %s\n' "$5"
	}
	{
		ssh_host world 127.0.0.1 "$ssh_world" root
		ssh_host "vps 203.0.113.144" 127.0.0.1 "$ssh_vps" root
		ssh_host vps-admin 127.0.0.1 "$ssh_vps" admin
		ssh_host vps6 2001:db8:1::10 22 root world
		! has router || ssh_host "router 192.168.1.1" 127.0.0.1 "$ssh_router" root
		! has home || ssh_host "home 192.168.1.210" 127.0.0.1 "$ssh_home" root
	} >"$state/ssh_config"
}

lab_ssh() {
	ssh -F "$state/ssh_config" -o BatchMode=yes -o LogLevel=ERROR "$@" 8>&- 9>&-
}

# Waits until a machine lets us in.
await_ssh() {
	local name=$1 limit=$((SECONDS + ${2:-180}))
	until lab_ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 "$name" true 2>/dev/null; do
		running "$name" || die "$name stopped while it booted, see $state/$name.console"
		[ "$SECONDS" -lt "$limit" ] || die "$name doesn't answer SSH, see $state/$name.console"
		sleep 0.3
	done
}

# Asks each machine for its host keys; it is our own machine on our own wire.
learn_host_keys() {
	local ssh_world ssh_vps ssh_router ssh_home name port lines
	# shellcheck source=/dev/null
	. "$state/ports"
	for name in "$@"; do
		port=ssh_$name
		for _ in 1 2 3; do
			lines=$(ssh-keyscan -T 30 -t ed25519,ecdsa,rsa -p "${!port}" 127.0.0.1 2>/dev/null |
				sed -n "s/^[^ #]* /$name /p")
			[ -z "$lines" ] || break
		done
		[ -n "$lines" ] || die "$name doesn't show its host keys"
		learned_host_keys "$name" "$lines"
	done
	write_known_hosts
}

# Notes the lines "NAME TYPE KEY" of a machine in place of earlier ones.
learned_host_keys() {
	sed -i "/^$1 /d" "$state/host_keys" 2>/dev/null
	echo "$2" >>"$state/host_keys"
}

# The host keys under the addresses that ssh_config leads to.
write_known_hosts() {
	local ssh_world ssh_vps ssh_router ssh_home name port
	# shellcheck source=/dev/null
	. "$state/ports"
	{
		sed -n "s/^vps /2001:db8:1::10 /p" "$state/host_keys"
		for name in "${machines[@]}"; do
			port=ssh_$name
			sed -n "s/^$name /[127.0.0.1]:${!port} /p" "$state/host_keys"
		done
	} >"$state/known_hosts"
}

# Runs a command, or a shell, on a machine or in a namespace of the world. The
# connection is kept for the next one. The world's sshd is the laptop's.
run_in() {
	[ $# -gt 0 ] || die "ssh NAME [command]"
	local name=$1 enter command options=(-o ControlMaster=auto -o "ControlPath=$state/%n.control" -o ControlPersist=300
		-o ConnectTimeout=60 -o ServerAliveInterval=15 -o ServerAliveCountMax=4)
	shift
	# Where the home server is a machine, it is that.
	if [ "$name" = server ] && has home; then name=home; fi
	case $name in
	vps | vps6 | vps-admin | router | home)
		lab_ssh "${options[@]}" "$name" "$@"
		return
		;;
	world) enter='nsenter -t 1 -n' ;;
	laptop) enter="env" ;;
	client | provider | aftr | internet | gateway | server | lan2 | wires) enter="ip netns exec $name" ;;
	*) die "no machine or namespace is called $name" ;;
	esac
	if [ $# -gt 0 ]; then
		command="$enter sh -c $(printf %q "$*")"
	else
		command="$enter bash -l"
		options+=(-t)
	fi
	lab_ssh "${options[@]}" world "$command"
}

# Connections of ours that a machine no longer knows about: all, or one's.
close_connections() {
	local socket
	for socket in "$state/${1-}"*.control; do
		[ -S "$socket" ] || continue
		lab_ssh -o ControlPath="$socket" -O exit any 2>/dev/null
		rm -f "$socket"
	done
}
