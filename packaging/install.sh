#!/bin/sh
# Installs coracle from this source tree: prerequisites, build, files, subordinate ids, a first container.
# Run it again at any time: what is already in place is left alone.
set -eu

usage() {
	cat <<'USAGE'
Usage: sh packaging/install.sh [--prefix DIR]
       sh packaging/install.sh --subids USER

Installs what coracle needs with the package manager of this distribution (apt, dnf, pacman, zypper or
apk; only what is missing), builds a static release binary, installs it with its man pages, shell
completions and user unit, makes sure that the user has subordinate ids, and runs a first container.

      --prefix DIR   install under DIR (default: /usr/local as root, ~/.local otherwise)
      --subids USER  only make sure that USER has subordinate ids
  -h, --help         show this text

As an ordinary user only missing packages and subordinate ids need sudo; each such command is shown.
USAGE
}

say() { printf '%s\n' "=> $*"; }
warn() { printf '%s\n' "warning: $*" >&2; }
die() {
	printf '%s\n' "error: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# Runs a command as root and shows it first, since it changes more than the prefix.
as_root() {
	if is_root; then
		say "$*"
		"$@"
	elif have sudo; then
		say "sudo $*"
		sudo "$@"
	else
		die "this needs root, and there is no sudo. As root: $*"
	fi
}

# --- Prerequisites ----------------------------------------------------------------------------------

package_manager() {
	for tool in apt-get dnf pacman zypper apk; do
		if have "$tool"; then
			echo "$tool"
			return
		fi
	done
	echo none
}

# The package that holds a prerequisite: package_of MANAGER PREREQUISITE.
package_of() {
	case "$1:$2" in
	apt-get:compiler) echo "gcc libc6-dev" ;;
	dnf:compiler) echo "gcc glibc-devel glibc-static" ;;
	pacman:compiler) echo "gcc" ;;
	zypper:compiler) echo "gcc glibc-devel-static" ;;
	apk:compiler) echo "gcc musl-dev" ;;
	apt-get:newuidmap) echo "uidmap" ;;
	dnf:newuidmap) echo "shadow-utils" ;;
	pacman:newuidmap | zypper:newuidmap) echo "shadow" ;;
	apk:newuidmap) echo "shadow-uidmap" ;;
	*) echo "$2" ;;
	esac
}

# Links statically, as the build will: the headers and the static C library count, not only the compiler.
can_link_static() {
	have cc || return 1
	scratch=$(mktemp -d)
	printf 'int main(void) { return 0; }\n' >"$scratch/probe.c"
	status=0
	cc -static -o "$scratch/probe" "$scratch/probe.c" 2>/dev/null || status=1
	rm -rf "$scratch"
	return "$status"
}

# Whether the kernel mounts overlay inside a user namespace (Linux 5.11): tried, not guessed. Where no
# namespace can be made at all, fuse-overlayfs would not help either.
kernel_overlay() {
	have unshare || return 0
	unshare --user --map-root-user --mount true 2>/dev/null || return 0
	scratch=$(mktemp -d)
	mkdir "$scratch/lower" "$scratch/upper" "$scratch/work" "$scratch/merged"
	status=0
	# shellcheck disable=SC2016 # the inner shell expands $1
	unshare --user --map-root-user --mount sh -c '
		cd "$1" && mount -t overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work none merged
	' sh "$scratch" 2>/dev/null || status=1
	rm -rf "$scratch"
	return "$status"
}

missing_prerequisites() {
	can_link_static || echo compiler
	have newuidmap && have newgidmap || echo newuidmap
	have slirp4netns || echo slirp4netns
	kernel_overlay || have fuse-overlayfs || echo fuse-overlayfs
}

install_packages() {
	manager=$1
	shift
	case "$manager" in
	apt-get)
		as_root apt-get update -qq || warn "apt-get update did not succeed; going on with what is known"
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
		;;
	dnf) as_root dnf install -y "$@" ;;
	pacman) as_root pacman -S --needed --noconfirm "$@" ;;
	zypper) as_root zypper --non-interactive install --no-recommends "$@" ;;
	apk) as_root apk add "$@" ;;
	*) die "no known package manager here; install these yourself and run this again: $*" ;;
	esac
}

install_prerequisites() {
	missing=$(missing_prerequisites)
	if [ -z "$missing" ]; then
		say "prerequisites are installed"
		return
	fi
	manager=$(package_manager)
	packages=
	for name in $missing; do
		packages="$packages $(package_of "$manager" "$name")"
	done
	say "installing:$packages"
	# shellcheck disable=SC2086 # a list of package names
	install_packages "$manager" $packages
	still=$(missing_prerequisites)
	[ -z "$still" ] || die "still missing after the installation: $(echo "$still" | tr '\n' ' ')"
}

# --- Build ------------------------------------------------------------------------------------------

# Under sudo the build belongs to the user who asked: their toolchain, and no files of root in their tree.
builder() {
	if is_root && [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then
		echo "$SUDO_USER"
	else
		id -un
	fi
}

home_of() { getent passwd "$1" 2>/dev/null | cut -d: -f6; }

as_builder() {
	if [ "$(builder)" = "$(id -un)" ]; then
		"$@"
	else
		sudo -H -u "$(builder)" env "PATH=$PATH" "$@"
	fi
}

minimum_rust() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# at_least HAVE WANT, both MAJOR.MINOR[.PATCH].
at_least() {
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

rust_is_enough() {
	have cargo && have rustc || return 1
	at_least "$(as_builder rustc --version | cut -d' ' -f2 | cut -d- -f1)" "$(minimum_rust)"
}

install_rust() {
	home=$(home_of "$(builder)")
	PATH="$PATH:${CARGO_HOME:-${home:-$HOME}/.cargo}/bin"
	export PATH
	rust_is_enough && return
	case "$(package_manager)" in
	pacman) as_root pacman -S --needed --noconfirm rust ;;
	dnf) as_root dnf install -y cargo ;;
	apk) as_root apk add cargo ;;
	zypper) as_root zypper --non-interactive install --no-recommends cargo ;;
	apt-get)
		# Debian 13 and Ubuntu 24.04 have rustup; the cargo of older releases is too old.
		if apt-cache show rustup >/dev/null 2>&1; then
			as_root apt-get install -y --no-install-recommends rustup
			as_builder rustup default stable
		fi
		;;
	esac
	rust_is_enough || die "Rust $(minimum_rust) or newer is needed. This installs it, then run this again:
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
}

build() {
	triple=$(as_builder rustc -vV | sed -n 's/^host: //p')
	say "building a static release binary for $triple (some minutes the first time)"
	# Without an explicit --target the flags would reach procedural macros, which cannot be static. At a fixed
	# address nothing is relocated: that is time at every start, and 300 kB of every supervisor's own memory.
	as_builder env RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" \
		cargo build --release --locked --target "$triple"
	binary=${CARGO_TARGET_DIR:-target}/$triple/release/coracle
}

# --- Files ------------------------------------------------------------------------------------------

install_files() {
	say "installing into $prefix"
	put_all "$binary" "" "$prefix"
}

# --- AppArmor ---------------------------------------------------------------------------------------

# Ubuntu gives user namespaces only to programs that have a profile.
restricts_namespaces() {
	[ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]
}

install_profile() {
	restricts_namespaces || return 0
	as_root install -m 0644 "$prefix/share/coracle/apparmor/coracle" /etc/apparmor.d/coracle
	as_root apparmor_parser -r /etc/apparmor.d/coracle
}

# --- Subordinate ids --------------------------------------------------------------------------------

# has_range FILE USER: by name or by number, as newuidmap reads it.
has_range() {
	[ -r "$1" ] && grep -Eq "^($2|$(id -u "$2")):[0-9]+:[1-9]" "$1"
}

# The first of 65536 ids that no line of either file reaches.
free_range() {
	cat /etc/subuid /etc/subgid 2>/dev/null | awk -F: '
		BEGIN { free = 100000 }
		NF == 3 && $2 + $3 > free { free = $2 + $3 }
		END { printf "%d\n", free }'
}

# Without shadow's usermod (Alpine) the files are written directly; they hold nothing but such lines.
add_range() {
	first=$(free_range)
	last=$((first + 65535))
	if have usermod; then
		as_root usermod --add-subuids "$first-$last" --add-subgids "$first-$last" "$1"
	else
		as_root sh -c "echo '$1:$first:65536' | tee -a /etc/subuid >>/etc/subgid"
	fi
}

ensure_subids() {
	user=$1
	if has_range /etc/subuid "$user" && has_range /etc/subgid "$user"; then
		say "$user has subordinate ids"
		return
	fi
	if is_root; then
		add_range "$user"
		return
	fi
	first=$(free_range)
	line="sudo usermod --add-subuids $first-$((first + 65535)) --add-subgids $first-$((first + 65535)) $user"
	say "$user has no subordinate ids, so only user 0 would exist in containers. This adds some:"
	printf '    %s\n' "$line"
	if [ -t 0 ] && have sudo; then
		printf 'Run it now? [y/N] '
		read -r answer || answer=
		case "$answer" in
		[yY]*) add_range "$user" ;;
		esac
	fi
}

# --- The whole --------------------------------------------------------------------------------------

warn_about_path() {
	case ":$PATH:" in
	*":$prefix/bin:"*) ;;
	*) warn "$prefix/bin is not on PATH. For this shell: export PATH=\"$prefix/bin:\$PATH\"" ;;
	esac
}

prefix=
subids_only=
while [ $# -gt 0 ]; do
	case "$1" in
	--prefix)
		[ $# -ge 2 ] || die "--prefix needs a directory"
		prefix=$2
		shift
		;;
	--prefix=*) prefix=${1#--prefix=} ;;
	--subids)
		[ $# -ge 2 ] || die "--subids needs a user"
		subids_only=$2
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		die "unknown argument: $1"
		;;
	esac
	shift
done

if [ -n "$subids_only" ]; then
	ensure_subids "$subids_only"
	exit 0
fi

if [ -z "$prefix" ]; then
	if is_root; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
cd "$(dirname "$0")/.."
. packaging/files.sh

install_prerequisites
install_rust
build
install_files
install_profile
if is_root; then ensure_subids "${SUDO_USER:-root}"; else ensure_subids "$(id -un)"; fi
warn_about_path
say "$prefix/bin/coracle run --rm builtin:hello"
"$prefix/bin/coracle" run --rm builtin:hello
