# The limits of containers, in the guest: each is read back inside and outside, felt, and compared with podman's.
. /job/base.sh
make_box

# --- Each limit, inside, outside, and as podman writes it --------------------------------------------

files="memory.max memory.swap.max memory.low memory.high cpu.max cpu.weight pids.max"
read_all="cd /sys/fs/cgroup && head -n 99 $files"
flags="--memory 64m --memory-reservation 32m --cpu-quota 50000 --cpu-period 200000 --cpu-shares 512 --pids-limit 50"
flags="$flags --cgroup-conf memory.high=60000000"
coracle run -d --name all --network none $flags box sleep 1000 >/dev/null
inside=$(coracle exec all sh -c "$read_all")
outside=$(cd "$(group all)" && head -n 99 $files)
check "limits are the same inside and outside" "$outside" "$inside"
contains "memory" "==> memory.max <==
67108864" "$inside"
contains "twice as much with swap" "==> memory.swap.max <==
67108864" "$inside"
contains "reservation" "==> memory.low <==
33554432" "$inside"
contains "cpu quota and period" "50000 200000" "$inside"
contains "cpu shares" "==> cpu.weight <==
20" "$inside"
contains "processes" "==> pids.max <==
50" "$inside"
check "inspect" "67108864 134217728 512 50" \
	"$(coracle inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}}' all)"
contains "systemd knows the container" "coracle-" "$(systemctl --user list-units --no-legend --plain 'coracle-*.scope')"
if podman run -q --rm --network none --cgroupns private $flags --rootfs "$root:O" sh -c "$read_all" >"$HOME/podman" 2>"$HOME/why"; then
	check "podman writes the same" "$(cat "$HOME/podman")" "$inside"
else
	echo "FAILED: podman: $(cat "$HOME/why")"
	failed=1
fi

# --- Changed while it runs, and still there after a restart --------------------------------------------

quiet update --memory 96m --cpus 0.25 --cpu-quota 0 --cpu-period 0 all
check "update is live" "100663296 25000 100000" "$(coracle exec all cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max | tr '\n' ' ' | sed 's/ $//')"
quiet restart -t 0 all
check "update survives" "100663296" "$(coracle exec all cat /sys/fs/cgroup/memory.max)"

# --- stats, pause --------------------------------------------------------------------------------------

contains "stats with a group" " / 96MiB" "$(coracle stats --no-stream all)"
quiet run -d --name plain --network none box sleep 1000
contains "stats without a group" "plain" "$(coracle stats --no-stream plain)"
contains "no group, no pause" "needs a control group" "$(coracle pause plain 2>&1 || true)"
quiet run -d --name still --network none --cgroups enabled box sh -c 'while :; do :; done'
quiet pause still
check "paused" "paused true" "$(coracle inspect -f '{{.State.Status}} {{.State.Paused}}' still)"
usage() { head -n 1 "$(group still)/cpu.stat"; }
contains "paused is not running" "Running: 1
  Paused: 1
  Stopped: " "$(coracle stop -t 0 all >/dev/null; coracle info)"
before=$(usage)
sleep 1
check "nothing runs while it is paused" "$before" "$(usage)"
contains "no exec meanwhile" "is paused, unpause the container before exec" "$(coracle exec still true 2>&1 || true)"
quiet unpause still
check "running again" "running" "$(coracle inspect -f '{{.State.Status}}' still)"
quiet pause still
quiet stop -t 1 still
check "a paused container stops" "exited" "$(coracle inspect -f '{{.State.Status}}' still)"

# --- Felt ----------------------------------------------------------------------------------------------

quiet run -d --name bystander --network none -m 32m box sleep 1000
status=0
coracle run --name hog --network none -m 32m box sh -c 'x=a; while :; do x=$x$x$x$x; done' || status=$?
check "a hog of memory dies" "137" "$status"
check "and is known to be one" "true" "$(coracle inspect -f '{{.State.OOMKilled}}' hog)"
contains "and told" "oom" "$(coracle events --since 1h --until 0s --format '{{.Action}}' --filter container=hog)"
check "alone" "running" "$(coracle inspect -f '{{.State.Status}}' bystander)"
bomb='for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; wait'
contains "a fork bomb stops at its limit" "can't fork" \
	"$(coracle run --rm --network none --pids-limit 8 box sh -c "$bomb" 2>&1 || true)"
quiet run -d --name small --network none --pids-limit 8 box sleep 1000
contains "exec is limited too" "can't fork" "$(coracle exec small sh -c "$bomb" 2>&1 || true)"
# On one processor, however many there are.
for weight in 1024 3072; do
	busybox taskset 1 "$HOME/coracle" run -d --name "hog$weight" --network none --cpu-shares "$weight" box \
		sh -c 'while :; do :; done' >/dev/null
done
usage() { sed -n 's/^usage_usec //p' "$(group "$1")/cpu.stat"; }
one=$(usage hog1024) three=$(usage hog3072)
sleep 6
one=$(($(usage hog1024) - one)) three=$(($(usage hog3072) - three))
ratio=$((three * 10 / one))
if [ "$ratio" -ge 22 ] && [ "$ratio" -le 38 ]; then
	echo "ok: shares of 1 to 3 gave 1 to $ratio tenths"
else
	echo "FAILED: shares of 1 to 3 gave 1 to $ratio tenths"
	failed=1
fi

# --- What is not delegated, and without systemd ---------------------------------------------------------

said=$(coracle run --rm --network none --cpuset-cpus 0 box true 2>&1 || true)
contains "a missing controller is named" "the control group controller cpuset is not delegated to you" "$said"
contains "with what delegates it" "/etc/systemd/system/user@.service.d/delegate.conf" "$said"
plain="--cgroup-manager cgroupfs run --rm --network none -m 64m box cat /sys/fs/cgroup/memory.max"
contains "nowhere to make groups" "are not yours" "$(coracle $plain 2>&1 || true)"
check "groups without systemd" "67108864" \
	"$(systemd-run --user --scope -q -p Delegate=yes sh -c "$HOME/coracle $plain")"
systemd-run --user --scope -q -p Delegate=yes "$HOME/coracle" --cgroup-manager cgroupfs \
	run -d --name kept --network none -m 64m box sleep 1000 >/dev/null
quiet stop -t 0 kept
quiet rm -f all plain still bystander hog small hog1024 hog3072 kept
gone "nothing is left" /sys/fs/cgroup/user.slice
exit $failed
