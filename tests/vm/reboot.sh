# Containers over a reboot of the guest and over a restart of the user's manager, brought back by the unit of
# packaging/systemd. Runs twice: the first time it ends with the reboot.
. /job/base.sh
statuses() { coracle ps -a --format '{{.Names}} {{.State}}' | sort | tr '\n' ',' | sed 's/,$//'; }
lines() { coracle logs "$1" | wc -l; }

if [ ! -e "$HOME/rebooted" ]; then
	sudo install -m 0755 /job/coracle /usr/local/bin/coracle
	sudo install -D -m 0644 /job/coracle-restart.service /usr/local/lib/systemd/user/coracle-restart.service
	systemctl --user daemon-reload
	systemctl --user -q enable coracle-restart

	make_box
	for policy in always unless-stopped on-failure no; do
		for name in runs stopped; do
			quiet run -d --name "$policy-$name" --network none --restart "$policy" -v "$policy-$name:/data" \
				box sh -c 'echo up; echo again >>/data/runs; exec sleep 100000'
		done
		quiet stop -t 0 "$policy-stopped"
	done
	# As a power cut: nobody is told, and nothing is unmounted but the disk.
	touch "$HOME/rebooted"
	sync
	echo "rebooting"
	sudo systemctl reboot -f
	sleep 1000
fi

# --- After the reboot ------------------------------------------------------------------------------------

systemctl --user is-system-running --wait >/dev/null || true
check "the unit has done its work" "active" "$(systemctl --user is-active coracle-restart)"
common="no-runs exited,no-stopped exited,on-failure-runs exited,on-failure-stopped exited"
check "back are all with always, and those with unless-stopped that ran" \
	"always-runs running,always-stopped running,$common,unless-stopped-runs running,unless-stopped-stopped exited" \
	"$(statuses)"
check "each was started once more" "2 2 1" "$(lines always-runs) $(lines unless-stopped-runs) $(lines unless-stopped-stopped)"
check "on its volume" "2" "$(coracle exec always-runs cat /data/runs | wc -l)"

# --- The user's manager ends and begins again ----------------------------------------------------------------

quiet stop -t 0 always-stopped
sudo systemctl stop user@1000.service
check "the manager takes along what it has started" \
	"always-runs exited,always-stopped exited,$common,unless-stopped-runs exited,unless-stopped-stopped exited" \
	"$(statuses)"
# The session of this script keeps what the last one of a user would take along.
rm -r "$XDG_RUNTIME_DIR/coracle"
sudo systemctl start user@1000.service
systemctl --user is-system-running --wait >/dev/null || true
check "what was stopped by hand since the boot stays down" \
	"always-runs running,always-stopped exited,$common,unless-stopped-runs running,unless-stopped-stopped exited" \
	"$(statuses)"
coracle ps -a -q | xargs coracle rm -f >/dev/null
check "nothing is left" "" "$(coracle ps -a -q)"
exit $failed
