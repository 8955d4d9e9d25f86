#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a run of an engine's BPF program costs on this machine, by the kernel's own clock (which costs
# something, too), and what everybody else's completions and doorbells pay for its filters. Runs in
# the test host as well (tests/host/tests/programs.sh).
# seconds: 90
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

# filter PROGRAM WHAT OPTION...: what another process's completions or doorbells pay, while ours has
# next to nothing to do. OPTIONs are of the load on the other.
filter() {
	local other=$dir/other other_pid idle runs spent requests options=()

	[ "$1" != nvr_doorbell ] || options=(--vcpu-dispatch)
	daemon_start --null 1G --queues 1 "${options[@]}"
	build/tests/front/loadgen --socket "$socket" --rate 1 --sleep --seconds 4 >/dev/null &
	idle=$!
	build/nvring serve --engine worker --image "$dir/image" --size 64M --socket "$other" 2>/dev/null &
	other_pid=$!
	sleep 1
	echo 1 >$clock
	requests=$(build/tests/front/loadgen --socket "$other" --seconds 2 "${@:3}" --json | jq '.iops * 2 | round')
	programs >"$dir/programs"
	echo "$was" >$clock
	kill -TERM $other_pid
	wait $idle $other_pid
	daemon_end 2>/dev/null
	read -r runs spent < <(jq -rs --arg name "$1" 'map(select(.name == $name)) |
		[(map(.run_cnt // 0) | add // 0), (map(.run_time_ns // 0) | add // 0)] | @tsv' "$dir/programs")
	check "filter of $2: it saw the other process's" test "$runs" -ge "${requests:-1000000000}"
	diag "filter of $2: $runs runs of $((spent / (runs + !runs))) ns for $requests requests of another process"
}

cost 1
cost 32
if [ "$engine" = poller ]; then
	filter nvr_complete completions --depth 32
	# One doorbell each: at this rate the other is asleep before the next.
	[ ! -e /sys/kernel/btf/kvm ] || filter nvr_doorbell doorbells --depth 1 --kvm --rate 200
fi
tap_done
