# shellcheck shell=bash
# Saving and restoring the state of all machines at once. Sourced by scripts/lab.
#
# A snapshot is memory, devices and disk of a machine, inside its qcow2 file. A
# copy of each freshly booted machine is kept in the cache: as long as nothing it
# was made of changes, the next `up` goes on from there and doesn't boot it.

# All machines' monitors at once, for commands that must not be far apart.
monitor_all() {
	local name list=
	for name in "${machines[@]}"; do list+=,$state/$name.monitor; done
	"$lab_source/monitor" "${list#,}" "$@"
}

# Machines are stopped together, so that none sees another one in the past.
save_snapshot() {
	[[ $1 =~ ^[a-z][a-z0-9-]*$ ]] || die "save: a name is of small letters, digits and dashes"
	monitor_all stop "delvm $1" "savevm $1" cont >/dev/null
}

load_snapshot() {
	local name
	for name in "${machines[@]}"; do
		[ -e "$state/$name.qcow2" ] || die "there is no lab yet: scripts/lab up"
		running "$name" || start_machine "$name" -S || die "$name could not be started"
	done
	close_connections
	monitor_all stop "loadvm $1" cont || {
		monitor_all cont >/dev/null
		die "the machines could not be put back to '$1'"
	}
}

# Where in the cache the booted state of a machine is, without its extension.
booted_of() {
	echo "$cache/booted-$1-$({
		"$qemu" --version
		cat "$lab_source/machine.sh" "$cache"/kernel-*
		hardware "$1"
		kernel_arguments "$1"
		basename "$2"
	} | sha256sum | cut -c1-16)"
}

# Copies the given machines to the cache, stopped for that moment.
keep_booted() {
	local name booted
	monitor_all stop >/dev/null
	for name in "$@"; do
		booted=$(booted_of "$name" "${image[$name]}")
		grep "^$name " "$state/host_keys" >"$booted.keys"
		cp --sparse=always "$state/$name.qcow2" "$booted.new" && mv "$booted.new" "$booted.qcow2"
	done
	monitor_all cont >/dev/null
}

# What hasn't been used for two days is of no use to anyone any more.
prune_cache() {
	find "$cache" -mindepth 1 -maxdepth 1 \( -name 'booted-*' -o -name '*.img' \) -mmin +2880 -exec rm -rf {} +
}
