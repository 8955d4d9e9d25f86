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

# spent [PATTERN]: "RUNS NS" so far, of the daemon's programs, and of the hook that it shares, which the
# process that loads them has open
spent() {
	local id

	for id in $(for pid in "$daemon_pid" $(pgrep -P "$daemon_pid"); do
		sed -n 's/^prog_id:[[:space:]]*//p' /proc/"$pid"/fdinfo/*
	done | sort -un); do
		"$bpftool" -j prog show id "$id"
	done | jq -rs --arg name "^(${1:-.*})\$" 'map(select(.name // "" | test($name))) |
		"\(map(.run_cnt // 0) | add // 0) \(map(.run_time_ns // 0) | add // 0)"'
}

# cost DEPTH: of the runs that this many requests in flight make. Some engines' programs are gone when the
# load is.
cost() {
	local before after runs ns requests load label="depth $1"

	daemon_start --null 1G --queues 1
	build/tests/front/loadgen --socket "$socket" --depth "$1" --event-idx --seconds 30 >/dev/null &
	load=$!
	# A worker serves until the engine is there, which takes a while beside the load.
	for _ in $(seq 100); do
		sleep 0.1
		kill -USR1 "$daemon_pid"
		! grep -q 'direct: runs [1-9]' "$daemon_log" || break
	done
	sleep 0.1
	: >"$daemon_log"
	kill -USR1 "$daemon_pid"
	read -ra before < <(spent)
	echo 1 >$clock
	sleep 2
	echo "$was" >$clock
	read -ra after < <(spent)
	requests=$(counter completed)
	: >"$daemon_log"
	kill -USR1 "$daemon_pid"
	sleep 0.1
	requests=$(($(counter completed) - requests))
	kill -TERM $load
	wait $load 2>/dev/null
	ok $(($? != 128 + 15)) "$label: the load went on until it was ended"
	daemon_end 2>/dev/null
	runs=$((after[0] - before[0])) ns=$((after[1] - before[1]))
	check "$label: the kernel ran and timed it" test "$runs" -gt 0 -a "$requests" -gt 0
	diag "$engine, $label: $requests requests, $runs runs of $((ns / (runs + !runs))) ns, $((
		ns / (requests + !requests))) ns a request"
}

# filter PROGRAM WHAT COUNT OPTION...: (a pattern) what another process's completions or doorbells pay,
# while ours has next to nothing to do. COUNT is how many there were, for jq; OPTIONs are of the load.
filter() {
	local other=$dir/other other_pid idle before after runs count options=()

	[ "$1" != nvr_doorbell ] || options=(--vcpu-dispatch)
	daemon_start --null 1G --queues 1 "${options[@]}"
	build/tests/front/loadgen --socket "$socket" --rate 1 --sleep --seconds 4 >/dev/null &
	idle=$!
	build/nvring serve --engine worker --image "$dir/image" --size 64M --socket "$other" 2>/dev/null &
	other_pid=$!
	sleep 1
	read -ra before < <(spent "$1")
	echo 1 >$clock
	count=$(build/tests/front/loadgen --socket "$other" --seconds 2 "${@:4}" --json | jq "$3 | round")
	echo "$was" >$clock
	read -ra after < <(spent "$1")
	kill -TERM $other_pid
	wait $idle $other_pid
	daemon_end 2>/dev/null
	runs=$((after[0] - before[0]))
	check "filter of $2: it saw the other process's" test "$runs" -ge "${count:-1000000000}"
	diag "filter of $2: $runs runs of $(((after[1] - before[1]) / (runs + !runs))) ns for" \
		"$count of another process"
}

cost 1
cost 32
if [ "$engine" = poller ]; then
	filter 'nvr_(hub|complete)' completions .requests --depth 32
	# One doorbell each: at this rate the other is asleep before the next.
	[ ! -e /sys/kernel/btf/kvm ] || filter nvr_doorbell doorbells '.kicks * .requests' --depth 1 --kvm --rate 200
fi
tap_done
