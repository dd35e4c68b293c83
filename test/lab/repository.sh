#!/bin/sh
# repository.sh TREE PACKAGE...: makes /var/lib/lab-repo in the tree, a package
# source of files on its own disk. Called by mmdebstrap, which still has the
# downloaded packages in the tree; those not downloaded are fetched.
set -eu
tree=$1
shift
repo=$tree/var/lib/lab-repo
archives=$tree/var/cache/apt/archives
mkdir -p "$repo"
for name in "$@"; do
	found=$(find "$archives" -name "${name}_*.deb")
	if [ -z "$found" ]; then
		(cd "$repo" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq download "$name")
	else
		cp "$found" "$repo"
	fi
done
for deb in "$repo"/*.deb; do
	chmod 0644 "$deb"
	dpkg-deb -f "$deb"
	echo "Filename: ./${deb##*/}"
	echo "Size: $(stat -c %s "$deb")"
	echo "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)"
	echo
done >"$repo/Packages"
