#!/bin/sh
# cargo's runner when root runs tests/run.sh: executes a test program as the unprivileged user, with the
# environment of a plain login and nothing of root's.
set -eu
exec setpriv --reuid "$CORACLE_TEST_USER" --regid "$CORACLE_TEST_USER" --init-groups \
	env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 HOME="$CORACLE_TEST_HOME" \
	USER="$CORACLE_TEST_USER" LOGNAME="$CORACLE_TEST_USER" XDG_RUNTIME_DIR="$CORACLE_TEST_RUN" \
	CORACLE_TEST_FIXTURES="$CORACLE_TEST_FIXTURES" CORACLE_TEST_CONTAINERS="${CORACLE_TEST_CONTAINERS:-}" CORACLE_TEST_FAULTS="${CORACLE_TEST_FAULTS:-}" CORACLE_TEST_DOCKERFILES="${CORACLE_TEST_DOCKERFILES:-}" CORACLE_STORAGE_DRIVER="${CORACLE_STORAGE_DRIVER:-}" CARGO_MANIFEST_DIR="$CARGO_MANIFEST_DIR" "$@"
