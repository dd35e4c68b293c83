# shellcheck shell=bash
# Where things are, and what the lab needs on this machine. Sourced by scripts/lab.

# shellcheck disable=SC2034 # used by the other files
{
	lab_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
	state=${DS4_LAB_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/ds4-lab}
	cache=${DS4_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ds4-lab}
	suite=bookworm
	# At home there is an OpenWrt router, or a Debian as the home server, or both (up --home).
	machines=(world vps)
	for name in router home; do [ ! -e "$state/image.$name" ] || machines+=("$name"); done
	[ ${#machines[@]} -gt 2 ] || machines+=(router)
}

case $(uname -m) in
x86_64) arch=amd64 qemu=qemu-system-x86_64 qemu_package=qemu-system-x86 ;;
*) echo "lab: only x86_64 machines can run the lab, this is $(uname -m)" >&2 && exit 1 ;;
esac

# Whether a machine is one of them.
has() { case " ${machines[*]} " in *" $1 "*) ;; *) return 1 ;; esac }

say() { printf 'lab: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# The commands the lab calls, each with the Debian package that has it.
needed_commands() {
	cat <<-LIST
		$qemu $qemu_package
		qemu-img qemu-utils
		mmdebstrap mmdebstrap
		mke2fs e2fsprogs
		depmod kmod
		ssh openssh-client
		ssh-keygen openssh-client
		perl perl-base
		tar tar
		sha256sum coreutils
		gpgv gpgv
	LIST
	if [ "$(id -u)" -ne 0 ]; then
		echo "fakeroot fakeroot"
		echo "newuidmap uidmap"
	fi
}

# Where images are put together: in memory where there is plenty, which takes a fifth less of time.
build_folder() {
	local room
	room=$(($(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)))
	if [ -z "${TMPDIR-}" ] && [ -w /dev/shm ] && [ "$room" -gt 8000000 ] &&
		[ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -gt 12000000 ] &&
		! findmnt -no OPTIONS /dev/shm | grep -qw noexec; then
		echo /dev/shm
	else
		echo "${TMPDIR:-/tmp}"
	fi
}

# Sets mirror: where this machine's apt has the suite from. It stays empty where there is none: mmdebstrap knows one.
choose_mirror() {
	# shellcheck disable=SC2016 # expanded by apt-get
	mapfile -t mirror < <(if [ -n "${DS4_LAB_MIRROR-}" ]; then echo "$DS4_LAB_MIRROR"; else
		apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" 2>/dev/null | head -n 1
	fi)
}

require_system() {
	local command package missing=()
	while read -r command package; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null || missing+=("$package")
	done < <(needed_commands)
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
	[ ${#missing[@]} -eq 0 ] && return
	local sudo=
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	if command -v apt-get >/dev/null && { [ -z "$sudo" ] || sudo -n true 2>/dev/null; }; then
		say "installing ${missing[*]}"
		$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 &&
			$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2 &&
			return
	fi
	die "these packages are missing, install them: ${missing[*]}"
}
export PATH=$PATH:/usr/sbin:/sbin
