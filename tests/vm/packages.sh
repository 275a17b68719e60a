# The .deb, in the guest: installed, used, removed.
PATH=/usr/bin:$PATH
. /job/base.sh
rm -f "$HOME/coracle"
hash -r
sudo dpkg -i /job/coracle.deb >"$HOME/said" 2>&1 || cat "$HOME/said"
check "installed" "ii" "$(dpkg-query -W -f '${db:Status-Abbrev}' coracle | tr -d ' ')"
check "where programs are" "/usr/bin/coracle" "$(command -v coracle)"
contains "it works" "Hello from Coracle" "$(coracle run --rm builtin:hello)"
contains "also for root" "Hello from Coracle" "$(sudo coracle run --rm --network none builtin:hello)"
contains "so does completion" "run" "$(bash -c '. /usr/share/bash-completion/completions/coracle; COMP_LINE="coracle ru" COMP_POINT=10; _coracle; echo "${COMPREPLY[*]}"' 2>/dev/null)"
check "its manuals" "yes" "$([ -e /usr/share/man/man1/coracle-run.1.gz ] && [ -e /usr/share/man/man7/coracle-rootless.7.gz ] && echo yes)"
contains "no profile where none is needed" "No such file" "$(ls /etc/apparmor.d/coracle 2>&1 || true)"
if [ -e /etc/apparmor.d/abi/4.0 ]; then
	check "the profile compiles" "0" "$(/usr/sbin/apparmor_parser -QK /usr/share/coracle/apparmor/coracle >"$HOME/why" 2>&1; echo $?)"
	contains "for the program that is installed" '"/usr/bin/coracle"' "$(cat /usr/share/coracle/apparmor/coracle)"
else
	echo "not tried: this guest has no AppArmor of version 4"
fi

make_box
quiet run -d --name back --restart always --network none box sleep 1000
quiet create --name idle --network none box true
systemctl --user daemon-reload
systemctl --user enable -q coracle-restart.service
systemctl --user start coracle-restart.service
check "the unit for a reboot" "active" "$(systemctl --user is-active coracle-restart.service)"
systemctl --user enable -q --now coracle-prune.timer
check "the timer" "active" "$(systemctl --user is-active coracle-prune.timer)"
contains "is due" "coracle-prune.service" "$(systemctl --user list-timers --no-legend coracle-prune.timer)"
systemctl --user start coracle-prune.service
check "it has taken away what nobody uses" "back" "$(coracle ps -a --format '{{.Names}}')"
coracle doctor >"$HOME/doctor" || true
contains "doctor" "ok" "$(cat "$HOME/doctor")"
quiet rm -f back
systemctl --user disable -q --now coracle-prune.timer coracle-restart.service

sudo dpkg -P coracle >/dev/null 2>&1
check "removed" "" "$(find /usr /etc -name '*coracle*' -not -path '/usr/local/*' 2>/dev/null)"
check "but not what the user has" "yes" "$([ -d "$HOME/.local/share/coracle/images" ] && echo yes)"
exit $failed
