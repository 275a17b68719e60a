#!/bin/sh
# Runs every test, as an unprivileged user. Run by root it first installs what the tests need and makes
# that user; run by an ordinary user it tests as that user. Arguments go to the test programs:
#     sh tests/run.sh pull::            only the tests of pull.rs
#     CORACLE_STORAGE_DRIVER=vfs sh tests/run.sh run::    with containers made by that driver
set -eu

user=${CORACLE_TEST_USER:-coracle-test}
state=/var/tmp/coracle-tests

say() { printf '%s\n' "=> $*"; }
die() {
	printf '%s\n' "error: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

as_root() {
	if is_root; then
		"$@"
	else
		have sudo || die "this needs root, and there is no sudo. As root: $*"
		say "sudo $*"
		sudo "$@"
	fi
}

# --- What the tests need ----------------------------------------------------------------------------

# The witnesses and servers of the tests, by command, with Debian's package for each.
missing_packages() {
	while read -r tool package; do
		have "$tool" || [ -x "/usr/sbin/$tool" ] || echo "$package"
	done <<'TOOLS'
cc gcc
docker-registry docker-registry
htpasswd apache2-utils
skopeo skopeo
podman podman
buildah buildah
git git
crun crun
newuidmap uidmap
slirp4netns slirp4netns
pasta passt
fuse-overlayfs fuse-overlayfs
busybox busybox-static
mmdebstrap mmdebstrap
openssl openssl
xz xz-utils
sshd openssh-server
ssh openssh-client
umoci umoci
bzip2 bzip2
ip iproute2
qemu-aarch64-static qemu-user-static
setpriv util-linux
zsh zsh
fish fish
rpmbuild rpm
apparmor_parser apparmor
ssh-agent openssh-client
TOOLS
	busybox_is_static || echo busybox-static
}

# The dynamic busybox package is of no use inside a container that has no libraries.
busybox_is_static() {
	have busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1
}

install_packages() {
	packages=$(missing_packages | sort -u | tr '\n' ' ')
	[ -n "$packages" ] || return 0
	have apt-get || die "the tests need these programs, and only apt is known to this script: $packages"
	say "installing: $packages"
	as_root apt-get update -qq || say "apt-get update did not succeed; going on with what is known"
	# shellcheck disable=SC2086 # a list of package names
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
}

# Containers and minimal images leave these devices to root alone; everywhere else they are for everybody.
open_devices() {
	[ -c /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; } || true
	[ -c /dev/fuse ] || mknod /dev/fuse c 10 229 || true
	for device in /dev/net/tun /dev/fuse; do
		[ ! -c "$device" ] || chmod 0666 "$device"
	done
}

make_user() {
	if ! id "$user" >/dev/null 2>&1; then
		say "making the user $user"
		useradd --create-home --shell /bin/sh "$user"
	fi
	sh packaging/install.sh --subids "$user"
}

# --- Where the tests run ----------------------------------------------------------------------------

find_cargo() {
	have cargo || PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
	export PATH
	have cargo || die "there is no cargo. See packaging/install.sh, which says how to install it"
}

readable_by_user() {
	setpriv --reuid "$user" --regid "$user" --init-groups test -r "$1/Cargo.toml" 2>/dev/null
}

# A checkout in root's home is closed to the user, so the tests then run from a copy.
enter_readable_tree() {
	readable_by_user "$PWD" && return
	tree=$state/tree
	say "$user cannot read $PWD: testing a copy in $tree"
	mkdir -p "$tree"
	find "$tree" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
	tar -c --exclude=./target --exclude=./.git . | tar -x --no-same-owner -C "$tree"
	cd "$tree"
	export CARGO_TARGET_DIR="$tree/target"
}

# --- Fixtures ---------------------------------------------------------------------------------------

suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# make_debian NAME PACKAGES: a minimal Debian, the one image with a real C library, passwd database, set-user-id
# programs and file capabilities. mmdebstrap takes the mirrors from apt's own configuration.
make_debian() {
	debian=$fixtures/$1.tar
	[ ! -s "$debian" ] || return 0
	if ! have apt-get; then
		say "no apt here: tests of a Debian root will be skipped"
		return 0
	fi
	say "making a Debian root with ${2:-nothing more} (once)"
	mode=unshare
	! is_root || mode=root
	sources=$(mktemp -d)
	cp /etc/apt/sources.list.d/debian.sources "$sources/" 2>/dev/null || true
	grep -hs '^deb .*debian' /etc/apt/sources.list >"$sources/debian.list" || true
	cat "$sources"/* | mmdebstrap --quiet --mode="$mode" --variant=minbase --format=tar ${2:+--include="$2"} \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--aptopt='Apt::Install-Recommends "false"' \
		"$(suite)" "$debian.new" - || rm -f "$debian.new"
	rm -rf "$sources"
	if [ -s "$debian.new" ]; then
		mv "$debian.new" "$debian"
	else
		say "no Debian root could be made: tests that need it will be skipped"
	fi
}

# A program of another machine, for the tests of emulation.
make_foreign() {
	[ ! -s "$fixtures/busybox.arm64" ] || return 0
	have mmdebstrap && have apt-get || return 0
	extracted=$(mktemp -d)
	if mmdebstrap --quiet --variant=extract --architectures=arm64 --include=busybox-static "$(suite)" "$extracted/tree"; then
		install -m 0755 "$extracted/tree/bin/busybox" "$fixtures/busybox.arm64"
	else
		say "no program for arm64 could be had: tests of emulation will be skipped"
	fi
	rm -rf "$extracted"
}

# A small machine with systemd and control groups of version 2, for tests/guest.rs; made by root alone, from packages.
make_guest() {
	guest=$fixtures/guest
	[ ! -e "$guest/disk.raw" ] || return 0
	if ! is_root || ! have apt-get || [ "$(uname -m)" != x86_64 ]; then
		say "no guest can be made here (it takes root, apt and an x86_64): its tests will be skipped"
		return 0
	fi
	say "making the guest (once, some minutes)"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends patchelf e2fsprogs || true
	sh tests/vm/build.sh "$guest" || {
		rm -rf "$guest"
		say "no guest could be made: its tests will be skipped"
	}
}

# The program that looks around inside a container, static so that it runs in any image.
make_probe() {
	probe=$fixtures/probe
	[ -z "$(find "$probe" -newer tests/support/probe.rs 2>/dev/null)" ] || return 0
	rustc --edition 2024 -C opt-level=s -C panic=abort -C strip=symbols \
		-C target-feature=+crt-static --target "$triple" -o "$probe.new" tests/support/probe.rs
	chmod 0755 "$probe.new"
	mv "$probe.new" "$probe"
}

# --- The whole --------------------------------------------------------------------------------------

umask 022
cd "$(dirname "$0")/.."
find_cargo
install_packages
if is_root; then
	mkdir -p "$state"
	open_devices
	make_user
	enter_readable_tree
fi
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
fixtures=$CARGO_TARGET_DIR/fixtures
export CORACLE_TEST_FIXTURES="$fixtures"
triple=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$fixtures"
make_debian debian ""
make_debian services postgresql,nginx-light
make_foreign
make_guest
make_probe
if is_root; then
	# cargo builds as root and hands each test program to this runner, which drops to the user.
	home=$(getent passwd "$user" | cut -d: -f6)
	run=$state/run-$user
	install -d -o "$user" -g "$user" -m 0700 "$run"
	export CORACLE_TEST_USER="$user" CORACLE_TEST_HOME="$home" CORACLE_TEST_RUN="$run"
	set -- --config "target.$triple.runner=['sh', '$PWD/tests/as-user.sh']" -- "$@"
else
	say "testing as $(id -un)"
	set -- -- "$@"
fi
# Who starts this in the background of a shell has these ignored, and so would every program of the tests.
heard=
! env --default-signal=INT,QUIT true 2>/dev/null || heard="env --default-signal=INT,QUIT"
# shellcheck disable=SC2086 # nothing, or a command
exec $heard cargo test --locked --no-fail-fast --lib --bins --tests "$@"
