# Containers as units of systemd, in the guest: who says that they are ready, what they are handed, where they are.
. /job/base.sh
make_box /usr/bin/systemd-notify
user() { systemctl --user "$@"; }
property() { user show -P "$2" "$1"; }
# unit NAME PROPERTIES -- FLAGS...: starts a container as a unit, and returns once systemd takes that for started.
unit() {
	name=$1
	shift
	systemd-run --user -q --unit "$name" "$@"
}
run="$HOME/coracle run --rm --network none"
is() { [ "$(property "$2" "$1")" = "$3" ]; }

# --- --sdnotify -----------------------------------------------------------------------------------------

unit conmon -p Type=notify $run -d --name conmon --sdnotify conmon box sleep 1000
check "conmon: the unit is active" "active" "$(property conmon ActiveState)"
supervisor=$(cut -d' ' -f4 "/proc/$(coracle inspect -f '{{.State.Pid}}' conmon)/stat")
check "its main process is the supervisor" "$supervisor" "$(property conmon MainPID)"
check "the program is told nothing" "" "$(coracle exec conmon env | grep NOTIFY_SOCKET || true)"
user stop conmon
check "the container ends with its unit" "" "$(coracle ps -aq)"

unit code -p Type=notify -p RemainAfterExit=no $run -d --sdnotify conmon box sh -c 'sleep 2; exit 7'
await is ActiveState code failed
check "the unit ends as the program did" "7" "$(property code ExecMainStatus)"

program='sleep 2; systemd-notify --ready --status=served; sleep 1000'
unit inside -p Type=notify --no-block $run -d --name inside box sh -c "$program"
await coracle exec inside true
check "container: not before the program says so" "activating" "$(property inside ActiveState)"
await is ActiveState inside active
check "container: the program said so" "active" "$(property inside ActiveState)"
check "and what it serves" "served" "$(property inside StatusText)"
contains "by a socket of its own" "NOTIFY_SOCKET=/run/notify/notify.sock" "$(tr '\\0' '\\n' <"/proc/$(coracle inspect -f '{{.State.Pid}}' inside)/environ")"
coracle exec -e NOTIFY_SOCKET=/run/notify/notify.sock inside systemd-notify MAINPID=1 STATUS=two
sleep 1
check "also later" "two" "$(property inside StatusText)"
check "but not who the main process is" "$(cut -d' ' -f4 "/proc/$(coracle inspect -f '{{.State.Pid}}' inside)/stat")" \
	"$(property inside MainPID)"
user stop inside

unit attached -p Type=notify $run --name attached -u 1000 --userns keep-id box sh -c 'systemd-notify --ready; sleep 1000'
check "container: in the foreground, as another user" "active" "$(property attached ActiveState)"
user stop attached

unit healthy -p Type=notify --no-block $run -d --name healthy --sdnotify healthy --health-cmd 'test -e /tmp/ok' \
	--health-interval 1s box sleep 1000
await coracle exec healthy true
sleep 2
check "healthy: not before a check has succeeded" "activating" "$(property healthy ActiveState)"
quiet exec healthy touch /tmp/ok
await is ActiveState healthy active
check "healthy: then" "active" "$(property healthy ActiveState)"
user stop healthy
contains "healthy needs a check" 'sdnotify policy "healthy" requires a healthcheck' \
	"$(coracle run --rm --sdnotify healthy box true 2>&1 || true)"

unit ignore -p Type=notify -p TimeoutStartSec=3 $run -d --name ignore --sdnotify ignore box sleep 1000 2>/dev/null || true
check "ignore: systemd waits in vain" "protocol" "$(property ignore Result)"

quiet create --name made --network none --sdnotify conmon box sleep 1000
unit started -p Type=notify "$HOME/coracle" start made
check "start tells too" "active" "$(property started ActiveState)"
user stop started
quiet rm -f made

# --- Socket activation ----------------------------------------------------------------------------------

# Of an own unit: systemd-run's sockets start theirs with a command line alone.
units=$HOME/.config/systemd/user
mkdir -p "$units"
cat >"$units/lister.socket" <<U
[Socket]
ListenFIFO=%t/lister
ListenStream=%t/lister.sock
FileDescriptorName=food
U
cat >"$units/lister.service" <<U
[Service]
Type=oneshot
ExecStart=$run --name lister box sh -c 'env; echo pid \$\$\$\$; ls -l /proc/self/fd; head -n 1 <&3'
ExecStart=$run --init box sh -c 'echo with init pid \$\$\$\$; env'
StandardOutput=append:%t/listed
U
ln -sf busybox "$root/bin/ls"
tar -C "$root" -c . | coracle import - box >/dev/null
user daemon-reload
user start lister.socket
echo eaten >"$XDG_RUNTIME_DIR/lister"
is_told() { grep -q 'with init' "$XDG_RUNTIME_DIR/listed"; }
await is_told
await is ActiveState lister.service inactive
listed=$(cat "$XDG_RUNTIME_DIR/listed")
contains "activation: how many" "LISTEN_FDS=2" "$listed"
contains "activation: for whom" "LISTEN_PID=1" "$listed"
contains "activation: their names" "LISTEN_FDNAMES=food:food" "$listed"
contains "activation: the program has them" "eaten" "$listed"
contains "activation: with an init, for its child" "LISTEN_PID=2" "$listed"
contains "activation: which is that" "with init pid 2" "$listed"
user stop lister.socket

# --- Where they are ---------------------------------------------------------------------------------------

service=/user.slice/user-1000.slice/user@1000.service
unit limited -p Type=notify $run -d --name limited --sdnotify conmon -m 64m box sleep 1000
check "limits: the unit is active" "active" "$(property limited ActiveState)"
contains "limits: the supervisor is the unit's" "app.slice/limited.service" \
	"$(cat "/proc/$(property limited MainPID)/cgroup")"
contains "limits: the container has a scope" "user.slice/coracle-" "$(group limited)"
check "limits: they are set" "67108864" "$(cat "$(group limited)/memory.max")"
contains "limits: an exec is in it" "/container" "$(coracle exec limited cat /proc/1/cgroup)$(group limited)"
quiet restart -t 0 limited
check "limits: and after a restart" "67108864" "$(coracle exec limited cat /sys/fs/cgroup/memory.max)"
quiet rm -f limited
user stop limited
gone "limits: nothing is left" "/sys/fs/cgroup$service"

unit apart -p Type=notify $run -d --name apart --sdnotify conmon --cgroups no-conmon box sleep 1000
contains "no-conmon: the supervisor is the unit's" "app.slice/apart.service" "$(cat "/proc/$(property apart MainPID)/cgroup")"
contains "no-conmon: the container is not" "user.slice/coracle-" "$(group apart)"
check "no-conmon: inspect" "no-conmon" "$(coracle inspect -f '{{.HostConfig.Cgroups}}' apart)"
user stop apart
contains "no-conmon from a login" "only systemd can move" "$($run --cgroups no-conmon box true 2>&1 || true)"

unit split -p Type=notify -p Delegate=yes $run -d --name split --sdnotify conmon --cgroups split -m 64m box sleep 1000
contains "split: the container is beneath the unit" "app.slice/split.service/coracle-" "$(group split)"
contains "split: and so is the supervisor" "app.slice/split.service/" "$(cat "/proc/$(property split MainPID)/cgroup")"
check "split: limits are set" "67108864" "$(cat "$(group split)/memory.max")"
check "split: inspect" "split" "$(coracle inspect -f '{{.HostConfig.Cgroups}}' split)"
contains "split: systemd shows it" "coracle-" "$(systemd-cgls --no-pager "$service/app.slice/split.service")"
quiet pause split
check "split: pauses" "paused" "$(coracle inspect -f '{{.State.Status}}' split)"
quiet unpause split
user stop split
gone "split: all of it goes with the unit" "/sys/fs/cgroup$service"
contains "split of what is not the user's" "Delegate=yes" "$($run --cgroups split box true 2>&1 || true)"

# --- What serves containers of every unit --------------------------------------------------------------

sudo modprobe -a bridge veth tun
sudo chmod 0666 /dev/net/tun
bridged="$HOME/coracle run -d"
unit first -p Type=notify $bridged --name first --sdnotify conmon box sleep 1000
contains "network: the helper is none of the unit's" "user.slice/coracle-network-" "$(cat "/proc/$(pgrep -f network-helper)/cgroup")"
helper=$(pgrep -f network-helper)
quiet run -d --name other -p 127.0.0.1:8080:80 box sh -c 'while :; do echo served | busybox nc -l -p 80; done'
# In one connection, over the end of the unit.
quiet run -d --name long -p 127.0.0.1:8081:81 box sh -c 'busybox nc -l -p 81 -e busybox sh -c "echo begun; sleep 6; echo ended"'
sleep 1
busybox nc 127.0.0.1 8081 </dev/null >"$HOME/long" &
long=$!
is_begun() { grep -q begun "$HOME/long"; }
await is_begun
user stop first
check "network: it survives the unit" "$helper" "$(pgrep -f network-helper)"
check "network: other containers are reached" "served" "$(busybox timeout 10 busybox nc 127.0.0.1 8080 </dev/null)"
wait "$long" || true
check "network: their connections stay" "begun ended" "$(tr '\n' ' ' <"$HOME/long" | sed 's/ $//')"
quiet rm -f -t 0 other long
is_over() { ! pgrep -f network-helper; }
await is_over
gone "network: and then nothing is left" "/sys/fs/cgroup$service"

# --- What outlives a logout --------------------------------------------------------------------------------

quiet run -d --name stays --network none box sleep 1000
check "linger: nothing to say" "" "$(coracle update --restart always stays 2>&1 >/dev/null)"
sudo loginctl disable-linger alice
hint="hint: to keep it running after the last logout: loginctl enable-linger alice"
check "linger: update" "$hint" "$(coracle update --restart unless-stopped stays 2>&1 >/dev/null)"
check "linger: not for limits" "" "$(coracle update --restart no stays 2>&1 >/dev/null)"
check "linger: run" "$hint" "$(coracle run -d --name too --restart always --network none box sleep 1000 2>&1 >/dev/null)"
contains "linger: doctor" "loginctl enable-linger alice" "$(coracle doctor 2>&1 || true)"
sudo loginctl enable-linger alice
quiet rm -f stays too
exit $failed
