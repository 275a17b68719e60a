# Limits whose controllers systemd does not hand down unless the host's administrator says so, in the guest.
. /job/base.sh
make_box /usr/bin/dd
run="coracle run --rm --network none"
# The disk of this guest, whatever its kernel calls it.
disk=$(sed -n 's|^\(/dev/[^ ]*\) / .*|\1|p' /proc/mounts)
[ -b "$disk" ] || disk=/dev/ubda
number=$(cat "/sys/class/block/${disk#/dev/}/dev")

# By the very words of the hint.
said=$($run --device-read-bps $disk:1mb box true 2>&1 || true)
contains "before: named" "the control group controller io is not delegated to you" "$said"
names=$(echo "$said" | sed -n "s/.*'\(Delegate=[^']*\)'.*/\1/p")
check "before: the line that delegates it" "Delegate=cpu memory pids io" "$names"
sudo mkdir -p /etc/systemd/system/user@.service.d
printf '[Service]\n%s cpuset\n' "$names" | sudo tee /etc/systemd/system/user@.service.d/delegate.conf >/dev/null
sudo systemctl daemon-reload
sudo systemctl restart user@1000.service
await test -S "$XDG_RUNTIME_DIR/bus"

controllers=$(cat /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers)
contains "delegated" "io" "$controllers"
flags="--device-read-bps $disk:1mb --device-write-iops $disk:100"
check "io: rates" "$number rbps=1048576 wbps=max riops=max wiops=100" "$($run $flags box cat /sys/fs/cgroup/io.max)"
check "io: podman writes the same" \
	"$(podman run -q --rm --network none --cgroups enabled $flags --rootfs "$root:O" cat /sys/fs/cgroup/io.max)" \
	"$($run $flags box cat /sys/fs/cgroup/io.max)"
check "io: inspect" "$disk 1048576" "$(coracle create --name io $flags box true >/dev/null; coracle inspect -f '{{(index .HostConfig.BlkioDeviceReadBps 0).Path}} {{(index .HostConfig.BlkioDeviceReadBps 0).Rate}}' io)"
quiet rm io
# Felt: two megabytes at one a second, past what the kernel has in memory.
head -c 2097152 /dev/urandom >"$HOME/two"
started=$(date +%s%N)
$run --device-read-bps $disk:1mb -v "$HOME/two:/two" box dd if=/two of=/dev/null bs=64k iflag=direct 2>/dev/null
took=$((($(date +%s%N) - started) / 1000000))
check "io: felt" "yes" "$([ "$took" -ge 1000 ] && echo yes || echo "$took ms")"
weights=$(ls /sys/fs/cgroup/user.slice | grep -E '^io\.(bfq\.)?weight$' || true)
said=$($run --blkio-weight 500 --blkio-weight-device $disk:200 box sh -c 'cat /sys/fs/cgroup/io.*weight' 2>&1 || true)
if [ -n "$weights" ]; then
	# Of a disk only where something goes by it, as the hint says.
	mend=$(echo "$said" | sed -n 's/^hint: as root: \(.*\), or give.*/\1/p')
	if [ -n "$mend" ]; then
		sudo sh -c "$mend"
		said=$($run --blkio-weight 500 --blkio-weight-device $disk:200 box cat /sys/fs/cgroup/io.weight 2>&1 || true)
		check "io: weight" "default 4950 $number 1920" "$(echo $said)"
	fi
	contains "io: weights" "default" "$said"
else
	contains "io: a kernel without weights says so" "this kernel has no such limit" "$said"
fi

# User-Mode Linux has one processor, and so no controller of several.
case " $controllers " in
*" cpuset "*)
	check "cpuset: processors" "0" "$($run --cpuset-cpus 0 box cat /sys/fs/cgroup/cpuset.cpus)"
	check "cpuset: felt" "0" "$($run --cpuset-cpus 0 box sh -c 'cat /proc/self/status' | sed -n 's/^Cpus_allowed_list:\t//p')"
	check "cpuset: memory" "0" "$($run --cpuset-mems 0 box cat /sys/fs/cgroup/cpuset.mems)"
	quiet run -d --name set --network none --cpuset-cpus 0 box sleep 1000
	quiet update --cpuset-mems 0 set
	check "cpuset: update" "0 0" "$(coracle exec set cat /sys/fs/cgroup/cpuset.cpus /sys/fs/cgroup/cpuset.mems | tr '\n' ' ' | sed 's/ $//')"
	quiet rm -f set
	check "cpuset: podman writes the same" "$(podman run -q --rm --network none --cgroups enabled --cpuset-cpus 0 --rootfs "$root:O" cat /sys/fs/cgroup/cpuset.cpus)" \
		"$($run --cpuset-cpus 0 box cat /sys/fs/cgroup/cpuset.cpus)"
	contains "cpuset: none of which there is" "Requested CPUs are not available" "$($run --cpuset-cpus 63 box true 2>&1 || true)"
	;;
*) echo "not tried: this kernel has no controller cpuset, only $(cat /sys/fs/cgroup/cgroup.controllers)" ;;
esac
contains "no disk" "it is no block device" "$($run --device-read-bps /dev/null:1mb box true 2>&1 || true)"
gone "nothing is left" "/sys/fs/cgroup/user.slice"
exit $failed
