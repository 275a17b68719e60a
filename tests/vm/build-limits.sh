# Limits of the steps of a build, in the guest.
. /job/base.sh
make_box
mkdir "$HOME/context"
cd "$HOME/context"
build="coracle build --network none --no-cache --progress plain"

cat >Dockerfile <<'D'
FROM box
RUN for f in memory.max memory.swap.max cpu.max cpu.weight pids.max; do echo "$f $(cat /sys/fs/cgroup/$f)"; done
D
said=$($build --memory 64m --cpu-quota 50000 --cpu-period 200000 -c 512 --pids-limit 50 . 2>&1 || true)
for line in "memory.max 67108864" "memory.swap.max 67108864" "cpu.max 50000 200000" "cpu.weight 20" "pids.max 50"; do
	contains "in a step: $line" "$line" "$said"
done
contains "without: none" "memory.max max" "$($build . 2>&1 || true)"

printf 'FROM box\nRUN sleep 1000\n' >slow
$build -f slow -m 64m --cgroup-parent mine.slice . >/dev/null 2>&1 &
slow=$!
steps() { find /sys/fs/cgroup/user.slice -path '*/mine.slice/coracle-build-*' -name 'step-*'; }
has_steps() { [ -n "$(steps)" ]; }
await has_steps
contains "a slice of the user's" "/mine.slice/coracle-build-" "$(steps)"
kill "$slow"
wait "$slow" || true
has_none() { [ -z "$(steps)" ]; }
await has_none
check "a build that is ended takes its steps along" "" "$(steps)"

cat >Dockerfile <<'D'
FROM box AS one
RUN x=a; while :; do x=$x$x$x$x; done
D
status=0
said=$($build -m 32m . 2>&1) || status=$?
check "a hog of memory ends its step" "1" "$status"
contains "and that is told" "cannot allocate memory" "$said"
contains "with what mends it" "hint: give each step more: build --memory" "$said"
check "the guest is alive" "0" "$(coracle run --rm --network none box true; echo $?)"

# Each step by itself: two that run at once have the whole of it each.
cat >Dockerfile <<'D'
FROM box AS one
RUN cat /sys/fs/cgroup/memory.max >/one; sleep 1
FROM box AS two
RUN cat /sys/fs/cgroup/memory.max >/two; sleep 1
FROM box
COPY --from=one /one /
COPY --from=two /two /
RUN cat /one /two
D
check "steps at once" "2" "$($build -m 64m . 2>&1 | grep -c ' 67108864$')"
inside="$HOME/coracle --cgroup-manager cgroupfs build --network none --no-cache --progress plain -m 64m ."
contains "without systemd" "67108864" "$(systemd-run --user --scope -q -p Delegate=yes sh -c "$inside" 2>&1 || true)"
# A build that is killed can take nothing away; the next in its place does.
cat >"$HOME/killed" <<'S'
own=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
mkdir "$own/shell"
echo $$ >"$own/shell/cgroup.procs"
build="$HOME/coracle --cgroup-manager cgroupfs build --network none --no-cache"
$build -f slow -m 64m . >/dev/null 2>&1 &
build_pid=$!
step() { find "$own" -path '*/coracle-build-*/step-*' -name cgroup.procs -exec cat {} + | grep -q .; }
for _ in $(seq 100); do ! step || break; sleep 0.2; done
kill -9 $build_pid
wait $build_pid 2>/dev/null
for _ in $(seq 100); do step || break; sleep 0.2; done
echo "killed: $(find "$own" -name 'coracle-build-*' | wc -l)"
touch -d '2 minutes ago' "$own"/coracle-build-*
$build -f - -m 64m . >/dev/null 2>&1 <<'D'
FROM box
RUN true
D
echo "after: $(find "$own" -name 'coracle-build-*' | wc -l)"
S
check "a build that was killed leaves no groups for long" "killed: 1 after: 0" \
	"$(systemd-run --user --scope -q -p Delegate=yes sh "$HOME/killed" 2>&1 | tr '\n' ' ' | sed 's/ $//')"
contains "checks are run's" "Minimum memory limit allowed is 6MB" "$($build -m 1m . 2>&1 || true)"
contains "a missing controller is named" "the control group controller cpuset is not delegated to you" \
	"$($build --cpuset-cpus 0 . 2>&1 || true)"
gone "nothing is left" /sys/fs/cgroup/user.slice
exit $failed
