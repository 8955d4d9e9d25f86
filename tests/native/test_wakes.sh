#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# No user-level thread on the poller's path: while it serves, those of the daemon sleep. The kernel
# counts: a thread that is not switched to runs nothing and makes no system call.
# seconds: 60
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
engine=poller
window=3 # s
settle=3 # s, in which programs are loaded, and the doorbells' threads looked for

# switches: of the daemon's threads so far, without those that live in the kernel
switches() {
	local task sum=0 one

	for task in /proc/"$daemon_pid"/task/*; do
		grep -q '^iou-' "$task/comm" && continue
		one=$(awk '/ctxt_switches/ { n += $2 } END { print n }' "$task/status")
		sum=$((sum + one))
	done
	echo $sum
}

# wakes DEPTH LEAST: requests of a sleeping client in a window of time, and switches meanwhile
wakes() {
	local before after iops requests

	build/tests/front/loadgen --socket "$socket" --depth "$1" --sleep --event-idx --json \
		--seconds $((window + settle + 1)) >"$dir/load" &
	sleep $settle
	before=$(switches)
	sleep $window
	after=$(switches)
	wait $!
	iops=$(jq .iops "$dir/load")
	requests=$((iops * window))
	ok $((requests < $2)) "depth $1: $requests requests"
	ok $(((after - before) * 10000 > requests)) \
		"depth $1: user-level threads were switched to $((after - before)) times"
}

daemon_start --image "$dir/image" --size 64M --queues 1
wakes 1 10000
wakes 32 100000
daemon_end
ok $? "the daemon ends well"
tap_done
