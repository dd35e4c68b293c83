# shellcheck shell=bash
# Disk images, built out of test/lab/machines and kept in the cache under a hash
# of everything they are made of. Sourced by scripts/lab.

# The parts of a machine: its folder, what it shares with others, and for a Debian that of its variant.
machine_parts() {
	case $1 in
	vps-*) echo "$lab_source/machines/vps" "$lab_source/machines/vps/${1#vps-}" ;;
	home-*) echo "$lab_source/machines/vps" "$lab_source/machines/vps/${1#home-}" "$lab_source/machines/"{server,home} ;;
	world) echo "$lab_source/machines/"{server,world} ;;
	router) echo "$lab_source/machines/router" ;;
	*) echo "$lab_source/machines/$1" ;;
	esac
}

# All names, modes and contents below some folders, as one hash.
hash_of() {
	{
		printf '%s\n' "$suite" "$arch"
		find "$@" ! -type d -printf '%P %m %l\n' | sort
		find "$@" -type f -print0 | sort -z | xargs -0 cat
	} | sha256sum | cut -c1-16
}

image_of() {
	local parts
	if [ "$1" = router ] && [ -n "${DS4_LAB_OPENWRT-}" ]; then
		openwrt_image_of
		return
	fi
	read -ra parts <<<"$(machine_parts "$1")"
	echo "$cache/$1$(neighbours "$1")-$(hash_of "$lab_source/image.sh" "$lab_source/kernel.sh" "$cache/key.pub" "${parts[@]}").img"
}

# The ending for a VPS that has the packages of its neighbours, too.
neighbours() {
	case $1/${DS4_NEIGHBOURS-} in vps-*/1) echo -neighbours ;; esac
}

# One key for all labs of a user: it is inside the images.
ensure_key() {
	mkdir -p "$cache" && chmod 0700 "$cache"
	[ -e "$cache/key" ] || ssh-keygen -q -t ed25519 -N '' -C ds4-lab -f "$cache/key"
}

# Owners in the tree are kept: by root as they are, by others with fakeroot.
with_owners() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else fakeroot -- "$@"; fi
}

package_list() { sed -s 's/#.*//' "$@" | xargs | tr ' ' ','; }

# Owners and modes in the overlay don't depend on the user's checkout. Folders
# are left out: extracting one would replace a link such as /sbin by it.
pack_overlay() {
	local part out=$1 list
	shift
	for part in "$@"; do
		[ -d "$part/overlay" ] || continue
		list=$(cd "$part/overlay" && find . ! -type d)
		tar -rf "$out" -C "$part/overlay" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
			--no-recursion -T - <<<"$list"
	done
	tar -rf "$out" -C "$cache" --owner=0 --group=0 --numeric-owner --mode=0600 \
		--transform='s,^key.pub,etc/lab/authorized_keys,' key.pub
}

build_image() {
	local name=$1 image=$2 work parts part hooks=() repository mirror=()
	if [ "$name" = router ] && [ -n "${DS4_LAB_OPENWRT-}" ]; then
		build_openwrt "$image"
		return
	fi
	read -ra parts <<<"$(machine_parts "$name")"
	work=$(mktemp -d "$(build_folder)/ds4-lab-image.XXXXXX")
	# mmdebstrap's own user must be able to read here.
	chmod 0755 "$work"
	pack_overlay "$work/overlay.tar" "${parts[@]}"
	hooks+=(--customize-hook="tar-in '$cache/modules.tar' /" --customize-hook="tar-in '$work/overlay.tar' /")
	# The key is copied to where either SSH server looks for it.
	cat >"$work/key.sh" <<-'KEY'
		set -e
		if [ -d "$1/etc/dropbear" ]; then to=$1/etc/dropbear; else to=$1/root/.ssh; fi
		mkdir -p -m 0700 "$to"
		install -m 0600 "$1/etc/lab/authorized_keys" "$to/authorized_keys"
		rm -f "$1/etc/resolv.conf" "$1/setup"
		sed -i /force-unsafe-io/d "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
	KEY
	# While apt still knows where packages are; at home, none is installed.
	repository=$(cat /dev/null "${parts[@]/%//repository}" "${parts[@]/%//repository$(neighbours "$name")}" 2>/dev/null |
		sed 's/#.*//' | sort -u | xargs)
	if [ -n "$repository" ] && [ "${name%%-*}" != home ]; then
		cp "$lab_source/repository.sh" "$work/"
		hooks+=(--customize-hook="sh '$work/repository.sh' \"\$1\" $repository")
	fi
	for part in "${parts[@]}"; do
		[ -e "$part/setup" ] || continue
		hooks+=(--customize-hook="upload '$part/setup' /setup"
			--customize-hook="chroot \"\$1\" sh /setup")
	done
	hooks+=(--customize-hook="sh '$work/key.sh' \"\$1\"")
	mkdir "$work/tree"
	choose_mirror
	# Here nothing has to outlive a power cut, and waiting for the disk is a good part of the time. What nobody reads is
	# left out at the end: told before, mmdebstrap would look at each file of each package, which takes as long again.
	TMPDIR=$(build_folder) mmdebstrap --quiet --mode=auto --variant=minbase --architectures="$arch" \
		--dpkgopt=force-unsafe-io --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		--skip=essential/unlink --skip=download/empty --skip=cleanup/reproducible \
		--include="$(package_list "${parts[@]/%//packages}")" "${hooks[@]}" \
		"$suite" - "${mirror[@]}" >"$work/tree.tar" || return
	# shellcheck disable=SC2016 # expanded by the inner shell
	with_owners sh -ec '
		tar -C "$1/tree" --exclude="./usr/share/man/*" --exclude="./usr/share/locale/*" --exclude="./usr/share/doc/*" \
			-xf "$1/tree.tar"
		rm "$1/tree.tar"
		mke2fs -q -t ext4 -L "$2" -m 0 -J size=8 -E lazy_itable_init=1,lazy_journal_init=1 \
			-d "$1/tree" "$1/disk.img" 2G
	' sh "$work" "${name%%-*}" || return
	mv "$work/disk.img" "$image.new" && mv "$image.new" "$image"
	chmod -R u+w "$work" 2>/dev/null
	rm -rf "$work"
}

# Builds what is missing, all at once: most of the time is spent waiting for
# one package to be unpacked.
ensure_images() {
	local name image pids=() names=() failed=
	for name in "$@"; do
		image=$(image_of "$name")
		[ -e "$image" ] && touch "$image" && continue
		say "building the image of $name"
		build_image "$name" "$image" >"$cache/$name.log" 2>&1 &
		pids+=($!) names+=("$name")
	done
	for name in "${!pids[@]}"; do
		wait "${pids[$name]}" || failed+=" ${names[$name]}"
	done
	for name in $failed; do
		tail -n 20 "$cache/$name.log" >&2
		say "the image of $name could not be built, see $cache/$name.log"
	done
	[ -z "$failed" ]
}
