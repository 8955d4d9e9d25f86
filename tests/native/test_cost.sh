#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a run of an engine's BPF program costs on this machine, by the kernel's own clock (which costs
# something, too). Runs in the test host as well (tests/host/tests/programs.sh).
# seconds: 60
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
engine=${NVRING_ENGINE:-poller}
bpftool=$(PATH=$PWD/.cache/sysroot/usr/sbin:/usr/sbin:$PATH command -v bpftool)
clock=/proc/sys/kernel/bpf_stats_enabled
if [ -z "$bpftool" ] || [ ! -w $clock ]; then
	echo "1..0 # SKIP no bpftool, or not root"
	exit 0
fi
was=$(cat $clock)
trap 'echo "$was" >$clock; daemon_gone; rm -rf "$dir"' EXIT

# programs: the daemon's, as bpftool tells of them
programs() {
	local id

	for id in $(sed -n 's/^prog_id:[[:space:]]*//p' /proc/"$daemon_pid"/fdinfo/* | sort -un); do
		"$bpftool" -j prog show id "$id"
	done
}

# cost DEPTH: of the runs that this many requests in flight make. Some engines' programs are gone when
# the load is.
cost() {
	local runs spent requests load

	daemon_start --null 1G --queues 1
	echo 1 >$clock
	build/tests/front/loadgen --socket "$socket" --depth "$1" --event-idx --seconds 3 >/dev/null &
	load=$!
	sleep 2
	kill -USR1 "$daemon_pid"
	programs >"$dir/programs"
	requests=$(counter completed)
	wait $load
	ok $? "depth $1: load"
	echo "$was" >$clock
	daemon_end 2>/dev/null
	read -r runs spent < <(jq -rs '[map(.run_cnt // 0), map(.run_time_ns // 0) | add // 0] | @tsv' \
		"$dir/programs")
	check "depth $1: the kernel ran and timed it" test "$runs" -gt 0 -a "$requests" -gt 0
	diag "$engine, depth $1: $requests requests, $runs runs of $((spent / (runs + !runs))) ns, $((
		spent / (requests + !requests))) ns a request"
}

cost 1
cost 32
tap_done
