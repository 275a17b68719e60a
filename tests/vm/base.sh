# What the scripts of the guest share; each begins with ". /job/base.sh".
set -eu
[ -x "$HOME/coracle" ] || cp /job/coracle "$HOME/coracle"
PATH=$HOME:$PATH
failed=0

check() { # WHAT WANT GOT
	if [ "$2" = "$3" ]; then
		echo "ok: $1"
	else
		echo "FAILED: $1: wanted '$2', got '$3'"
		failed=1
	fi
}
contains() { # WHAT PART TEXT
	case $3 in
	*"$2"*) echo "ok: $1" ;;
	*)
		echo "FAILED: $1: no '$2' in '$3'"
		failed=1
		;;
	esac
}
quiet() { coracle "$@" >/dev/null; }
# await COMMAND...: until it succeeds; what never does fails where its result is looked at.
await() {
	for _ in $(seq 300); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.2
	done
}
# gone WHAT DIRECTORY: no groups are left beneath. systemd takes a scope away a moment after its last process, and a
# process whose own scope has gone ends in a group that it cannot take away.
gone() {
	for _ in $(seq 100); do
		left=$(find "$2" -name 'coracle-*' ! -name coracle-ended 2>/dev/null || true)
		[ -n "$left" ] || break
		sleep 0.2
	done
	check "$1" "" "$left"
}
# The path of a container's control group on the host.
group() { echo "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(coracle inspect -f '{{.State.Pid}}' "$1")/cgroup")"; }

# take PROGRAM ROOT: puts a program into a tree, with the libraries that it needs.
take() {
	for file in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$2$(dirname "$file")"
		cp -Ln "$file" "$2$file"
	done
}

# The image "box": busybox, and what programs of a unit use.
make_box() {
	root=$HOME/root
	for directory in bin proc sys dev etc tmp; do mkdir -p "$root/$directory"; done
	cp /usr/bin/busybox "$root/bin/"
	for name in sh cat sleep head true touch test env; do ln -s busybox "$root/bin/$name"; done
	for program in "$@"; do take "$program" "$root"; done
	tar -C "$root" -c . >"$HOME/root.tar"
	quiet import "$HOME/root.tar" box
}
