# shellcheck shell=bash
# DS4_LAB_OPENWRT=rootfs.tar.gz: the router is that OpenWrt, with its own procd as
# the first process, on the kernel of the other machines. Sourced by scripts/lab.

openwrt_image_of() {
	[ -r "$DS4_LAB_OPENWRT" ] || die "DS4_LAB_OPENWRT: $DS4_LAB_OPENWRT can't be read"
	echo "$cache/openwrt-$(hash_of "$lab_source/openwrt.sh" "$lab_source/kernel.sh" "$cache/key.pub" \
		"$(openwrt_network)" "$(readlink -f "$DS4_LAB_OPENWRT")").img"
}

# The stand-in's own file: both routers are at the same place of the same home.
openwrt_network() { echo "$lab_source/machines/router/overlay/etc/config/network"; }

build_openwrt() {
	local image=$1 work
	work=$(mktemp -d "${TMPDIR:-/tmp}/ds4-lab-openwrt.XXXXXX")
	mkdir "$work/tree" "$work/modules"
	tar -C "$work/modules" -xf "$cache/modules.tar" || return
	cp "$(openwrt_network)" "$work/network"
	export -f openwrt_tree openwrt_modules openwrt_tunnel
	# shellcheck disable=SC2016 # expanded by the inner shell
	with_owners bash -ec '
		tar -C "$1/tree" -xzf "$2"
		openwrt_tree "$1" "$3"
		mke2fs -q -t ext4 -L router -m 0 -J size=8 -d "$1/tree" "$1/disk.img" 1G
	' bash "$work" "$DS4_LAB_OPENWRT" "$cache/key.pub" || return
	mv "$work/disk.img" "$image.new" && mv "$image.new" "$image"
	rm -rf "$work"
}

# What a user would set up by hand on a new router, and the modules of our kernel.
openwrt_tree() {
	local work=$1 key=$2 tree=$1/tree
	[ -e "$tree/sbin/procd" ] || {
		echo "this is no OpenWrt: it has no /sbin/procd"
		return 1
	}
	openwrt_modules "$work/modules/usr/lib/modules" "$tree"
	install -m 0644 "$work/network" "$tree/etc/config/network"
	[ -e "$tree/lib/netifd/proto/dslite.sh" ] || openwrt_tunnel "$tree/etc/config/network"
	mkdir -p "$tree/etc/dropbear"
	chmod 0700 "$tree/etc/dropbear"
	install -m 0600 "$key" "$tree/etc/dropbear/authorized_keys"
}

# OpenWrt's modprobe wants all modules in one folder, and loads at boot what is
# named in /etc/modules.d; the image's own lists name modules of its own kernel.
openwrt_modules() {
	local from version to
	from=$(echo "$1"/*)
	version=${from##*/}
	to=$2/lib/modules/$version
	rm -rf "$2/lib/modules"
	mkdir -p "$to"
	find "$from/kernel/net" "$from/kernel/lib" "$from/kernel/crypto" "$from/kernel/drivers/net" \
		"$from/kernel/drivers/virtio" "$from/kernel/drivers/char" -name '*.ko' -exec cp {} "$to/" \;
	mkdir -p "$2/etc/modules.d"
	printf '%s\n' virtio_net virtio_rng bridge ip6_tunnel nf_tables nf_conntrack nf_nat nft_ct nft_chain_nat \
		nft_masq nft_redir nft_nat nft_reject nft_reject_inet nft_fib_inet nft_log nft_limit nft_objref \
		nft_flow_offload >"$2/etc/modules.d/01-lab"
	mkdir -p "$2/etc/modules-boot.d"
	echo virtio_net >"$2/etc/modules-boot.d/01-lab"
}

# Without the package ds-lite, netifd can still make the same tunnel itself.
openwrt_tunnel() {
	sed -i "/^config interface 'wan'/,/^\$/d" "$1"
	cat >>"$1" <<-'UCI'

		config device
			option name 'ds-wan'
			option type 'tunnel'
			option mode 'ipip6'
			option local '2001:db8:ffff::2'
			option remote '2001:db8:ffff:a::1'
			option mtu '1452'

		config interface 'wan'
			option device 'ds-wan'
			option proto 'static'
			option ipaddr '192.0.0.2'
			option netmask '255.255.255.248'
			option gateway '192.0.0.1'
	UCI
}
