#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Linux guest is migrated from one QEMU to another while it reads and writes, and its disk from one
# daemon to another: not a byte of its memory that the disk wrote is lost on the way.
# seconds: 240
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/qmp.sh
. tests/lib/guest.sh
there=

# status SOCKET FILTER: of the daemon with this control socket
status() { build/nvring status --control "$1" --json | jq -r "$2"; }

# state: of the migration, as the QEMU it leaves says
state() { qmp query-migrate >"$dir/state"; sed 's/^query-migrate: //' "$dir/state" | jq -r .return.status; }

# reaches STATE: the migration does, within a minute
reaches() {
	for _ in $(seq 300); do
		[ "$(state)" != "$1" ] || return 0
		kill -0 $guest 2>/dev/null || break
		sleep 0.2
	done
	cat "$dir/state"
	return 1
}

# boot NAME SOCKET OPTION...: a QEMU for the guest in the background. Memory that the guest cleared just
# before the disk wrote it would be copied for that alone: it is not to.
boot() {
	tests/guest/run --image "$image" --append init_on_alloc=0 --socket "$2" --seconds 120 --log "$dir/$1" \
		cached part=16m size=256k seconds=25 -- "${@:3}" >/dev/null 2>&1 &
}

image=$(tests/guest/build)
daemon_start --image "$dir/image" --size 40M --queues 2 --control "$dir/control"
build/nvring serve --socket "$dir/there" --control "$dir/there.control" --engine "$engine" \
	--image "$dir/copy" --size 40M --queues 2 2>"$dir/there.log" &
there=$!
qmp_open "$dir"
boot here "$socket" "${qmp_options[@]}"
guest=$! guest_log=$dir/here
boot away "$dir/there" -incoming "unix:$dir/migrate"
destination=$!
check "the guest reads and writes" guest_said 'row cached passes=1'
check "the $engine serves" test "$(status "$dir/control" '[.queues[].engine] | unique | .[]')" = "$engine"

check "it may be stopped before it goes" qmp migrate-set-capabilities \
	'{"capabilities":[{"capability":"pause-before-switchover","state":true}]}'
check "its memory may take a while" qmp migrate-set-parameters \
	'{"max-bandwidth":25000000,"downtime-limit":1000}'
check "the migration begins" qmp migrate "{\"uri\":\"unix:$dir/migrate\"}"
check "meanwhile a worker serves, and says why" test "$(status "$dir/control" \
	'[.queues[] | .engine, .why] | unique | join(": ")')" = \
	"the guest migrates: it logs what it writes: worker"
check "the guest has stopped" reaches pre-switchover
# What a disk that both hosts reach does by itself.
check "its disk is there, too" dd if="$dir/image" of="$dir/copy" bs=1M conv=notrunc,fsync
check "it goes" qmp migrate-continue '{"state":"pre-switchover"}'
check "and is gone" reaches completed
qmp quit >/dev/null
exec 7>&-
wait $guest
left=$(grep -c '^nvring-guest: row cached' "$dir/here")
wait $destination
ok $? "it goes on where it is now"
guest_points "$dir/away"
came=$(sed -n 's/^nvring-guest: row cached passes=\([0-9]*\).*/\1/p' "$dir/away" | tail -n 1)
ok $((${came:-0} <= left)) "it had made $left passes and made ${came:-no} in all"
check "the daemon there served it" test "$(status "$dir/there.control" \
	'[.queues[].counters.completed] | add > 100')" = true
kill -TERM $there
wait $there
ok $? "that daemon ends well"
daemon_end
ok $? "the one it left, too"
check "its books balance" books_balance 300
tap_done
