# shellcheck shell=bash
# The one kernel of all machines: Debian's, with an initrd that does nothing but
# mount the disk. Sourced by scripts/lab.

# The file that says which kernel is there.
kernel_stamp() { echo "$cache/kernel-$(hash_of "$lab_source/kernel.sh" "$lab_source/initrd-init")"; }

# Makes vmlinuz, initrd and modules.tar (usr/lib/modules/…) in the cache.
ensure_kernel() {
	local stamp work version mirror=()
	stamp=$(kernel_stamp)
	[ -e "$stamp" ] && return
	say "getting the kernel"
	work=$(mktemp -d "$(build_folder)/ds4-lab-kernel.XXXXXX")
	choose_mirror
	TMPDIR=$(build_folder) mmdebstrap --quiet --mode=auto --variant=extract --architectures="$arch" \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg --include="linux-image-cloud-$arch,busybox-static" \
		"$suite" - "${mirror[@]}" 2>"$cache/kernel.log" |
		tar -C "$work" -xf - --wildcards './boot/*' './lib/modules/*' './bin/busybox' || {
		tail -n 20 "$cache/kernel.log" >&2
		die "the kernel could not be got, see $cache/kernel.log"
	}
	version=$(basename "$work"/lib/modules/*)
	mkdir -p "$work/tree/usr/lib"
	mv "$work/lib/modules" "$work/tree/usr/lib/modules"
	trim_modules "$work/tree/usr/lib/modules/$version/kernel"
	depmod -b "$work/tree/usr" -F "$work/boot/System.map-$version" "$version" 2>/dev/null || depmod -b "$work/tree/usr" "$version"
	make_initrd "$work" "$version" "$cache/initrd.new"
	tar -C "$work/tree" --owner=0 --group=0 --numeric-owner -cf "$cache/modules.new" .
	mv "$cache/initrd.new" "$cache/initrd"
	mv "$cache/modules.new" "$cache/modules.tar"
	mv "$work"/boot/vmlinuz-* "$cache/vmlinuz"
	rm -rf "$work" "$cache"/kernel-*
	echo "$version" >"$stamp"
}

# Drivers of hardware that these machines don't have.
trim_modules() {
	local dir
	rm -rf "$1/sound"
	for dir in "$1"/drivers/*; do
		case ${dir##*/} in net | virtio | block | char) ;; *) rm -rf "$dir" ;; esac
	done
	rm -rf "$1"/drivers/net/{ethernet,wireless,usb,hyperv,fddi,can,wwan}
}

make_initrd() {
	local work=$1 modules=$1/tree/usr/lib/modules/$2 out=$3 root=$1/initrd name
	mkdir -p "$root"/{bin,dev,proc,sys,root,modules}
	cp "$work/bin/busybox" "$root/bin/busybox"
	install -m 0755 "$lab_source/initrd-init" "$root/init"
	# In the order in which they need each other.
	for name in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
		find "$modules" -name "$name.ko" -exec cp {} "$root/modules/" \;
	done
	(cd "$root" && find . | "$work/bin/busybox" cpio -o -H newc -R 0:0 2>/dev/null) >"$out"
}
