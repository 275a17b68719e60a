#!/bin/sh
# Run by mmdebstrap (build.sh): turns a plain Debian tree into the guest.
set -eu
root=$1

echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost guest\n::1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/fstab"

# The user, with a manager of its own from the boot on.
chroot "$root" useradd -m -u 1000 -s /bin/bash alice
for file in subuid subgid; do
	grep -q '^alice:' "$root/etc/$file" || echo alice:100000:65536 >>"$root/etc/$file"
done
mkdir -p "$root/var/lib/systemd/linger"
: >"$root/var/lib/systemd/linger/alice"
echo 'alice ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/alice"

# The job that run.sh has put into the shared folder, in a login session; then the power goes off.
mkdir -p "$root/job" "$root/usr/local/lib/guest"
cat >"$root/etc/systemd/system/job.mount" <<'U'
[Mount]
What=none
Where=/job
Type=hostfs
U
cat >"$root/etc/systemd/system/guest-job.service" <<'U'
[Unit]
RequiresMountsFor=/job
Wants=user@1000.service
After=multi-user.target user@1000.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
User=alice
PAMName=login
WorkingDirectory=/home/alice
ExecStart=-/bin/sh -c 'exec timeout "$$(cat /job/timeout)" sh /job/script'
ExecStopPost=+/usr/local/lib/guest/end
Environment=XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user
StandardInput=null
StandardOutput=append:/job/output
StandardError=append:/job/output
[Install]
WantedBy=graphical.target
U
cat >"$root/usr/local/lib/guest/end" <<'S'
#!/bin/sh
# A number, or the name of a signal.
echo "${EXIT_STATUS:-255}" >/job/status
systemctl --force --force poweroff 2>/dev/null
S
chmod 0755 "$root/usr/local/lib/guest/end"
chroot "$root" systemctl -q enable guest-job.service

# Nothing wakes up by itself, and no work is left for the boot.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
	fstrim.timer systemd-tmpfiles-clean.timer getty@tty1.service serial-getty@ttyS0.service \
	podman-auto-update.timer podman.socket systemd-remount-fs.service systemd-random-seed.service \
	systemd-network-generator.service systemd-update-utmp.service systemd-sysusers.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
rm -f "$root"/boot/initrd* "$root"/initrd* "$root"/var/cache/apt/*.bin
touch "$root/etc/.updated" "$root/var/.updated"
