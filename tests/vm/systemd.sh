# systemd as the first process of a container, in the guest.
. /job/base.sh

# Its programs are the guest's own, mounted; its settings a tree of its own.
root=$HOME/debian
mkdir -p "$root/etc/systemd/system" "$root/usr" "$root/var/log/journal" "$root/root" "$root/tmp" "$root/run" \
	"$root/proc" "$root/sys" "$root/dev"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
grep -E '^(root|messagebus|nobody|systemd-network):' /etc/passwd >"$root/etc/passwd"
grep -E '^(root|messagebus|nogroup|systemd-journal|utmp|tty|users):' /etc/group >"$root/etc/group"
: >"$root/etc/machine-id"
cp /etc/os-release "$root/etc/os-release"
cat >"$root/etc/systemd/system/hello.service" <<'U'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cat /proc/self/cgroup >/var/hello'
ExecStop=/bin/sh -c 'echo gone >/var/bye'
U
cat >"$root/etc/systemd/system/busy.service" <<'U'
[Service]
MemoryMax=32M
ExecStart=/bin/sleep 1000
U
cat >"$root/etc/systemd/system/default.target" <<'U'
[Unit]
Wants=hello.service busy.service
After=hello.service busy.service
U
tar -C "$root" -c . | coracle import - debian >/dev/null

run="coracle run -d --network none -v /usr:/usr:ro"
is_up() { coracle exec "$1" systemctl is-active default.target; }

quiet_run() { $run "$@" >/dev/null; }
quiet_run --name box -m 256m debian /sbin/init
await is_up box
check "it boots" "active" "$(coracle exec box systemctl is-active default.target 2>&1 || true)"
check "inspect" "true" "$(coracle inspect -f '{{.Config.SystemdMode}}' box)"
check "it is the first process" "systemd" "$(coracle exec box cat /proc/1/comm)"
check "nothing has failed" "" "$(coracle exec box systemctl --failed --no-legend --plain 2>&1)"
check "it knows that it is in a container" "container-other" "$(coracle exec box systemd-detect-virt -c >/dev/null && echo container-other)"
contains "its services have groups" "/system.slice/hello.service" "$(coracle exec box cat /var/hello)"
check "with limits of their own" "33554432" "$(coracle exec box cat /sys/fs/cgroup/system.slice/busy.service/memory.max)"
check "the container's is above, out of reach" "268435456 max" \
	"$(cat "$(group box | sed 's,/payload/.*,,')/memory.max") $(coracle exec box cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)"
check "its machine id is the container's" "$(coracle inspect -f '{{.Id}}' box | cut -c 1-32)" "$(coracle exec box cat /etc/machine-id)"
check "memory where it wants some" "tmpfs tmpfs tmpfs tmpfs" \
	"$(coracle exec box sh -c 'for d in /run /run/lock /tmp /var/log/journal; do grep " $d " /proc/mounts | cut -d" " -f1; done' | tr '\n' ' ' | sed 's/ $//')"
check "its signal" "SIGRTMIN+3" "$(coracle inspect -f '{{.Config.StopSignal}}' box)"
contains "an exec is in a group of its" "/init.scope" "$(coracle exec box cat /proc/self/cgroup)"
contains "stats" "/ 256MiB" "$(coracle stats --no-stream box)"
quiet pause box
quiet unpause box
started=$(date +%s)
quiet stop -t 60 box
check "it stops in order" "gone" "$(coracle cp box:/var/bye - | tar -xO)"
check "of itself" "yes" "$([ $(($(date +%s) - started)) -lt 50 ] && echo yes)"
check "with 0" "0" "$(coracle inspect -f '{{.State.ExitCode}}' box)"
quiet start box
await is_up box
check "and boots again" "active" "$(coracle exec box systemctl is-active default.target 2>&1 || true)"
quiet rm -f -t 0 box
gone "nothing is left" "/sys/fs/cgroup/user.slice"

for mode in false true; do
	quiet create --name "named-$mode" --systemd "$mode" debian /sbin/init
done
check "by its name, unless that is refused" "true null" \
	"$(coracle inspect -f '{{json .Config}}' named-true | grep -o '"SystemdMode":[a-z]*' | cut -d: -f2) $(coracle inspect -f '{{json .Config}}' named-false | grep -c SystemdMode | sed 's/0/null/')"
quiet rm -f named-true named-false
quiet_run --name always --systemd always debian sh -c 'touch /sys/fs/cgroup/cgroup.procs && mkdir /sys/fs/cgroup/x && echo $container && sleep 1000'
await coracle exec always test -d /sys/fs/cgroup/x
check "always: groups are the container's" "coracle" "$(coracle logs always)"
check "always: inspect" "true" "$(coracle inspect -f '{{.Config.SystemdMode}}' always)"
quiet rm -f -t 0 always
gone "and they go with it" "/sys/fs/cgroup/user.slice"
exit $failed
