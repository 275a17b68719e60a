# The rows about networks, read by run.sh.

# An image whose programs are this host's, for iperf3 is not static, and a server for it.
make_iperf_image() {
	layout=$work/iperf
	mkdir -p "$layout/tree/usr" "$layout/tree/proc" "$layout/tree/dev" "$layout/tree/sys" "$layout/tree/tmp" "$layout/tree/etc"
	for directory in bin lib lib64; do ln -s "usr/$directory" "$layout/tree/$directory"; done
	cp -rL /etc/ld.so.cache "$layout/tree/etc/" 2>/dev/null || true
	tar -C "$layout/tree" --owner=0 --group=0 --numeric-owner -cf "$layout/layer" .
	rm -rf "$layout/tree"
	id=$(digest_of "$layout/layer")
	gzip -n "$layout/layer"
	size=$(wc -c <"$layout/layer.gz")
	layer=$(add_blob "$layout" "$layout/layer.gz")
	finish_layout "$layout" "[\"sha256:$id\"]" "[$(descriptor "$layer" "$size")]"
	"$binary" tag "$("$binary" pull -q "oci:$layout:latest")" iperf >/dev/null
	[ "$podman_works" = no ] || podman_ tag "$(podman_ pull -q "oci:$layout:latest")" localhost/iperf
}

# Gbit/s to ADDRESS PORT, through the words of a command before that, if there are any.
gigabits() {
	address=$1
	port=$2
	shift 2
	"$@" iperf3 -c "$address" -p "$port" -t 3 -J 2>"$work/error" | jq -r '.end.sum_received.bits_per_second / 1e9' 2>/dev/null
}

# Waits for a server that listens at PORT of 127.0.0.1.
await_port() {
	for _ in $(seq 100); do
		! busybox nc -z 127.0.0.1 "$1" 2>/dev/null || return 0
		sleep 0.05
	done
}

# best NAME VALUE...: keeps the largest value of all rounds: what is in the way differs from round to round.
best() {
	[ -z "$2" ] || echo "$2" >>"$work/best.$1"
}
best_of() { sort -g "$work/best.$1" 2>/dev/null | tail -n 1; }

row_bridge() {
	need_small_image
	# Somebody keeps the helper.
	"$binary" run -d --name bench-keeper bench sleep 100000 >/dev/null
	set -- coracle "$binary run --rm bench true" "" none "$binary run --rm --network none bench true" ""
	[ "$podman_works" = no ] || set -- "$@" podman "podman $podman_flags run --rm localhost/bench true" ""
	alternate bridge 20 "$@"
	compare "run --rm IMAGE true, the helper runs" bridge "<= 2 x none" none podman
	"$binary" rm -f bench-keeper >/dev/null
	export CORACLE_NETWORK_LINGER=0
	cat >"$work/await-end" <<-AWAIT
		#!/bin/sh
		while [ -S $run/coracle/network/helper.sock ]; do sleep 0.02; done
	AWAIT
	chmod +x "$work/await-end"
	"$work/await-end"
	set -- coracle "$binary run --rm bench true" "$work/await-end" none "$binary run --rm --network none bench true" ""
	[ "$podman_works" = no ] || set -- "$@" podman "podman $podman_flags run --rm localhost/bench true" ""
	alternate bridge-cold 10 "$@"
	compare "run --rm IMAGE true, no helper runs" bridge-cold "<= 5 x none" none podman
	unset CORACLE_NETWORK_LINGER
}

row_throughput() {
	have iperf3 || { say "throughput: iperf3 is not installed"; return 0; }
	need_small_image
	make_iperf_image
	mounts="-v /usr:/usr:ro"
	# shellcheck disable=SC2086 # a list of flags
	"$binary" run -d --name bench-server $mounts -p 127.0.0.1:18201:5201 iperf iperf3 -s >/dev/null
	# shellcheck disable=SC2086
	"$binary" run -d --name bench-client $mounts iperf sleep 100000 >/dev/null
	# shellcheck disable=SC2086
	[ "$podman_works" = no ] || podman_ run -d --name bench-server $mounts -p 127.0.0.1:18202:5201 localhost/iperf iperf3 -s >/dev/null
	iperf3 -s -p 18203 >/dev/null 2>&1 &
	direct=$!
	# Two namespaces with a plain pair of interfaces.
	unshare -Urn sleep 100000 &
	left=$!
	sleep 0.5
	nsenter -U --preserve-credentials -n -t "$left" unshare -n sleep 100000 &
	right=$!
	sleep 0.5
	inside() {
		process=$1
		shift
		nsenter -U --preserve-credentials -n -t "$process" "$@"
	}
	inside "$left" ip link add v0 mtu 65520 type veth peer name v1 mtu 65520 netns "$right"
	inside "$left" sh -c 'ip addr add 10.77.0.1/24 dev v0; ip link set v0 up; ip link set lo up'
	inside "$right" sh -c 'ip addr add 10.77.0.2/24 dev v1; ip link set v1 up; ip link set lo up'
	# Not through the function, whose shell would be what is ended.
	nsenter -U --preserve-credentials -n -t "$right" iperf3 -s -p 5201 >/dev/null 2>&1 &
	pair=$!
	# A stack with nothing else, and a way to this host by its own address.
	host=$(ip -4 route get 192.0.2.200 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
	stack=
	if [ -n "$host" ]; then
		unshare -Urn sleep 100000 &
		alone=$!
		sleep 0.5
		slirp4netns --configure --mtu=65520 --disable-host-loopback "$alone" tap0 >/dev/null 2>&1 &
		stack=$!
		sleep 1
	fi
	for port in 18201 18203; do await_port "$port"; done
	server=$("$binary" inspect -f '{{.NetworkSettings.IPAddress}}' bench-server)
	for _ in $(seq "$rounds"); do
		best published.coracle "$(gigabits 127.0.0.1 18201)"
		[ "$podman_works" = no ] || best published.podman "$(gigabits 127.0.0.1 18202)"
		best published.direct "$(gigabits 127.0.0.1 18203)"
		best between.coracle "$(gigabits "$server" 5201 "$binary" exec bench-client)"
		best between.veth "$(gigabits 10.77.0.2 5201 inside "$left")"
		[ -z "$host" ] || best out.coracle "$(gigabits "$host" 18203 "$binary" exec bench-client)"
		[ -z "$host" ] || best out.slirp4netns "$(gigabits "$host" 18203 inside "$alone")"
	done
	kill "$direct" "$pair" 2>/dev/null || true
	[ -z "$host" ] || kill "$alone" "$stack" 2>/dev/null || true
	kill "$right" "$left" 2>/dev/null || true
	wait "$direct" "$pair" "$right" "$left" 2>/dev/null || true
	rate() { [ -z "$(best_of "$2.coracle")" ] || [ -z "$(best_of "$2.$3")" ] || row "$1" "$(best_of "$2.coracle")" "$3" "$(best_of "$2.$3")" "$4"; }
	rate "Gbit/s to a published port" published podman ">= 1 x"
	rate "Gbit/s to a published port" published direct ">= 0.5 x"
	rate "Gbit/s between containers of a network" between veth ">= 0.8 x"
	rate "Gbit/s out of a container" out slirp4netns ">= 1 x"
	"$binary" rm -f -t 0 bench-server bench-client >/dev/null
	[ "$podman_works" = no ] || podman_ rm -f -t 0 bench-server >/dev/null
}

row_crowd() {
	need_small_image
	: >"$work/crowd"
	for number in $(seq 200); do
		begun=$(date +%s%N)
		"$binary" run -d --name "bench-$number" bench sleep 100000 >/dev/null
		echo $((($(date +%s%N) - begun) / 1000)) >>"$work/crowd"
	done
	middle() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] / 1000 }'; }
	row "run -d, the last 50 of 200 on one network" "$(tail -n 50 "$work/crowd" | middle)" "the first" \
		"$(head -n 50 "$work/crowd" | middle)" "<= 1.1 x"
	slirp=$(pss_of "$(readlink -f "$(command -v slirp4netns)")")
	row "memory of all of them, for each of 200" "$((($(pss_of "$(readlink -f "$binary")") + slirp) / 200))" "" "" "<= 2000 kB"
	row "memory of the stack, one for all" "$slirp" "" "" ""
	"$binary" ps -a -q | xargs -r "$binary" rm -f -t 0 >/dev/null
}

row_connections() {
	have ab || { say "connections: ab is not installed"; return 0; }
	need_small_image
	mkdir -p "$work/site"
	echo ahoy >"$work/site/index.html"
	"$binary" run -d --name bench-web -p 127.0.0.1:18301:80 -v "$work/site:/site:ro" bench busybox httpd -f -p 80 -h /site >/dev/null
	[ "$podman_works" = no ] || podman_ run -d --name bench-web -p 127.0.0.1:18302:80 -v "$work/site:/site:ro" localhost/bench \
		busybox httpd -f -p 80 -h /site >/dev/null
	busybox httpd -f -p 127.0.0.1:18303 -h "$work/site" &
	direct=$!
	for port in 18301 18303; do await_port "$port"; done
	connect() {
		ab -q -n 10000 -c 100 "http://127.0.0.1:$2/" >"$work/ab" 2>"$work/error" || say "connections: $1: $(tail -n 1 "$work/error")"
		lost=$(awk '/^Failed requests:/ { print $3 }' "$work/ab")
		[ "${lost:-0}" = 0 ] || say "connections: $1 lost $lost of 10000"
		best "connections.$1" "$(awk '/^Requests per second:/ { print $4 }' "$work/ab")"
	}
	for _ in $(seq "$rounds"); do
		connect coracle 18301
		[ "$podman_works" = no ] || connect podman 18302
		connect direct 18303
	done
	kill "$direct"
	wait "$direct" 2>/dev/null || true
	row "connections/s through a published port" "$(best_of connections.coracle)" direct "$(best_of connections.direct)" ">= 0.5 x"
	[ "$podman_works" = no ] || row "connections/s through a published port" "$(best_of connections.coracle)" podman "$(best_of connections.podman)" ""
	"$binary" rm -f -t 0 bench-web >/dev/null
	[ "$podman_works" = no ] || podman_ rm -f -t 0 bench-web >/dev/null
}
