# shellcheck shell=bash
# `up`: from nothing, or from the cache, to three machines that answer. Sourced
# by scripts/lab.

lab_up() {
	local variant='' name fresh=()
	while [ $# -gt 0 ]; do
		case $1 in
		--vps) variant=${2-} && shift $(($# > 1 ? 2 : 1)) ;;
		*) die "up: unknown argument $1" ;;
		esac
	done
	# Without a wish, what runs is kept.
	[ -n "$variant" ] || variant=$(sed -n 's/^vps-\([a-z]*\)-.*/\1/p' "$state/image.vps" 2>/dev/null)
	case ${variant:=ifupdown} in ifupdown | networkd) ;; *) die "up: --vps is ifupdown or networkd" ;; esac

	build_all "vps-$variant"
	local -A image
	for name in world router; do image[$name]=$(image_of "$name") || exit 1; done
	image[vps]=$(image_of "vps-$variant")
	if all_running; then
		say "already up"
		return
	fi
	# One that runs from another image, or is alone, starts anew with the others.
	lab_down
	choose_ports
	write_ssh_config
	for name in "${machines[@]}"; do
		start_booted "$name" && continue
		new_disk "$name" "${image[$name]}"
		start_machine "$name" || die "$name could not be started"
		fresh+=("$name")
	done
	if [ ${#fresh[@]} -gt 0 ]; then
		say "booting ${fresh[*]}"
		await_boot "${fresh[@]}"
		keep_booted "${fresh[@]}"
	fi
	write_known_hosts
	say "up in $SECONDS s"
}

# Whether each machine runs, and from the image it should.
all_running() {
	local name
	for name in "${machines[@]}"; do
		running "$name" && [ "$(cat "$state/image.$name")" = "$(basename "${image[$name]}" .img)" ] || return
	done
}

# One builder at a time: all labs of a user share the cache.
build_all() {
	mkdir -p "$cache" "$state" && chmod 0700 "$cache" "$state"
	{
		flock 9
		require_system
		ensure_key
		ensure_kernel
		ensure_images world "$1" router || exit 1
		prune_cache
	} 9>"$cache/lock"
}

# Goes on with a machine where it was when this image was first booted.
start_booted() {
	local name=$1 booted
	booted=$(booted_of "$name" "${image[$name]}")
	[ -e "$booted.qcow2" ] || return
	touch "$booted.qcow2" "$booted.keys"
	cp --sparse=always "$booted.qcow2" "$state/$name.qcow2" || return
	learned_host_keys "$name" "$(cat "$booted.keys")"
	basename "${image[$name]}" .img >"$state/image.$name"
	: >"$state/$name.console"
	start_machine "$name" -loadvm clean
}

await_boot() {
	local name waits=()
	for name in "$@"; do
		await_ssh "$name" 300 &
		waits+=($!)
	done
	for name in "${waits[@]}"; do wait "$name" || exit 1; done
	learn_host_keys "$@"
	await_home
	close_connections
	save_snapshot clean || die "the booted machines could not be saved"
}

# The home has IPv4 when its DS-Lite works; this also fills all neighbour tables.
await_home() {
	local limit=$((SECONDS + 180))
	# shellcheck disable=SC2016 # expanded in the world
	until run_in world 'for from in server lan2; do ip netns exec $from ping -q -c 1 -W 2 198.51.100.220 || exit 1; done
		ip netns exec client ping -q -c 1 -W 2 203.0.113.144' >/dev/null; do
		[ "$SECONDS" -lt "$limit" ] || die "the home has no IPv4: the router's DS-Lite doesn't work"
		sleep 0.5
	done
}

lab_down() {
	local name
	close_connections
	for name in "${machines[@]}"; do stop_machine "$name"; done
}
