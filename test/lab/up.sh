# shellcheck shell=bash
# `up`: from nothing, or from the cache, to three machines that answer. Sourced
# by scripts/lab.

lab_up() {
	local variant='' home='' name fresh=()
	while [ $# -gt 0 ]; do
		case $1 in
		--home) home=${2-} && shift $(($# > 1 ? 2 : 1)) ;;
		--vps) variant=${2-} && shift $(($# > 1 ? 2 : 1)) ;;
		*) die "up: unknown argument $1" ;;
		esac
	done
	# Without a wish, what runs is kept.
	[ -n "$variant" ] || variant=$(sed -n 's/^vps-\([a-z]*\)-.*/\1/p' "$state/image.vps" 2>/dev/null)
	case ${variant:=ifupdown} in ifupdown | networkd) ;; *) die "up: --vps is ifupdown or networkd" ;; esac

	case $home in
	'') ;;
	openwrt) change_home router ;;
	linux) change_home home ;;
	both) change_home router home ;;
	*) die "up: --home is openwrt, linux or both" ;;
	esac

	local -A image built=([world]=world [vps]="vps-$variant" [router]=router [home]="home-$variant")
	local wanted=()
	for name in "${machines[@]}"; do wanted+=("${built[$name]}"); done
	build_all "${wanted[@]}"
	for name in "${machines[@]}"; do image[$name]=$(image_of "${built[$name]}") || exit 1; done
	if all_running; then
		say "already up"
		return
	fi
	# One that runs from another image, or is alone, starts anew with the others.
	lab_down
	# Another lab that comes up now would find the same ports free.
	{
		flock 9
		choose_ports
		write_ssh_config
		for name in "${machines[@]}"; do
			start_booted "$name" && continue
			new_disk "$name" "${image[$name]}"
			start_machine "$name" || die "$name could not be started"
			fresh+=("$name")
		done
	} 9>"$cache/ports.lock"
	if [ ${#fresh[@]} -gt 0 ]; then
		say "booting ${fresh[*]}"
		await_boot "${fresh[@]}"
		keep_booted "${fresh[@]}"
	fi
	write_known_hosts
	say "up in $SECONDS s"
}

# Other machines at home, and nothing left of those that were there.
change_home() {
	[ "${machines[*]:2}" != "$*" ] || return 0
	lab_down
	rm -f "$state"/{image.,}{router,home}{,.qcow2,.console}
	machines=(world vps "$@")
}

# Whether each machine runs, and from the image it should.
all_running() {
	local name
	for name in "${machines[@]}"; do
		running "$name" && [ "$(cat "$state/image.$name")" = "$(basename "${image[$name]}" .img)" ] || return
	done
}

# One builder at a time: all labs of a user share the cache. What needs none doesn't wait for it.
build_all() {
	mkdir -p "$cache" "$state" && chmod 0700 "$cache" "$state"
	all_built "$@" && return
	{
		flock 9
		require_system
		ensure_key
		ensure_kernel
		ensure_images "$@" || exit 1
		prune_cache
	} 9>"$cache/lock"
}

# Whether nothing has to be built for these images; each counts as used.
all_built() {
	local name image
	[ -e "$cache/key" ] && [ -e "$(kernel_stamp)" ] || return
	for name in "$@"; do
		image=$(image_of "$name")
		[ -e "$image" ] && touch "$image" || return
	done
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
	until run_in server 'ping -q -c 1 -W 2 198.51.100.220' && run_in lan2 'ping -q -c 1 -W 2 198.51.100.220' &&
		run_in client 'ping -q -c 1 -W 2 203.0.113.144'; do
		[ "$SECONDS" -lt "$limit" ] || die "the home has no IPv4: its DS-Lite doesn't work"
		sleep 0.5
	done >/dev/null
}

lab_down() {
	local name
	close_connections
	for name in "${machines[@]}"; do stop_machine "$name"; done
}
