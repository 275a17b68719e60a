# Logs in the journal, in the guest: the fields that podman writes too, and `logs` that reads them back.
. /job/base.sh
has() { [ "$(journalctl -q -o cat --output-fields=PRIORITY "CONTAINER_NAME=$1" | wc -l)" -ge "$2" ]; }
# What the journal has of a container in one field, an entry a line, once it has so many entries.
field() { # NAME FIELD ENTRIES
	await has "$1" "$3"
	journalctl -q -o cat "--output-fields=$2" "CONTAINER_NAME=$1"
}

make_box
run="coracle run --network none --log-driver journald"
words='echo to out; sleep 0.1; echo to err >&2; sleep 0.1; echo last'

# --- The same fields as podman's ------------------------------------------------------------------------

$run --name talks box sh -c "$words" >/dev/null 2>&1
check "messages" "to out
to err
last" "$(field talks MESSAGE 3)"
check "standard error has another priority" "6 3 6" "$(field talks PRIORITY 3 | tr '\n' ' ' | sed 's/ $//')"
id=$(coracle inspect -f '{{.Id}}' talks)
check "the id" "$id" "$(field talks CONTAINER_ID_FULL 3 | head -n 1)"
podman run --name says --network none --log-driver journald --rootfs "$root:O" sh -c "$words" >/dev/null 2>&1
field says MESSAGE 3 >/dev/null
own_fields() {
	journalctl -q -o export -n 1 "CONTAINER_NAME=$1" | LC_ALL=C grep -a -o '^[A-Z][A-Z_]*' |
		grep -v '^CODE_' | sort -u
}
own_fields says >"$HOME/podman-fields"
own_fields talks >"$HOME/fields"
check "no field of podman's is missing" "" "$(comm -23 "$HOME/podman-fields" "$HOME/fields")"

# --- Read back -------------------------------------------------------------------------------------------

check "logs" "to out
last" "$(coracle logs talks 2>/dev/null)"
check "standard error apart" "to err" "$(coracle logs talks 2>&1 >/dev/null)"
check "tail" "last" "$(coracle logs --tail 1 talks)"
check "nothing since" "" "$(coracle logs --since 0s talks 2>&1)"
check "all until" "3" "$(coracle logs --until 0s talks 2>&1 | wc -l)"
case $(coracle logs -t --tail 1 talks) in
20[0-9][0-9]-*T*Z\ last) echo "ok: timestamps" ;;
*)
	echo "FAILED: timestamps: $(coracle logs -t --tail 1 talks)"
	failed=1
	;;
esac
$run --name marked --label stage=test -e MOOD=fine --log-opt labels=stage --log-opt env=MOOD \
	--log-opt tag='{{.Name}}/{{.ImageName}}' box sh -c "$words" >/dev/null 2>&1
check "a tag" "marked/box" "$(field marked SYSLOG_IDENTIFIER 3 | head -n 1)"
check "details" "MOOD=fine,STAGE=test last" "$(coracle logs --details --tail 1 marked)"
check "a long line comes whole" "100001" \
	"$($run --name long box sh -c 'head -c 100000 /dev/zero | busybox tr "\0" x; echo' | wc -c)"
field long PRIORITY 7 >/dev/null
check "and is read back so" "100001" "$(coracle logs long | wc -c)"

# --- Followed --------------------------------------------------------------------------------------------

$run -d --name goes box sh -c 'echo one; sleep 3; echo two' >/dev/null
check "followed to its end" "one
two" "$(timeout 60 coracle logs -f goes)"

# --- Full ------------------------------------------------------------------------------------------------

# The container waits for a journal that takes nothing; who looks after it does not, and nothing is lost.
sudo systemctl kill -s STOP systemd-journald
pad=$(head -c 200 /dev/zero | tr "\0" x)
many="trap 'exit 5' TERM; (for i in \$(busybox seq 3000); do echo line \$i $pad; done; touch /said) & while :; do sleep 0.1; done"
for name in full stopped; do
	$run -d --name $name --health-cmd true --health-interval 1s box sh -c "$many" >/dev/null
done
sleep 3
check "the output waits" "no" "$(coracle exec full test -e /said && echo yes || echo no)"
check "its health does not" "healthy" "$(coracle inspect -f '{{.State.Health.Status}}' full)"
quiet stop -t 20 stopped
check "nor its end" "5" "$(coracle inspect -f '{{.State.ExitCode}}' stopped)"
sudo systemctl kill -s CONT systemd-journald
await coracle exec full test -e /said
await has full 3000
check "and nothing is lost" "3000" "$(journalctl -q -o cat CONTAINER_NAME=full | grep -c '^line ')"
quiet rm -f -t 0 talks marked long goes full stopped
podman rm -f says >/dev/null
exit $failed
