#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What an operator sees of a running VM: `nvring top`, metrics, latencies, what is pinned for bpftool.
# Against what the load generator did, and its own clock.
# seconds: 150
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/status.sh
bpftool=$(PATH=$PWD/.cache/sysroot/usr/sbin:/usr/sbin:$PATH command -v bpftool)
bpffs=$(findmnt -nro TARGET -t bpf | head -1)
pins=${bpffs:+$bpffs/nvring-test-$$}
rate=${NVRING_WATCH_RATE:-2000} # requests a second
overhead=${NVRING_WATCH_OVERHEAD:-10} # ms at most, of a request outside of what the daemon sees
# NVRING_WATCH_OPTION: --vcpu-dispatch, which has a program of its own
loop= group= idle=
end() {
	[ -z "$idle" ] || kill "$idle" 2>/dev/null
	daemon_gone
	[ -z "$loop" ] || losetup -d "$loop"
	[ -z "$group" ] || rmdir "$group"/{nvring,} 2>/dev/null
	[ -z "$bpffs" ] || rm -rf "$pins"
	rm -rf "$dir"
}
trap end EXIT

# serve OPTION...: as vm.1, whose folder is vm%2E1, since bpffs refuses dots
serve() {
	daemon_start --queues 2 --name vm.1 --control "$dir/control" ${pins:+--pin-dir "$pins"} \
		${NVRING_WATCH_OPTION:-} "$@"
}
folder=$pins/vm%2E1

# unload PID: end a load, and see its front-end go
unload() {
	kill "$1"
	wait "$1" 2>/dev/null
	for _ in $(seq 100); do
		[ "$(status .connected)" != false ] || break
		sleep 0.1
	done
}

load() { build/tests/front/loadgen --socket "$socket" "$@"; }
dump() { "$bpftool" -j map dump pinned "$folder/stats" | jq '[.[].formatted.value]'; }
# near VALUE OF PERCENT
near() { awk -v a="$1" -v b="$2" -v p="$3" 'BEGIN { exit !(a >= b * (1 - p / 100) && a <= b * (1 + p / 100)) }'; }
# plain NUMBER: of "12.3k", "45.6us" (in microseconds)
plain() {
	awk -v text="$1" 'BEGIN {
		unit = text; sub(/^[0-9.]+/, "", unit)
		scale["k"] = 1e3; scale["M"] = 1e6; scale["G"] = 1e9; scale["ms"] = 1e3; scale["s"] = 1e6
		print (text + 0) * (unit in scale ? scale[unit] : 1)
	}'
}

# completed MORE: wait until so many more requests than last time are over; sets completed
completed=0
completed() {
	local want=$((completed + $1))

	for _ in $(seq 200); do
		completed=$(status | jq '[.queues[].counters.completed] | add')
		[ "$completed" -lt "$want" ] || return 0
		sleep 0.1
	done
	return 1
}

# view: what top shows while requests come at a rate
view() {
	local rows=$dir/top iops read queue

	load --depth 4 --queues 2 --rw mixed --sleep --event-idx --rate "$rate" --seconds 8 >/dev/null &
	completed 1
	build/nvring top --control "$dir/control" -n 2 >"$rows"
	ok $? "top ends well"
	wait $!
	ok $? "load with a rate"
	completed $((rate * 6))
	ok $? "the daemon has seen that load"
	check "top: heads, the VM and its two queues, twice" test "$(grep -c . "$rows")" = 8
	check "top: each line has a value for each head" awk 'NR != 5 && NF < 15 { exit 1 }' "$rows"
	read -r _ _ _ iops read _ < <(sed -n 2p "$rows")
	check "top: the rate is what it is ($iops)" near "$(plain "$iops")" "$rate" 40
	check "top: half of it reads ($read)" near "$(plain "$read")" $((rate * 2048)) 45
	queue=$(awk '$1 == "0" && $2 == engine { n++ } END { print n + 0 }' engine="$engine" "$rows")
	check "top: queues have their engine" test "$queue" = 2
	diag "$(cat "$rows")"
}

# every: what is followed now: the sum over queues
every() { dump | jq '[.[].trace.every] | add'; }

# followed: single requests, and that nobody is followed any more when nobody asks
followed() {
	local load forgotten

	build/tests/front/loadgen --socket "$socket" --depth 4 --queues 2 --rw mixed --sleep --event-idx \
		--rate "$rate" --seconds 100 >/dev/null &
	load=$!
	completed 1
	build/nvring trace --control "$dir/control" --every 7 --count 12 >"$dir/trace"
	ok $? "trace ends well"
	diag "$(cat "$dir/trace")"
	check "trace: a head and twelve requests, each with a value for each head" awk 'NF != 12 { exit 1 }
		END { exit NR != 13 }' "$dir/trace"
	build/nvring trace --control "$dir/control" --every 5 --count 30 --json >"$dir/trace"
	ok $? "trace of more ends well"
	check "trace: reads and writes of this disk, served by the $engine" jq -se --arg engine "$engine" '
		length == 30 and all(.[]; .engine == $engine and (.op == "read" or .op == "write") and
			.bytes == 4096 and .sector % 8 == 0 and .sector < 131072 and .queue < 2) and
		([.[].sector] | max > 0)' "$dir/trace"
	check "trace: one stage after another, the last within 10 s" jq -se 'all(.[];
		[.kicked_ns, .taken_ns, .submitted_ns, .completed_ns, .published_ns, .interrupted_ns] |
		map(select(. != null)) | length >= 3 and . == sort and last - first < 1e10)' "$dir/trace"
	check "trace: some of them with all stages" jq -se '
		any(.[]; .kicked_ns and .submitted_ns and .interrupted_ns)' "$dir/trace"
	if [ -n "$bpffs" ] && [ -n "$bpftool" ]; then
		check "trace: it is over" test "$(every)" = 0
		build/nvring trace --control "$dir/control" --every 9 >/dev/null &
		forgotten=$!
		for _ in $(seq 50); do
			[ "$(every)" != 18 ] || break
			sleep 0.1
		done
		check "trace: one that goes on" test "$(every)" = 18
		kill -KILL $forgotten
		wait $forgotten 2>/dev/null
		for _ in $(seq 80); do
			[ "$(every)" != 0 ] || break
			sleep 0.1
		done
		check "trace: it ends when nobody asks any more" test "$(every)" = 0
	else
		skip "trace: it is over" "no bpffs, or no bpftool"
	fi
	unload $load
	completed 1
	ok $? "the load that was followed is over"
}

# books: every request is in one histogram, and everywhere the same
books() {
	local latencies

	status >"$dir/status"
	latencies=$(jq '[.queues[].latency[].count] | add' "$dir/status")
	check "$1: each is in a histogram ($latencies)" test "$latencies" = "$completed"
	check "$1: and in a bucket of it" test "$(jq '[.queues[].latency[].buckets[][1]] | add' \
		"$dir/status")" = "$completed"
	check "$1: each interrupt is in a histogram, in each queue" jq -e '[.queues[] | .delay.interrupt.count ==
		.counters.interrupts and .counters.interrupts > 0] | all' "$dir/status"
	# A vCPU starts what it rings for, and doorbells reach us together.
	[ -n "${NVRING_WATCH_OPTION:-}" ] || check "$1: doorbells that started requests are in one" jq -e '
		[.queues[] | .delay.kick.count > 0 and .delay.kick.count <= .counters.kicks] | all' \
		"$dir/status"
	# One is over before the next begins.
	check "$1: these took no longer than there was time" jq -e --argjson from "$served" '.now_ns as $now |
		[.queues[].delay[] | .sum_ns > 0 and .sum_ns < $now - $from and .p50_ns < 1e9] | all' \
		"$dir/status"
	build/nvring metrics --control "$dir/control" >"$dir/metrics"
	ok $? "$1: metrics ends well"
	if command -v perl >/dev/null; then
		check "$1: metrics are in the format" sh -c "tests/lib/metrics <'$dir/metrics' >'$dir/sums'"
		check "$1: metrics have them" grep -qx "nvring_completed_total $completed" "$dir/sums"
		check "$1: with their latencies" \
			grep -qx "nvring_request_duration_seconds $completed" "$dir/sums"
		check "$1: and those of interrupts" grep -qx "nvring_interrupt_duration_seconds $(jq \
			'[.queues[].counters.interrupts] | add' "$dir/status")" "$dir/sums"
	else
		skip "$1: metrics are in the format" "no perl"
	fi
	check "$1: metrics have the engine of two queues" test 2 = \
		"$(grep -c "^nvring_queue_engine.*engine=\"$engine\"} 1" "$dir/metrics")"
	! command -v promtool >/dev/null ||
		check "$1: promtool takes them" sh -c "promtool check metrics <'$dir/metrics'"
}

# pinned: the folder is what is documented, and reads like the status
pinned() {
	local seen name link

	check "the folder is root's alone" test "$(stat -c %a "$folder")" = 700
	dump >"$dir/dump"
	ok $? "bpftool dumps the counters"
	check "with the engine's name" test "$(jq -r '.[0].engine' "$dir/dump")" = "$engine"
	for name in requests completed bytes_read bytes_written kicks interrupts commands; do
		seen=$(jq -r --arg name "$name" '
			{ bytes_read: "read", bytes_written: "written" } as $names |
			[.queues[].counters[$names[$name] // $name]] | @csv' "$dir/status")
		check "dump: $name are those of status ($seen)" test "$seen" = "$(jq -r \
			--arg name "$name" '[.[] | .counters[$name] + .helper[$name]] | @csv' "$dir/dump")"
	done
	check "dump: histograms have all requests" test \
		"$(jq '[.[] | .read_latency, .write_latency, .other_latency | del(.sum_ns) | .[][]] | add' \
			"$dir/dump")" = "$(jq '[.queues[].counters.completed] | add' "$dir/status")"
	check "dump: so has that of interrupts" test \
		"$(jq '[.[] | .interrupt_latency | del(.sum_ns) | .[][]] | add' "$dir/dump")" = \
		"$(jq '[.queues[].counters.interrupts] | add' "$dir/status")"
	case $engine in
	poller) set -- poller ${NVRING_WATCH_OPTION:+vcpu_dispatch} ;;
	loop) set -- loop ;;
	*) set -- ;;
	esac
	for name; do
		seen=$("$bpftool" -j prog show pinned "$folder/$name" | jq .id)
		check "program $name is pinned ($seen)" test -n "$seen"
		case $name in
		poller) set -- ;; # all processes' have one: test_hub.sh
		loop) set -- loop_0_link loop_1_link ;; # each queue's, to a struct_ops map
		*) set -- "${name}_link" ;;
		esac
		for link; do
			"$bpftool" -j link show pinned "$folder/$link" >"$dir/link"
			check "its link $link is" jq -e --argjson id "$seen" '.prog_id == $id or .map_id > 0' "$dir/link"
		done
	done
}

# owned: one daemon a name; what a killed one leaves is removed by the next; at the end nothing is left
owned() {
	local second=$dir/second

	! timeout 10 build/nvring serve --socket "$second" --null 1M --name vm.1 --pin-dir "$pins" \
		2>"$dir/refused"
	ok $? "a second daemon of the name is refused"
	check "with the cause" grep -q 'error: --name vm.1: another daemon serves' "$dir/refused"
	check "the first has its pins still" test -e "$folder/stats"
	daemon_gone
	check "what a killed daemon pinned is left" test -e "$folder/stats"
	timeout 2 build/nvring serve --socket "$second" --null 1M --name other --pin-dir "$pins" \
		2>/dev/null
	check "the next daemon removes it" test ! -e "$folder"
	check "its own is gone with it, too" test ! -e "$pins/other"
	serve --image "$dir/image"
	check "the name can be had again" test -e "$folder/stats"
	daemon_end 2>/dev/null
	ok $? "the daemon ends"
	check "nothing is left" test -z "$(ls "$pins")"
}

# throttle DEVICE RATE: so many reads a second for the daemon; 1 where no cgroup can
throttle() {
	local numbers blkio=/sys/fs/cgroup/blkio unified=/sys/fs/cgroup

	numbers=$(lsblk -dnro MAJ:MIN "$1")
	if [ -e $blkio/blkio.throttle.read_iops_device ]; then
		group=$blkio/nvring-test-$$
		mkdir "$group" && echo "$numbers $2" >"$group/blkio.throttle.read_iops_device" || return
	elif grep -qw io $unified/cgroup.controllers 2>/dev/null; then
		group=$unified/nvring-test-$$
		echo +io >$unified/cgroup.subtree_control
		mkdir "$group" && echo "$numbers riops=$2" >"$group/io.max" || return
	else
		return 1
	fi
	echo "$daemon_pid" >"$group/cgroup.procs"
}

# slow: a device that takes 20 ms for each read
slow() {
	local theirs ours name

	if ! loop=$(losetup -f --show "$dir/image" 2>/dev/null); then
		loop=
		skip "latencies of a device of known slowness" "no loop device"
		return
	fi
	serve --device "$loop"
	if ! throttle "$loop" 50; then
		skip "latencies of a device of known slowness" "no cgroup that limits I/O"
		daemon_end 2>/dev/null
		return
	fi
	load --depth 1 --sleep --event-idx --rw randread --seconds 5 --json >"$dir/load"
	ok $? "load on a slow device"
	status >"$dir/status"
	daemon_end 2>/dev/null
	for name in p50 p99; do
		theirs=$(jq ".${name}_us" "$dir/load")
		ours=$(jq ".queues[0].latency.read.${name}_ns / 1000" "$dir/status")
		# Theirs has ours in it; an eighth is for our buckets, a sixteenth for theirs.
		check "$name: $ours us, as the front-end saw it: $theirs us" \
			awk -v a="$ours" -v b="$theirs" 'BEGIN { exit !(a <= b * 9 / 8 * 17 / 16) }'
	done
	theirs=$(jq '.mean_us / 1e3' "$dir/load")
	ours=$(jq '.queues[0].latency.read | .sum_ns / .count / 1e6' "$dir/status")
	check "mean: $ours ms, as the front-end saw it: $theirs ms" \
		awk -v a="$ours" -v b="$theirs" -v o="$overhead" 'BEGIN { exit !(a <= b && b - a < o) }'
	check "and that of 50 reads a second, or a slower machine's" \
		awk -v a="$ours" 'BEGIN { exit !(a >= 14 && a < 200) }'
}

# in_place: guest memory is pinned, and BPF reads requests where they are, in pages that come as it
# copies from them
in_place() {
	local load

	serve --null 64M --pin-memory
	build/tests/front/loadgen --socket "$socket" --depth 4 --queues 2 --sleep --event-idx --rate "$rate" \
		--seconds 60 >/dev/null 2>&1 &
	load=$!
	for _ in $(seq 200); do
		[ "$(status '[.queues[].engine] | unique | join(",")')" != "$engine" ] || break
		sleep 0.1
	done
	for _ in $(seq 100); do
		[ "$engine" != worker ] && [ "$(status .memory.pages_in_place)" = 0 ] || break
		sleep 0.1
	done
	status >"$dir/status"
	check "pinned memory: as much as the front-end has" jq -e \
		'.memory | .pinned and .bytes > 0 and .regions > 0' "$dir/status"
	check "pages that BPF reads in place, the worker none" jq -e --arg engine "$engine" \
		'.memory.pages_in_place > 0 | . == ($engine != "worker")' "$dir/status"
	unload $load
	check "pinned memory: none without a front-end" \
		test "$(status '.memory | "\(.bytes) \(.pinned) \(.pages_in_place)"')" = "0 false 0"
	daemon_end 2>/dev/null
	ok $? "pinned memory: the daemon ends"
}

# managed: all VMs of a manager, or those that are named
managed() {
	local at=(--runtime-dir "$dir/run") manager name

	mkdir "$dir/run" "$dir/conf"
	build/nvring daemon "${at[@]}" --config-dir "$dir/conf" 2>>"$daemon_log" &
	manager=$!
	for _ in $(seq 100); do
		[ ! -S "$dir/run/control" ] || break
		sleep 0.05
	done
	for name in b a; do
		build/nvring attach "${at[@]}" --vm $name --null 1M --engine "$engine" >/dev/null
		ok $? "VM $name is attached"
	done
	build/nvring top "${at[@]}" --once >"$dir/top"
	ok $? "top of all VMs ends well"
	check "it has both, in order" test "$(awk 'NR > 1 { printf "%s ", $1 }' "$dir/top")" = "a b "
	build/nvring top "${at[@]}" --once b --control "$dir/none" >"$dir/top" 2>/dev/null
	ok $(($? != 1)) "top of one that does not answer fails"
	check "it has the other, and says so" test "$(awk 'NR > 1 { printf "%s ", $1 }' "$dir/top")$(
		grep -c "^$dir/none no answer" "$dir/top")" = "$dir/none b 1"
	check "metrics have both" test 2 = "$(build/nvring metrics "${at[@]}" | grep -c ^nvring_connected)"
	! build/nvring top --runtime-dir "$dir/none" --once 2>"$dir/refused"
	ok $? "top without a manager fails"
	check "and says why" grep -q "$dir/none/control: No such file" "$dir/refused"
	build/nvring detach "${at[@]}" --all >/dev/null
	ok $? "the VMs are detached"
	kill $manager
	wait $manager
}

truncate -s 64M "$dir/image"
serve --image "$dir/image"
served=$(status | jq .now_ns)
view
followed
# A front-end that stays, and is idle after two requests.
build/tests/front/loadgen --socket "$socket" --depth 1 --queues 2 --sleep --event-idx --rate 0.05 \
	--seconds 60 >/dev/null 2>&1 &
idle=$!
completed 2
ok $? "an idle front-end: its requests are over"
books "after a load"
if [ -n "$bpffs" ] && [ -n "$bpftool" ]; then
	pinned
	owned
else
	skip "what bpftool finds" "no bpffs, or no bpftool"
	daemon_end 2>/dev/null
fi
slow
in_place
managed
pins=$dir serve --null 1M
check "a folder that is not in bpffs is no failure, and said" grep -q 'is not in bpffs' "$daemon_log"
daemon_end 2>/dev/null
tap_done
