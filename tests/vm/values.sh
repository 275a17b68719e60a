# Every limit by its value, in the guest: what the container's own group says, the same seen from the host, and what podman
# writes for the same flags.
. /job/base.sh
make_box
podman="podman run -q --rm --network none --cgroupns private"

# same WHAT WANT FILES FLAGS...: the files of the group, from inside, from the host and of podman.
same() {
	what=$1 want=$2 files=$3
	shift 3
	quiet run -d --name one --network none "$@" box sleep 1000
	inside=$(coracle exec one sh -c "cd /sys/fs/cgroup && cat $files" | tr '\n' ' ' | sed 's/ $//')
	outside=$(cd "$(group one)" && cat $files | tr '\n' ' ' | sed 's/ $//')
	quiet rm -f -t 0 one
	check "$what" "$want" "$inside"
	check "$what, from the host" "$want" "$outside"
	theirs=$($podman "$@" --rootfs "$root:O" sh -c "cd /sys/fs/cgroup && cat $files" 2>"$HOME/why" | tr '\n' ' ' | sed 's/ $//')
	check "$what, by podman" "$want" "$theirs$(cat "$HOME/why")"
}

same "--memory" "67108864 67108864" "memory.max memory.swap.max" --memory 64m
same "--memory-swap" "67108864 33554432" "memory.max memory.swap.max" --memory 64m --memory-swap 96m
same "--memory-swap as much as memory" "67108864 0" "memory.max memory.swap.max" --memory 64m --memory-swap 64m
same "--memory-swap without end" "67108864 max" "memory.max memory.swap.max" --memory 64m --memory-swap -1
same "--memory-reservation" "33554432" "memory.low" --memory-reservation 32m
same "--cpus" "50000 100000" "cpu.max" --cpus 0.5
same "--cpu-quota" "20000 100000" "cpu.max" --cpu-quota 20000
same "--cpu-period" "20000 50000" "cpu.max" --cpu-quota 20000 --cpu-period 50000
same "--cpu-shares, the least" "1" "cpu.weight" --cpu-shares 2
same "--cpu-shares, the most" "10000" "cpu.weight" --cpu-shares 262144
same "--pids-limit" "77" "pids.max" --pids-limit 77
same "--pids-limit without end" "max" "pids.max" --pids-limit -1
same "--cgroup-conf" "59998208 1" "memory.high memory.oom.group" --cgroup-conf memory.high=60000000 --cgroup-conf memory.oom.group=1

# --- What is no file of a group -------------------------------------------------------------------------

# seen WHAT WANT COMMAND FLAGS...: what a command says inside, here and in podman.
seen() {
	what=$1 want=$2 command=$3
	shift 3
	check "$what" "$want" "$(coracle run --rm --network none "$@" box sh -c "$command" 2>&1)"
	check "$what, by podman" "$want" "$($podman "$@" --rootfs "$root:O" sh -c "$command" 2>&1)"
}
size='while read -r _ at _; do [ "$at" != /dev/shm ] || busybox df -k "$at"; done </proc/self/mounts | busybox awk "END { print \$2 }"'
seen "--shm-size" "3072" "$size" --shm-size 3m
seen "--ulimit" "64 128 0 2048" 'echo $(ulimit -n) $(ulimit -Hn) $(ulimit -c) $(ulimit -f)' --ulimit nofile=64:128 --ulimit core=0 --ulimit fsize=1048576
seen "--oom-score-adj" "500" "cat /proc/self/oom_score_adj" --oom-score-adj 500
check "--cgroupns private" "0::/" "$(coracle run --rm --network none --memory 64m --cgroupns private box cat /proc/self/cgroup)"
contains "--cgroupns host" "/user.slice/user-1000.slice/user@1000.service/" \
	"$(coracle run --rm --network none --memory 64m --cgroupns host box cat /proc/self/cgroup)"
parent="--cgroup-parent mine.slice --cgroupns host"
contains "--cgroup-parent" "/user@1000.service/mine.slice/" "$(coracle run --rm --network none $parent box cat /proc/self/cgroup)"
contains "--cgroup-parent, by podman" "/user@1000.service/mine.slice/" \
	"$(podman run -q --rm --network none $parent --rootfs "$root:O" cat /proc/self/cgroup)"
check "--cgroups disabled" "$(cat /proc/self/cgroup)" \
	"$(coracle run --rm --network none --cgroups disabled --cgroupns host box cat /proc/self/cgroup)"

# --- What nobody can have -------------------------------------------------------------------------------

# refused WHAT WORDS FLAGS...: neither here nor by podman.
refused() {
	what=$1 words=$2
	shift 2
	contains "$what is refused" "$words" "$(coracle run --rm --network none "$@" box true 2>&1 || true)"
	status=0
	$podman "$@" --rootfs "$root:O" true >/dev/null 2>&1 || status=$?
	check "$what, by podman" "refused" "$([ "$status" -eq 0 ] && echo taken || echo refused)"
}
refused "--memory-swappiness" "--memory-swappiness needs control groups version 1" --memory-swappiness 5
refused "swap without a limit" "You should always set the Memory limit when using Memoryswap limit" --memory-swap 64m
refused "swap less than the limit" "Minimum memoryswap limit should be larger than memory limit" --memory 64m --memory-swap 32m
refused "--cpus beside --cpu-quota" "Nano CPUs and CPU Quota cannot both be set" --cpus 1 --cpu-quota 1000
contains "a reservation beyond the limit is refused" "Minimum memory limit can not be less than memory reservation limit" \
	"$(coracle run --rm --network none --memory 32m --memory-reservation 64m box true 2>&1 || true)"
contains "--oom-kill-disable is refused" "--oom-kill-disable needs control groups version 1" \
	"$(coracle run --rm --network none --memory 64m --oom-kill-disable box true 2>&1 || true)"
contains "--oom-score-adj below one's own" "oom" "$(coracle run --rm --network none --oom-score-adj -500 box true 2>&1 || true)"

# --- Defaults of the user -------------------------------------------------------------------------------

mkdir -p "$HOME/.config/coracle"
cat >"$HOME/.config/coracle/coracle.toml" <<'TOML'
[containers]
pids_limit = 99
shm_size = "5m"
default_ulimits = ["nofile=32:48"]
oom_score_adj = 300
cgroup_conf = ["memory.high=50000000"]
cgroupns = "host"
TOML
said=$(coracle run --rm --network none --cgroupns private box sh -c \
	"cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.high /proc/self/oom_score_adj; ulimit -n; $size" | tr '\n' ' ')
check "coracle.toml" "99 49999872 300 32 5120 " "$said"
check "a flag goes first" "33" "$(coracle run --rm --network none --cgroupns private --pids-limit 33 box cat /sys/fs/cgroup/pids.max)"
contains "the namespace of coracle.toml" "/user@1000.service/" "$(coracle run --rm --network none box cat /proc/self/cgroup)"
rm "$HOME/.config/coracle/coracle.toml"
gone "nothing is left" /sys/fs/cgroup/user.slice
exit $failed
