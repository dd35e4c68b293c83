#!/bin/sh
# repository.sh TREE PACKAGE...: makes /var/lib/lab-repo in the tree, a package
# source of files on its own disk. Called by mmdebstrap while apt still knows
# where packages are. It holds each package, and whatever apt would install with
# it on this tree; each is asked for alone, because some exclude each other.
set -eu
tree=$1
shift
repo=$tree/var/lib/lab-repo
mkdir -p "$repo/partial"
for name in "$@"; do
	APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq -y --no-install-recommends --reinstall --download-only \
		-o Dir::Cache::Archives="$repo" install "$name"
done
rm -rf "$repo/partial" "$repo/lock"
# Unpacking what is compressed takes an emulated processor half of the time that an installation does.
find "$repo" -name '*.deb' -size +1M | while read -r deb; do
	dpkg-deb -R "$deb" "$repo/unpacked"
	dpkg-deb --root-owner-group -Znone -b "$repo/unpacked" "$deb" >/dev/null
	rm -rf "$repo/unpacked"
done
for deb in "$repo"/*.deb; do
	chmod 0644 "$deb"
	dpkg-deb -f "$deb"
	echo "Filename: ./${deb##*/}"
	echo "Size: $(stat -c %s "$deb")"
	echo "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)"
	echo
done >"$repo/Packages"
