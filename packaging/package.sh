#!/bin/sh
# Makes packages of a program that has been built, with the tools that distributions make theirs with, and from one list
# of files (files.sh): a builder of packages for cargo would be some hundred crates, and a second list.
set -eu

usage() {
	cat <<'USAGE'
Usage: sh packaging/package.sh deb|rpm|tarball BINARY DIRECTORY

Makes a package of BINARY and the files of this source tree, and puts it into DIRECTORY: a .deb (with dpkg-deb), an
.rpm (with rpmbuild), or a .tar.gz for any Linux, with the .sha256 that says what is in it. BINARY is a static release
build, as packaging/install.sh makes one:
    RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release --locked --target TRIPLE
USAGE
}

[ $# -eq 3 ] && [ -f "$2" ] || {
	usage >&2
	exit 1
}
kind=$1
binary=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
mkdir -p "$3"
output=$(cd "$3" && pwd)
cd "$(dirname "$0")/.."
. packaging/files.sh
umask 022

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
machine=$(uname -m)
# The same files give the same package, whenever it is made.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y Cargo.toml)}
export SOURCE_DATE_EPOCH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/tree

# fill TEMPLATE NAME=VALUE...
fill() {
	template=$1
	shift
	for pair in "$@"; do
		set -- "$@" -e "s|@${pair%%=*}@|${pair#*=}|"
		shift
	done
	sed "$@" "$template"
}

deb() {
	put_all "$binary" "$tree" /usr
	find "$tree/usr/share/man" -type f -exec gzip -9n {} +
	doc=$tree/usr/share/doc/coracle
	mv "$doc/LICENSE" "$doc/copyright"
	gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
	architecture=$(dpkg --print-architecture)
	mkdir "$tree/DEBIAN"
	fill packaging/deb/control "VERSION=$version" "ARCHITECTURE=$architecture" \
		"SIZE=$(du -sk "$tree/usr" | cut -f1)" >"$tree/DEBIAN/control"
	for script in postinst postrm; do
		put 0755 "packaging/deb/$script" "$tree/DEBIAN/$script"
	done
	(cd "$tree" && find usr -type f -exec md5sum {} + | LC_ALL=C sort -k 2 >DEBIAN/md5sums)
	dpkg-deb --root-owner-group --build "$tree" "$output/coracle_${version}_$architecture.deb"
}

rpm() {
	put_all "$binary" "$tree" /usr
	files=$(installed_files | while read -r _ _ target; do printf '/usr/%s*\\n' "$target"; done)
	fill packaging/rpm/coracle.spec "VERSION=$version" "ARCHITECTURE=$machine" "TREE=$tree" "FILES=$files" \
		>"$scratch/coracle.spec"
	rpmbuild -bb --quiet --define "_topdir $scratch/rpm" --define "_rpmdir $output" --define "_build_id_links none" \
		--define "_binary_payload w${CORACLE_COMPRESSION:-9}.gzdio" \
		--define "_rpmfilename coracle-$version-1.$machine.rpm" "$scratch/coracle.spec"
}

tarball() {
	name=coracle-$version-$machine-linux
	put_all "$binary" "$tree" "/$name"
	# Whoever unpacks it decides where it is: of what is on PATH.
	for unit in "$tree/$name"/share/systemd/user/*.service; do
		sed -i 's|^ExecStart=.*/bin/coracle|ExecStart=coracle|' "$unit"
	done
	cp packaging/apparmor/coracle "$tree/$name/share/coracle/apparmor/coracle"
	cp README.md CHANGELOG.md "$tree/$name/share/doc/coracle/"
	tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "$name" |
		gzip -n "-${CORACLE_COMPRESSION:-9}" >"$output/$name.tar.gz"
	(cd "$output" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
}

case $kind in
deb | rpm | tarball) "$kind" ;;
*)
	usage >&2
	exit 1
	;;
esac
