#!/bin/sh
# Measures coracle against what is installed beside it, each pair in alternating rounds of one run, as an
# unprivileged user, and prints one table. Nothing is asserted: a machine that is busy says so in its figures.
set -eu

user=${CORACLE_TEST_USER:-coracle-test}
cache=/var/tmp/coracle-bench
rounds=5
all_rows="start parallel many exec ps memory wakeups logs copy keep-id images pull pull-memory push load build build-cold build-copy bridge throughput crowd connections"

usage() {
	cat <<'USAGE'
Usage: sh tests/bench/run.sh [--rounds N] [ROW...]

Rows:
  start   run --rm --network none IMAGE true, against bwrap, crun and podman
  parallel  32 times run --rm --network none IMAGE true at once, against podman
  many    ps while 800 containers are started, 32 at a time: its median, and its worst
  exec    exec C true, against bwrap and podman
  ps      ps -a with 0, 100 and 1,000 containers, against podman with 0 and 100; with 1,000 also inspect of one,
          and run --rm against the same in a store with none
  memory  resident memory of our processes per detached container, 10 running, against podman's conmon
  wakeups  context switches of 10 supervisors whose containers are quiet, in 5 seconds
  logs    logs of 1 GB against cat of its file
  copy    cp of a tree of 1 GB out of a container against cp -a
  keep-id  the first start of an image of many files under --userns keep-id, against podman
  pull    an image of about 500 MB in 4 gzip layers from a registry on loopback, against
          curl | gunzip | tar x of the same layers side by side, and against podman
  pull-memory  the largest memory of a process that pulls that image
  push    that image to an empty registry on loopback, against podman
  images  images with 500 of them
  load    a docker archive of the same image, its layers not compressed, against podman
  build   a Dockerfile of 20 steps that are all cached, and 20 times RUN true without a cache, against podman;
          four stages that do not depend on each other against one of them
  build-cold  a Debian root, a compiler from packages at hand, a program in C, its copy to a second stage; against podman
  build-copy  COPY of 1 GB in 20,000 files, against cp -a and a checksum of the same
  bridge  run --rm IMAGE true on the default network, with the network helper running and without, against
          --network none and podman with its default network
  throughput  iperf3 to a published port against podman's and no relay, between containers against a plain pair of
          interfaces, and to this host against slirp4netns alone
  crowd   200 containers on one network: the last starts against the first, and memory
  connections  10,000 connections through a published port, against none between and podman

Without a row all of them are measured. CORACLE names the binary; otherwise a release build of this tree is
taken, then the coracle on PATH.
USAGE
}

say() { printf '%s\n' "=> $*" >&2; }
die() {
	printf '%s\n' "error: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

rows=
while [ $# -gt 0 ]; do
	case "$1" in
	--rounds)
		[ $# -ge 2 ] || die "--rounds needs a number"
		rounds=$2
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	start | parallel | many | exec | ps | memory | wakeups | logs | copy | keep-id | images | pull | pull-memory | push | load | build | build-cold | build-copy | bridge | throughput | crowd | connections)
		rows="$rows $1"
		;;
	*) die "unknown row: $1 (see --help)" ;;
	esac
	shift
done
rows=${rows:-$all_rows}

# --- As root: tools, a user, and then the same script again as that user ------------------------------

install_tools() {
	missing=
	while read -r tool package; do
		have "$tool" || [ -x "/usr/sbin/$tool" ] || missing="$missing $package"
	done <<'TOOLS'
hyperfine hyperfine
jq jq
bwrap bubblewrap
crun crun
runc runc
podman podman
skopeo skopeo
docker-registry docker-registry
curl curl
busybox busybox-static
newuidmap uidmap
time time
iperf3 iperf3
ab apache2-utils
slirp4netns slirp4netns
TOOLS
	[ -n "$missing" ] || return 0
	have apt-get || die "install these first: $missing"
	say "installing:$missing"
	# shellcheck disable=SC2086 # a list of package names
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

find_binary() {
	for candidate in "${CORACLE:-}" "$tree"/target/*-linux-*/release/coracle "$tree/target/release/coracle" \
		"$(command -v coracle || true)"; do
		if [ -x "$candidate" ]; then
			echo "$candidate"
			return
		fi
	done
}

tree=$(cd "$(dirname "$0")/../.." && pwd)
binary=$(find_binary)
[ -n "$binary" ] || die "there is no release build; sh packaging/install.sh makes one, or set CORACLE"

if is_root; then
	install_tools
	if ! id "$user" >/dev/null 2>&1; then useradd --create-home --shell /bin/sh "$user"; fi
	sh "$tree/packaging/install.sh" --subids "$user" >&2
	install -d -o "$user" -g "$user" -m 0700 "$cache"
	# The user may not be able to look into this tree.
	install -m 0755 "$binary" "$cache/coracle"
	install -m 0755 "$0" "$cache/run.sh"
	install -m 0644 "$tree/tests/bench/network.sh" "$cache/network.sh"
	debian=$tree/target/fixtures/debian.tar
	[ ! -s "$debian" ] || install -m 0644 "$debian" "$cache/debian.tar"
	# shellcheck disable=SC2086 # a list of rows
	exec setpriv --reuid "$user" --regid "$user" --init-groups env -i PATH="$PATH" \
		HOME="$(getent passwd "$user" | cut -d: -f6)" CORACLE="$cache/coracle" LANG=C.UTF-8 TZ=UTC \
		sh "$cache/run.sh" --rounds "$rounds" $rows
fi

# --- As the user --------------------------------------------------------------------------------------

for tool in hyperfine jq busybox; do
	have "$tool" || die "$tool is not installed; run this once as root, or install it"
done
PATH="$PATH:/usr/sbin:/sbin"
mkdir -p "$cache"
# Lower case: podman makes an image's name of it.
work=/var/tmp/coracle-bench.$$
mkdir -m 0700 "$work" "$work/home" "$work/times"
# In memory, as that of a login is.
run=$(mktemp -d /dev/shm/coracle-bench.XXXXXX 2>/dev/null) || { run=$work/run && mkdir -m 0700 "$run"; }
export HOME="$work/home" XDG_RUNTIME_DIR="$run"
# With backtraces every error costs milliseconds, an absent settings file too.
unset XDG_DATA_HOME XDG_CONFIG_HOME CORACLE_ROOT CORACLE_RUNROOT RUST_BACKTRACE
registry_pid=

cleanup() {
	status=$?
	[ -z "$registry_pid" ] || kill "$registry_pid" 2>/dev/null || true
	"$binary" ps -a -q 2>/dev/null | xargs -r "$binary" rm -f >/dev/null 2>&1 || true
	if have podman; then
		podman_ rm -fa >/dev/null 2>&1 || true
		pause=$XDG_RUNTIME_DIR/libpod/tmp/pause.pid
		[ ! -s "$pause" ] || kill "$(cat "$pause")" 2>/dev/null || true
	fi
	unshare --map-root-user --map-auto rm -rf "$work" "$run" 2>/dev/null || rm -rf "$work" "$run" 2>/dev/null || true
	exit "$status"
}
trap cleanup EXIT INT TERM

# podman of Debian 12 needs runc where version 1 of control groups is mounted beside version 2.
podman_flags="--root $work/podman --runroot $run/podman --cgroup-manager cgroupfs"
[ -e /sys/fs/cgroup/cgroup.controllers ] || podman_flags="$podman_flags --runtime runc"
# What it has on a desktop: without a setting it takes vfs on some hosts, which copies every layer.
overlay="--storage-driver overlay"
# shellcheck disable=SC2086 # lists of flags
! have podman || ! podman $podman_flags $overlay info >/dev/null 2>&1 || podman_flags="$podman_flags $overlay"
podman_() {
	# shellcheck disable=SC2086 # a list of flags
	podman $podman_flags "$@"
}

header() {
	printf '%-44s %10s   %-12s %10s   %7s   %s\n' work coracle peer "" ratio limit
}

# row WORK COMMAND_MS PEER PEER_MS LIMIT
row() {
	printf '%s\t%s\t%s\t%s\t%s\n' "$@" | awk -F '\t' '{
		unit = $1 ~ /memory/ ? "kB" : $1 ~ /wake-ups|Gbit|connections/ ? "" : "ms"
		if ($4 == "") printf "%-44s %7.1f %s   %-12s %10s   %7s   %s\n", $1, $2, unit, "", "", "", $5
		else printf "%-44s %7.1f %s   %-12s %7.1f %s   %7.2f   %s\n", $1, $2, unit, $3, $4, unit, $2 / $4, $5
	}'
}

# alternate NAME RUNS [LABEL COMMAND PREPARE]...: in every round each command in turn.
alternate() {
	name=$1
	runs=$2
	shift 2
	round=1
	while [ "$round" -le "$rounds" ]; do
		index=0
		for argument in "$@"; do
			case $((index % 3)) in
			0) label=$argument ;;
			1) command=$argument ;;
			2)
				hyperfine --shell=none --style=none --warmup "$([ "$runs" -gt 1 ] && echo 2 || echo 0)" \
					--runs "$runs" ${argument:+--prepare "$argument"} \
					--export-json "$work/times/$name.$label.$round.json" "$command" >/dev/null 2>"$work/error" ||
					{ cat "$work/error" >&2; say "$name: $label did not work: $command"; }
				;;
			esac
			index=$((index + 1))
		done
		round=$((round + 1))
	done
}

# The median of all rounds, in milliseconds; nothing if it could not be measured.
median() {
	find "$work/times" -name "$1.$2.*.json" -size +0 -exec cat {} + |
		jq -s -r '[.[].results[].times[]] | sort | if length == 0 then "" else .[(length / 2 | floor)] * 1000 end'
}

# compare WORK NAME LIMIT PEER...: one line of the table for each peer that could be measured.
compare() {
	work_text=$1
	name=$2
	limit=$3
	shift 3
	own=$(median "$name" coracle)
	[ -n "$own" ] || { say "$name: no figure for coracle"; return 0; }
	for peer in "$@"; do
		other=$(median "$name" "$peer")
		[ -z "$other" ] || row "$work_text" "$own" "$peer" "$other" "$limit"
		limit=
	done
	[ $# -gt 0 ] || row "$work_text" "$own" "" "" "$limit"
}

digest_of() { sha256sum "$1" | cut -d' ' -f1; }

# add_blob LAYOUT FILE: moves a file to its place and says its digest.
add_blob() {
	digest=$(digest_of "$2")
	mkdir -p "$1/blobs/sha256"
	mv "$2" "$1/blobs/sha256/$digest"
	echo "$digest"
}

# finish_layout LAYOUT DIFF_IDS LAYERS: configuration, manifest and index, from two JSON arrays.
finish_layout() {
	case "$(uname -m)" in
	x86_64) architecture=amd64 ;;
	aarch64) architecture=arm64 ;;
	*) architecture=$(uname -m) ;;
	esac
	jq -n -c --arg architecture "$architecture" --argjson ids "$2" \
		'($ids | map({created: "2024-01-01T00:00:00Z", created_by: "bench"})) as $history | {created: "2024-01-01T00:00:00Z", architecture: $architecture, os: "linux",
		  config: {Cmd: ["true"], Env: ["PATH=/bin"]}, rootfs: {type: "layers", diff_ids: $ids}, history: $history}' >"$1/config"
	size=$(wc -c <"$1/config")
	config=$(add_blob "$1" "$1/config")
	jq -n -c --arg config "sha256:$config" --argjson size "$size" --argjson layers "$3" \
		'{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
		  config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $size},
		  layers: $layers}' >"$1/manifest"
	size=$(wc -c <"$1/manifest")
	manifest=$(add_blob "$1" "$1/manifest")
	jq -n -c --arg manifest "sha256:$manifest" --argjson size "$size" \
		'{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json",
		  digest: $manifest, size: $size, annotations: {"org.opencontainers.image.ref.name": "latest"}}]}' \
		>"$1/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
}

# descriptor DIGEST SIZE, of a gzip layer.
descriptor() {
	jq -n -c --arg digest "sha256:$1" --argjson size "$2" \
		'{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $digest, size: $size}'
}

# An image of busybox alone, and the same files as a directory for bwrap and crun.
make_small_image() {
	layout=$work/small
	rootfs=$work/rootfs
	mkdir -p "$layout" "$rootfs/bin" "$rootfs/proc" "$rootfs/dev" "$rootfs/sys" "$rootfs/tmp" "$rootfs/etc"
	cp "$(command -v busybox)" "$rootfs/bin/busybox"
	for applet in sh true sleep cat; do ln -sf busybox "$rootfs/bin/$applet"; done
	tar -C "$rootfs" --owner=0 --group=0 --numeric-owner -cf "$layout/layer" .
	id=$(digest_of "$layout/layer")
	gzip -n "$layout/layer"
	size=$(wc -c <"$layout/layer.gz")
	layer=$(add_blob "$layout" "$layout/layer.gz")
	finish_layout "$layout" "[\"sha256:$id\"]" "[$(descriptor "$layer" "$size")]"
	"$binary" pull -q "oci:$layout:latest" >/dev/null
	"$binary" tag "$("$binary" images -q | head -n 1)" bench
	if have podman; then
		if podman_ pull -q "oci:$layout:latest" >"$work/podman-id" 2>"$work/error"; then
			podman_ tag "$(cat "$work/podman-id")" localhost/bench
		else
			say "podman does not work here: $(tail -n 1 "$work/error")"
			podman_works=no
		fi
	fi
}

small_image_made=no
podman_works=yes
have podman || podman_works=no
need_small_image() {
	[ "$small_image_made" = yes ] || make_small_image
	small_image_made=yes
}

bwrap_true="bwrap --unshare-all --ro-bind $work/rootfs / --proc /proc --dev /dev --tmpfs /tmp true"

# crun alone, with the bundle that it writes itself, but for control groups, which it refuses on hybrid hosts.
crun_true() {
	mkdir -p "$work/bundle"
	[ -e "$work/bundle/config.json" ] || (cd "$work/bundle" && crun spec --rootless)
	jq --arg root "$work/rootfs" '.process.args = ["true"] | .process.terminal = false | .root.path = $root
		| .process.env = ["PATH=/bin"] | .root.readonly = true | .mounts |= map(select(.type != "cgroup"))' "$work/bundle/config.json" >"$work/bundle/new"
	mv "$work/bundle/new" "$work/bundle/config.json"
	echo "crun --root $work/crun --cgroup-manager disabled run --bundle $work/bundle bench"
}

row_start() {
	need_small_image
	set -- coracle "$binary run --rm --network none bench true" ""
	! have bwrap || set -- "$@" bwrap "$bwrap_true" ""
	if have crun; then
		crun_command=$(crun_true)
		if $crun_command >"$work/error" 2>&1; then
			set -- "$@" crun "$crun_command" ""
		else
			say "crun does not work here: $(tail -n 1 "$work/error")"
		fi
	fi
	[ "$podman_works" = no ] ||
		set -- "$@" podman "podman $podman_flags run --rm --network none localhost/bench true" ""
	alternate start 20 "$@"
	compare "run --rm --network none IMAGE true" start "<= 2.5 x bwrap" bwrap crun podman
}

row_parallel() {
	need_small_image
	for engine in coracle podman; do
		case "$engine" in
		coracle) command="$binary run --rm --network none bench true" ;;
		podman) command="podman $podman_flags run --rm --network none localhost/bench true" ;;
		esac
		printf '#!/bin/sh\nseq 32 | xargs -P 32 -I{} %s\n' "$command" >"$work/parallel-$engine"
		chmod +x "$work/parallel-$engine"
	done
	set -- coracle "$work/parallel-coracle" ""
	[ "$podman_works" = no ] || set -- "$@" podman "$work/parallel-podman" ""
	kept=$rounds
	[ "$rounds" -le 2 ] || rounds=2
	alternate parallel 1 "$@"
	rounds=$kept
	compare "32 times run --rm at once" parallel "<= 0.1 x podman" podman
}

row_many() {
	need_small_image
	say "starting 800 containers"
	starter="$work/many-starter"
	printf '#!/bin/sh\nseq 800 | xargs -P 32 -I{} %s run -d --network none --name many-{} bench sleep 100000\n' \
		"$binary" >"$starter"
	sh "$starter" >"$work/many-started" 2>"$work/error" &
	started=$!
	: >"$work/many-times"
	while kill -0 "$started" 2>/dev/null; do
		begun=$(date +%s%N)
		"$binary" ps -q >/dev/null
		echo $((($(date +%s%N) - begun) / 1000)) >>"$work/many-times"
		sleep 0.02
	done
	wait "$started" || say "many: not all were started: $(tail -n 1 "$work/error")"
	sort -n "$work/many-times" | awk '{ all[NR] = $1 / 1000 } END { print all[int((NR + 1) / 2)], all[NR] }' >"$work/many-figures"
	read -r median worst <"$work/many-figures"
	row "ps while 800 containers start, the median" "$median" "" "" "<= 50 ms"
	row "the same, the worst of $(wc -l <"$work/many-times")" "$worst" "" "" ""
	"$binary" ps -a -q | xargs -r "$binary" rm -f >/dev/null
}

row_exec() {
	need_small_image
	"$binary" run -d --network none --name bench-exec bench sleep 100000 >/dev/null
	set -- coracle "$binary exec bench-exec true" ""
	! have bwrap || set -- "$@" bwrap "$bwrap_true" ""
	if [ "$podman_works" = yes ]; then
		podman_ run -d --network none --name bench-exec localhost/bench sleep 100000 >/dev/null
		set -- "$@" podman "podman $podman_flags exec bench-exec true" ""
	fi
	alternate exec 20 "$@"
	compare "exec C true" exec "<= 2 x bwrap" bwrap podman
	"$binary" rm -f bench-exec >/dev/null
	[ "$podman_works" = no ] || podman_ rm -f bench-exec >/dev/null
}

row_ps() {
	need_small_image
	made=0
	for count in 0 100 1000; do
		say "making $((count - made)) containers"
		while [ "$made" -lt "$count" ]; do
			"$binary" create bench true >/dev/null
			[ "$podman_works" = no ] || [ "$count" -gt 100 ] || podman_ create localhost/bench true >/dev/null
			made=$((made + 1))
		done
		set -- coracle "$binary ps -a" ""
		if [ "$podman_works" = yes ] && [ "$count" -le 100 ]; then
			set -- "$@" podman "podman $podman_flags ps -a" ""
		fi
		alternate "ps$count" 20 "$@"
		limit=
		[ "$count" -lt 1000 ] || limit="<= 10 ms"
		if [ $# -gt 3 ]; then peers=podman; else peers=; fi
		# shellcheck disable=SC2086 # no peer or one
		compare "ps -a, $count containers" "ps$count" "$limit" $peers
	done
	one=$("$binary" ps -a -q | tail -n 1)
	alternate inspect 20 coracle "$binary inspect $one" ""
	compare "inspect of one of 1,000 containers" inspect "<= 3 ms"
	# The disk has the thousand by then, and both have it for themselves.
	empty="$binary --root $work/empty"
	$empty tag "$($empty pull -q "oci:$work/small:latest")" bench >/dev/null
	sync
	alternate run1000 20 coracle "$binary run --rm --network none bench true" "" \
		"with none" "$empty run --rm --network none bench true" ""
	compare "run --rm with 1,000 containers" run1000 "<= 1.0 x" "with none"
	"$binary" ps -a -q | xargs -r "$binary" rm >/dev/null
	[ "$podman_works" = no ] || podman_ rm -fa >/dev/null
}

# The proportional share, in kB, of all processes of this user whose executable is $1.
pss_of() {
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/exe" 2>/dev/null)" = "$1" ] || continue
		sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "$process/smaps_rollup" 2>/dev/null || true
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

# Context switches, of their own will or not, of all processes of this user whose executable is $1.
switches_of() {
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/exe" 2>/dev/null)" = "$1" ] || continue
		sed -n 's/^[a-z]*voluntary_ctxt_switches:[[:space:]]*//p' "$process/status" 2>/dev/null || true
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

row_wakeups() {
	need_small_image
	for number in 0 1 2 3 4 5 6 7 8 9; do
		"$binary" run -d --network none --name "bench-$number" bench sleep 100000 >/dev/null
	done
	# They give back what only the start needed, once.
	sleep 2
	before=$(switches_of "$(readlink -f "$binary")")
	[ "$before" -gt 0 ] || { say "wakeups: the supervisors could not be read"; return 0; }
	sleep 5
	after=$(switches_of "$(readlink -f "$binary")")
	row "wake-ups of 10 quiet supervisors in 5 s" "$((after - before))" "" "" "0"
	"$binary" ps -a -q | xargs -r "$binary" rm -f >/dev/null
}

row_logs() {
	need_small_image
	say "writing a log of 1 GB"
	"$binary" run --name bench-logs --network none bench \
		sh -c 'busybox yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789 | busybox head -c 1000000000' >/dev/null
	log=$("$binary" inspect --format '{{.LogPath}}' bench-logs)
	if [ -e "$log" ]; then
		printf '#!/bin/sh\nexec %s logs bench-logs >/dev/null\n' "$binary" >"$work/logs"
		printf '#!/bin/sh\nexec cat %s | cat >/dev/null\n' "$log" >"$work/logs-cat"
		chmod +x "$work/logs" "$work/logs-cat"
		alternate logs 1 coracle "$work/logs" "" cat "$work/logs-cat" ""
		compare "logs, $(du -m "$log" | cut -f1) MB on disk" logs "<= 2 x" cat
	else
		say "logs: no log at $log"
	fi
	"$binary" rm bench-logs >/dev/null
}

row_copy() {
	need_small_image
	mkdir -p "$work/tree"
	number=0
	while [ "$number" -lt 1000 ]; do
		head -c 1048576 /dev/urandom >"$work/tree/$number"
		number=$((number + 1))
	done
	id=$("$binary" create --network none -v "$work/tree:/tree" bench true)
	printf '#!/bin/sh\nrm -rf %s/copied %s/copied-a\nsync\n' "$work" "$work" >"$work/forget-copies"
	chmod +x "$work/forget-copies"
	kept=$rounds
	[ "$rounds" -le 3 ] || rounds=3
	alternate copy 1 coracle "$binary cp $id:/tree $work/copied" "$work/forget-copies" \
		cp "cp -a $work/tree $work/copied-a" "$work/forget-copies"
	rounds=$kept
	compare "cp of 1,000 files, 1 GB, out of a container" copy "<= 1.3 x" cp
	"$work/forget-copies"
	rm -rf "$work/tree"
	"$binary" rm "$id" >/dev/null
}

# An image of 100,000 files of 1 kB; made once.
make_many_files() {
	layout=$cache/many-small
	[ ! -e "$layout/index.json" ] || return 0
	say "making an image of 100,000 files (once)"
	rm -rf "$layout" "$work/many"
	mkdir -p "$layout" "$work/many/bin"
	cp "$(command -v busybox)" "$work/many/bin/busybox"
	ln -s busybox "$work/many/bin/true"
	for directory in $(seq 100); do
		mkdir -p "$work/many/files/$directory"
		(cd "$work/many/files/$directory" && head -c 1000000 /dev/urandom | split -b 1000 -d -a 3)
	done
	tar -C "$work/many" --owner=0 --group=0 --numeric-owner -cf "$layout/layer" .
	id=$(digest_of "$layout/layer")
	gzip -n "$layout/layer"
	size=$(wc -c <"$layout/layer.gz")
	layer=$(add_blob "$layout" "$layout/layer.gz")
	finish_layout "$layout" "[\"sha256:$id\"]" "[$(descriptor "$layer" "$size")]"
	rm -rf "$work/many"
}

# For rounds that each have a store of their own, named in $work/store. Nothing is removed in between: ext4 takes its time
# to find an inode where many were freed in the last minutes, and all would be measured by that.
fresh_store="sh $work/fresh"
printf 'mktemp -d %s/store-XXXXXX >%s/store\nsync\n' "$work" "$work" >"$work/fresh"

# podman's flags for $store.
flags_of_store() {
	echo "$podman_flags" | sed "s,--root [^ ]*,--root \$store,; s,--runroot [^ ]*,--runroot \$store-run,"
}

# in_fresh_stores NAME CORACLE PODMAN: scripts with which each does so in the store of the round.
in_fresh_stores() {
	printf '%s --root "$(cat %s)" %s\n' "$binary" "$work/store" "$2" >"$work/$1-coracle"
	printf 'store=$(cat %s)\npodman %s %s\n' "$work/store" "$(flags_of_store)" "$3" >"$work/$1-podman"
}

# Every round is a first start.
row_keep_id() {
	make_many_files
	set -- coracle "sh $work/first-coracle" "sh $work/fresh-coracle"
	in_fresh_stores first "run --rm --network none --userns keep-id many true" \
		"run --rm --network none --userns keep-id localhost/many true"
	cat >"$work/fresh-coracle" <<-FRESH
		mktemp -d "$work/store-XXXXXX" >"$work/store"
		c="$binary --root \$(cat "$work/store")"
		\$c tag "\$(\$c pull -q oci:$cache/many-small:latest)" many >/dev/null
		sync
	FRESH
	if have podman; then
		set -- "$@" podman "sh $work/first-podman" "sh $work/fresh-podman"
		flags=$(flags_of_store)
		cat >"$work/fresh-podman" <<-FRESH
			mktemp -d "$work/podman-XXXXXX" >"$work/store"
			store=\$(cat "$work/store")
			podman $flags tag "\$(podman $flags pull -q oci:$cache/many-small:latest)" localhost/many
			sync
		FRESH
	fi
	kept=$rounds
	[ "$rounds" -le 2 ] || rounds=2
	alternate keep-id 1 "$@"
	rounds=$kept
	compare "first start with keep-id, 100,000 files" keep-id "<= 0.2 x" podman
}

# dockerfile NAME LINE...: a directory with a Dockerfile.
dockerfile() {
	mkdir -p "$work/$1"
	directory=$work/$1
	shift
	printf '%s\n' "$@" >"$directory/Dockerfile"
}

row_build() {
	need_small_image
	flags="--network none"
	steps='FROM localhost/bench'
	for number in $(seq 20); do steps="$steps
RUN echo $number"; done
	dockerfile steps "$steps"
	"$binary" tag bench localhost/bench
	for engine in coracle podman; do
		case "$engine" in
		coracle) build="$binary build -q $flags" ;;
		podman) build="podman $podman_flags build -q --layers $flags" ;;
		esac
		[ "$engine" = coracle ] || [ "$podman_works" = yes ] || continue
		$build -t steps "$work/steps" >/dev/null || say "build: $engine does not build"
		eval "$engine=\$build"
	done
	set -- coracle "$coracle -t steps $work/steps" ""
	[ "$podman_works" = no ] || set -- "$@" podman "$podman -t steps $work/steps" ""
	alternate build-cached 5 "$@"
	compare "build of 20 steps, all cached" build-cached "<= 30 ms" podman
	set -- coracle "$coracle --no-cache $work/steps" ""
	[ "$podman_works" = no ] || set -- "$@" podman "$podman --no-cache $work/steps" ""
	alternate build-steps 1 "$@"
	compare "20 times RUN echo, no cache" build-steps "<= 400 ms" podman
	loop="i=0; while [ \$i -lt 300000 ]; do i=\$((i + 1)); done"
	burn="RUN $loop"
	# What the processors give: two may be threads of one core.
	printf '#!/bin/sh\nfor _ in 1 2 3 4; do busybox sh -c '\''%s'\'' & done\nwait\n' "$loop" >"$work/four-programs"
	chmod +x "$work/four-programs"
	dockerfile one 'FROM localhost/bench' "$burn"
	dockerfile four 'FROM localhost/bench AS a' "$burn; : a" 'FROM localhost/bench AS b' "$burn; : b" \
		'FROM localhost/bench AS c' "$burn; : c" 'FROM localhost/bench AS d' "$burn; : d" 'FROM localhost/bench' \
		'COPY --from=a /bin/sh /a' 'COPY --from=b /bin/sh /b' 'COPY --from=c /bin/sh /c' 'COPY --from=d /bin/sh /d'
	alternate build-stages 1 coracle "$coracle --no-cache $work/four" "" one "$coracle --no-cache $work/one" "" \
		programs "$work/four-programs" ""
	compare "four independent stages, on $(nproc) processors" build-stages "4 / processors" one
	compare "the same beside four programs at once" build-stages "near 1" programs
}

# The packages of a compiler that a minimal Debian lacks, by apt's own reckoning; fetched once.
need_compiler() {
	[ ! -e "$work/cold/debs/done" ] || return 0
	debian=$cache/debian.tar
	[ -s "$debian" ] || { say "build-cold: no Debian root, sh tests/run.sh makes one"; return 1; }
	mkdir -p "$work/cold/debs/partial" "$work/apt"
	tar -xOf "$debian" ./var/lib/dpkg/status >"$work/apt/status"
	apt-get -qq -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt" -o Debug::NoLocking=1 \
		-o Dir::Cache::archives="$work/cold/debs" -o APT::Install-Recommends=0 -y --download-only install gcc libc6-dev ||
		{ say "build-cold: no packages"; return 1; }
	rm -rf "$work/cold/debs/partial"
	"$binary" import "$debian" localhost/debian >/dev/null
	[ "$podman_works" = no ] || podman_ import -q "$debian" localhost/debian >/dev/null
	touch "$work/cold/debs/done"
}

row_build_cold() {
	need_small_image
	need_compiler || return 0
	printf '#include <stdio.h>\nint main(void) { return puts("ahoy") < 0; }\n' >"$work/cold/ahoy.c"
	dockerfile cold 'FROM localhost/debian AS build' 'COPY debs /debs' \
		'RUN dpkg --force-unsafe-io -i /debs/*.deb >/dev/null 2>&1' 'COPY ahoy.c /src/' 'WORKDIR /src' \
		'RUN gcc -O2 -o ahoy ahoy.c' 'FROM localhost/debian' 'COPY --from=build /src/ahoy /usr/local/bin/' 'RUN ahoy'
	# What the commands take alone: in one container, with the same files.
	printf '%s\n' 'dpkg --force-unsafe-io -i /cold/debs/*.deb >/dev/null 2>&1' 'gcc -O2 -o ahoy /cold/ahoy.c' './ahoy' \
		>"$work/cold/commands"
	set -- coracle "$binary build -q --network none --no-cache $work/cold" "" \
		commands "$binary run --rm --network none -v $work/cold:/cold:ro localhost/debian sh -e /cold/commands" ""
	[ "$podman_works" = no ] ||
		set -- "$@" podman "podman $podman_flags build -q --layers --network none --no-cache $work/cold" ""
	kept=$rounds
	[ "$rounds" -le 3 ] || rounds=3
	alternate build-cold 1 "$@"
	rounds=$kept
	compare "cold build with a compiler" build-cold "" commands podman
	own=$(median build-cold coracle) alone=$(median build-cold commands) other=$(median build-cold podman)
	[ -z "$own" ] || [ -z "$other" ] || [ -z "$alone" ] || row "the same, but for its commands' time" \
		"$(echo "$own $alone" | awk '{ print $1 - $2 }')" podman "$(echo "$other $alone" | awk '{ print $1 - $2 }')" "<= 0.5 x"
}

row_build_copy() {
	need_small_image
	mkdir -p "$work/context/tree"
	say "making 1 GB in 20,000 files"
	head -c 1000000000 /dev/urandom | (cd "$work/context/tree" && split -b 50000 -a 4 -)
	printf 'FROM bench\nCOPY tree /tree\n' >"$work/context/Dockerfile"
	printf '#!/bin/sh\ncp -a %s/context/tree %s/copied\ncat %s/context/tree/* | sha256sum >/dev/null\n' \
		"$work" "$work" "$work" >"$work/copy-and-hash"
	chmod +x "$work/copy-and-hash"
	printf '#!/bin/sh\nrm -rf %s/copied\n%s builder prune -a -f >/dev/null\nsync\n' "$work" "$binary" >"$work/forget-build"
	chmod +x "$work/forget-build"
	kept=$rounds
	[ "$rounds" -le 3 ] || rounds=3
	alternate build-copy 1 coracle "$binary build -q --no-cache $work/context" \
		"$work/forget-build" cp "$work/copy-and-hash" "$work/forget-build"
	rounds=$kept
	compare "COPY of 1 GB in 20,000 files" build-copy "<= 1.3 x" cp
	rm -rf "$work/context" "$work/copied"
}

row_memory() {
	need_small_image
	number=0
	while [ "$number" -lt 10 ]; do
		"$binary" run -d --network none --name "bench-$number" bench sleep 100000 >/dev/null
		[ "$podman_works" = no ] ||
			podman_ run -d --network none --name "bench-$number" localhost/bench sleep 100000 >/dev/null
		number=$((number + 1))
	done
	sleep 1
	own=$(pss_of "$(readlink -f "$binary")")
	[ "$own" -gt 0 ] || { say "memory: the supervisors could not be read"; return 0; }
	per_container=$(echo "$own" | awk '{ print $1 / 10 }')
	if [ "$podman_works" = yes ]; then
		peer=$(pss_of "$(readlink -f "$(command -v conmon || echo /usr/bin/conmon)")" | awk '{ print $1 / 10 }')
		row "memory per detached container (PSS)" "$per_container" conmon "$peer" "<= 500 kB"
		podman_ rm -fa >/dev/null
	else
		row "memory per detached container (PSS)" "$per_container" "" "" "<= 500 kB"
	fi
	"$binary" ps -a -q | xargs -r "$binary" rm -f >/dev/null
}

# An image of 22,600 files of this host's /usr in 4 layers, about 500 MB after gzip; made once.
make_large_image() {
	layout=$cache/large
	[ ! -e "$layout/index.json" ] || return 0
	say "making an image of 22,600 files (once, some minutes)"
	rm -rf "$layout"
	mkdir -p "$layout"
	# Readable files up to 16 MB, the largest first: so many of the largest, and the others thinned out evenly
	# to 22,600, that all of them together hold 1.4 GB, which gzip makes about 500 MB of.
	find /usr -xdev -type f -readable -size -16384k -printf '%s %P\n' 2>/dev/null |
		LC_ALL=C sort -k1,1nr -k2 >"$work/every"
	total=$(wc -l <"$work/every")
	[ "$total" -ge 22600 ] || say "only $total files in /usr: the image is smaller than it should be"
	awk -v want=22600 -v bytes=1400000000 '
		function taken(line, largest) {
			if (line <= largest || NR <= want) return 1
			share = (want - largest) / (NR - largest)
			return int((line - largest) * share) != int((line - largest - 1) * share)
		}
		{ size[NR] = $1; sub(/^[0-9]+ /, ""); name[NR] = $0 }
		END {
			low = 0; high = want
			while (low < high) {
				middle = int((low + high) / 2); sum = 0
				for (line = 1; line <= NR; line++) if (taken(line, middle)) sum += size[line]
				if (sum < bytes) low = middle + 1; else high = middle
			}
			for (line = 1; line <= NR; line++) if (taken(line, low)) print name[line]
		}' "$work/every" >"$work/chosen"
	ids=
	layers=
	for number in 0 1 2 3; do
		awk -v number="$number" 'NR % 4 == number' "$work/chosen" >"$work/list"
		tar -C /usr --owner=0 --group=0 --numeric-owner --no-acls --no-xattrs --sort=name \
			-cf "$work/layer" -T "$work/list"
		id=$(digest_of "$work/layer")
		gzip -n -6 "$work/layer"
		size=$(wc -c <"$work/layer.gz")
		layer=$(add_blob "$layout" "$work/layer.gz")
		ids="$ids${ids:+,}\"sha256:$id\""
		layers="$layers${layers:+,}$(descriptor "$layer" "$size")"
	done
	finish_layout "$layout" "[$ids]" "[$layers]"
}

start_registry() {
	port=5077
	cat >"$work/registry.yml" <<CONFIG
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $work/registry } }
http: { addr: 127.0.0.1:$port, secret: not-secret }
CONFIG
	docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
	registry_pid=$!
	tries=0
	until curl -s -o /dev/null "http://127.0.0.1:$port/v2/"; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || die "the registry does not answer: $(tail -n 1 "$work/registry.log")"
		sleep 0.1
	done
}

stop_registry() {
	kill "$registry_pid"
	wait "$registry_pid" 2>/dev/null || true
	registry_pid=
}

# A registry that has the large image.
start_stocked_registry() {
	make_large_image
	start_registry
	skopeo copy -q --insecure-policy --preserve-digests --dest-tls-verify=false "oci:$cache/large:latest" \
		"docker://127.0.0.1:$port/bench/large:latest"
}

# What a user would write by hand: every layer fetched, inflated and unpacked at the same time.
write_pipeline() {
	manifest=$(jq -r '.manifests[0].digest' "$cache/large/index.json")
	{
		echo "#!/bin/sh"
		echo "store=\$(cat $work/store)"
		number=0
		for layer in $(jq -r '.layers[].digest' "$cache/large/blobs/sha256/${manifest#sha256:}"); do
			echo "mkdir -p \$store/$number"
			echo "{ curl -s http://127.0.0.1:$port/v2/bench/large/blobs/$layer | gunzip | tar x -C \$store/$number; } &"
			number=$((number + 1))
		done
		echo wait
	} >"$work/pipeline"
	chmod +x "$work/pipeline"
}

row_pull() {
	for tool in docker-registry skopeo curl; do
		have "$tool" || { say "pull: $tool is not installed"; return 0; }
	done
	start_stocked_registry
	write_pipeline
	image=127.0.0.1:$port/bench/large
	in_fresh_stores pull "pull -q $image" "pull -q --tls-verify=false $image"
	set -- coracle "sh $work/pull-coracle" "$fresh_store" pipeline "$work/pipeline" "$fresh_store"
	[ "$podman_works" = no ] || set -- "$@" podman "sh $work/pull-podman" "$fresh_store"
	kept=$rounds
	[ "$rounds" -le 3 ] || rounds=3
	alternate pull 1 "$@"
	rounds=$kept
	megabytes=$(du -sm "$cache/large" | cut -f1)
	compare "pull, $megabytes MB in 4 gzip layers" pull "<= 0.7 x, <= 0.25 x" pipeline podman
	stop_registry
}

row_pull_memory() {
	for tool in docker-registry skopeo time; do
		[ -x "$(command -v "$tool" || echo "/usr/bin/$tool")" ] || { say "pull-memory: $tool is not installed"; return 0; }
	done
	start_stocked_registry
	image=127.0.0.1:$port/bench/large
	"$binary" rmi -f "$image" >/dev/null 2>&1 || true
	# Of the command and every child it waits for, the largest.
	/usr/bin/time -f %M -o "$work/peak" "$binary" pull -q "$image" >/dev/null
	row "memory of a pull at its peak" "$(cat "$work/peak")" "" "" "<= 64000 kB"
	stop_registry
}

# Every round pushes to a registry that has nothing, so that nothing is taken over.
row_push() {
	for tool in docker-registry skopeo; do
		have "$tool" || { say "push: $tool is not installed"; return 0; }
	done
	make_large_image
	start_registry
	stop_registry
	image=127.0.0.1:$port/bench/pushed
	cat >"$work/empty-registry" <<SCRIPT
#!/bin/sh
[ ! -s $work/registry.pid ] || kill "\$(cat $work/registry.pid)"
rm -rf $work/registry
docker-registry serve $work/registry.yml >$work/registry.log 2>&1 &
echo \$! >$work/registry.pid
sync
until curl -s -o /dev/null http://127.0.0.1:$port/v2/; do sleep 0.1; done
SCRIPT
	chmod +x "$work/empty-registry"
	"$binary" tag "$("$binary" pull -q "oci:$cache/large:latest")" "$image"
	set -- coracle "$binary push -q $image" "$work/empty-registry"
	if [ "$podman_works" != no ]; then
		podman_ tag "$(podman_ pull -q "oci:$cache/large:latest")" "$image"
		set -- "$@" podman "podman $podman_flags push -q --tls-verify=false $image" "$work/empty-registry"
	fi
	kept=$rounds
	[ "$rounds" -le 3 ] || rounds=3
	alternate push 1 "$@"
	rounds=$kept
	megabytes=$(du -sm "$cache/large" | cut -f1)
	compare "push, $megabytes MB in 4 gzip layers" push "<= 0.5 x" podman
	kill "$(cat "$work/registry.pid")"
}

# Images that differ in their configuration alone, in one layout.
make_many_images() {
	layout=$work/images
	mkdir -p "$layout/blobs/sha256"
	printf '{"imageLayoutVersion":"1.0.0"}\n' >"$layout/oci-layout"
	tar -cf "$layout/layer" -T /dev/null
	id=$(digest_of "$layout/layer")
	size=$(wc -c <"$layout/layer")
	layer=$(add_blob "$layout" "$layout/layer")
	tar_layer="{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:$layer\",\"size\":$size}"
	number=0
	entries=
	while [ "$number" -lt "$1" ]; do
		printf '{"architecture":"%s","os":"linux","config":{"Labels":{"number":"%s"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
			"$architecture" "$number" "$id" >"$layout/config"
		size=$(wc -c <"$layout/config")
		config=$(add_blob "$layout" "$layout/config")
		printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
			"$config" "$size" "$tar_layer" >"$layout/manifest"
		size=$(wc -c <"$layout/manifest")
		manifest=$(add_blob "$layout" "$layout/manifest")
		entries="$entries${entries:+,}{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:$manifest\",\"size\":$size,\"annotations\":{\"org.opencontainers.image.ref.name\":\"many:$number\"}}"
		number=$((number + 1))
	done
	printf '{"schemaVersion":2,"manifests":[%s]}' "$entries" >"$layout/index.json"
}

row_images() {
	need_small_image
	make_many_images 500
	"$binary" pull -q "oci:$layout" >/dev/null
	set -- coracle "$binary images" ""
	alternate images 20 "$@"
	compare "images, $("$binary" images -q | wc -l) of them" images "<= 10 ms"
}

row_load() {
	have skopeo || { say "load: skopeo is not installed"; return 0; }
	make_large_image
	archive=$cache/large.tar
	image=localhost/bench/large:latest
	if [ ! -s "$archive" ]; then
		rm -f "$archive.new"
		skopeo --insecure-policy copy -q "oci:$cache/large:latest" "docker-archive:$archive.new:$image"
		mv "$archive.new" "$archive"
	fi
	in_fresh_stores load "load -q -i $archive" "load -q -i $archive"
	set -- coracle "sh $work/load-coracle" "$fresh_store"
	[ "$podman_works" = no ] || set -- "$@" podman "sh $work/load-podman" "$fresh_store"
	kept=$rounds
	[ "$rounds" -le 3 ] || rounds=3
	alternate load 1 "$@"
	rounds=$kept
	megabytes=$(du -sm "$archive" | cut -f1)
	compare "load, docker archive of $megabytes MB" load "<= 0.33 x" podman
}

say "$("$binary" --version), $(uname -sr), $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
# shellcheck source=tests/bench/network.sh
. "$(dirname "$0")/network.sh"

header
for name in $rows; do
	"row_$(echo "$name" | tr - _)"
done
