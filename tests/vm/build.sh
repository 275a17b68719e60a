#!/bin/sh
# Makes the guest: a Debian with systemd, control groups of version 2 and an unprivileged user, and a kernel that runs as
# a plain program (User-Mode Linux), from Debian's packages.
#     sh tests/vm/build.sh DIRECTORY
# Needs root, apt, mmdebstrap, mke2fs and patchelf; nothing is mounted or installed on the host.
set -eu

suite=trixie
# The first release that has user-mode-linux for a kernel of today.
kernel_suite=forky
packages="systemd systemd-sysv dbus dbus-user-session libpam-systemd procps kmod sudo busybox-static \
uidmap slirp4netns apparmor podman crun conmon"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
directory=$PWD
[ ! -e disk.raw ] || exit 0
rm -rf rootfs kernel
list() { echo "$*" | tr -s ' ' ','; }

# A mirror may serve an older snapshot, whose indexes have formally expired.
apt='Acquire::Check-Valid-Until "false"'
mmdebstrap --quiet --mode=root --variant=minbase --skip=output/dev --aptopt="$apt" \
	--include="$(list $packages)" --customize-hook="sh '$here/customize.sh' \"\$1\"" "$suite" rootfs

# The kernel comes with the C library of its own release: the host's may be older.
mmdebstrap --quiet --mode=root --variant=extract --aptopt="$apt" --include=user-mode-linux "$kernel_suite" kernel
cp kernel/usr/bin/linux.uml kernel/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 \
	kernel/usr/lib/x86_64-linux-gnu/libc.so.6 .
patchelf --set-interpreter "$directory/ld-linux-x86-64.so.2" --set-rpath "$directory" linux.uml
mkdir -p rootfs/lib/modules
mv kernel/usr/lib/uml/modules/* rootfs/lib/modules/
chroot rootfs depmod "$(./linux.uml --version)"

mke2fs -q -t ext4 -L root -O ^has_journal -E root_owner=0:0 -d rootfs disk.new 4G
chmod 0444 disk.new
mv disk.new disk.raw
rm -rf rootfs kernel
