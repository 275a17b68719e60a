#!/bin/sh
# Runs a script in a fresh copy of the guest (build.sh), as its unprivileged user, with the files beside it in /job.
#     sh tests/vm/run.sh DIRECTORY SCRIPT FILE...
# Prints what the script says and exits with its status; with 125 if the guest itself failed. The guest sees no network
# and of the host nothing but the folder of the job; what it changes is thrown away.
set -eu

seconds=${CORACLE_GUEST_TIMEOUT:-400}
directory=$(cd "$1" && pwd)
script=$2
shift 2
scratch=$(mktemp -d)
guest=
# Its processes are a group of their own.
clean_up() {
	[ -z "$guest" ] || kill -KILL -- "-$guest" 2>/dev/null || true
	rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

mkdir "$scratch/job"
cp "$script" "$scratch/job/script"
[ $# -eq 0 ] || cp "$@" "$scratch/job/"
echo "$seconds" >"$scratch/job/timeout"
: >"$scratch/job/output"
chmod -R a+rwX "$scratch/job"

TMPDIR=/dev/shm setsid timeout -s KILL $((seconds + 120)) "$directory/linux.uml" mem=1536M \
	ubd0="$scratch/changes,$directory/disk.raw" root=/dev/ubda rw hostfs="$scratch/job" seccomp=on \
	con=null con0=null,fd:1 ssl=null quiet systemd.show_status=0 </dev/null >"$scratch/log" 2>&1 &
guest=$!
wait "$guest" || true
cat "$scratch/job/output"
status=$(cat "$scratch/job/status" 2>/dev/null || true)
case $status in
[0-9]*) exit "$status" ;;
*)
	tail -n 20 "$scratch/log" >&2
	exit 125
	;;
esac
