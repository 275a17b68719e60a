# Containers that are paused while their files are read, in the guest.
. /job/base.sh
make_box
status() { coracle inspect -f '{{.State.Status}}' "$1"; }
# Looked for without a pause: a commit may be over soon.
catch() {
	events=$(group "$1" | sed 's,$,/cgroup.freeze,')
	for _ in $(seq 20000); do
		read -r frozen <"$events" && [ "$frozen" = 1 ] && break
	done
	check "$2" "paused" "$(status "$1")"
}
is() { [ "$(status "$2")" = "$1" ]; }

quiet run -d --name busy --network none --cgroups enabled box sh -c 'head -c 90000000 /dev/urandom >/much; touch /done; sleep 1000'
await coracle exec busy test -e /done
coracle commit --pause busy busy:1 >"$HOME/id" &
catch busy "paused while it is read"
wait $!
check "and goes on then" "running" "$(status busy)"
for signal in KILL INT TERM; do
	setsid coracle commit --pause busy "busy:$signal" >/dev/null 2>&1 &
	command=$!
	catch busy "$signal: paused"
	kill "-$signal" "$command"
	wait "$command" || true
	await is running busy
	check "$signal: goes on though the command was killed" "running" "$(status busy)"
	check "$signal: no image" "" "$(coracle images -q "busy:$signal")"
done
quiet pause busy
quiet commit --pause busy busy:2
check "who was paused before stays so" "paused" "$(status busy)"
quiet rm -f busy
check "nobody is left" "" "$(pgrep -u "$(id -u)" -x coracle || true)"
exit $failed
