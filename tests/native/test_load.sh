#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The process that loads BPF: what it and the VM's may do, and what becomes of either without the other.
# seconds: 60
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/status.sh
engine=poller

# capabilities PID: all that it may have
capabilities() { echo $((16#$(awk '/^CapPrm:/ { print $2 }' "/proc/$1/status"))); }

# no_more_than PID NUMBER...: it has none but these
no_more_than() {
	local pid=$1 mask=0 number

	for number in "${@:2}"; do
		mask=$((mask | 1 << number))
	done
	[ $(($(capabilities "$pid") & ~mask)) = 0 ]
}

ended() { [ ! -e "/proc/$1/exe" ] || [ "$(awk '/^State:/ { print $2 }' "/proc/$1/status")" = Z ]; }
serves() { test "$(status '[.queues[].engine] | unique | join(",")')" = "$1"; }
grows() { [ "$(counted completed)" -gt "$1" ]; }

# others PID: its descriptors that are neither standard ones nor BPF's, but its sockets, and the VM's process
others() {
	find "/proc/$1/fd" -name '[0-9]*' ! -name '[012]' -printf '%l\n' | grep -vE \
		'^anon_inode:(bpf|btf|\[pidfd\])|^pidfd:|^/memfd:libbpf-placeholder-fd|^/sys/fs/bpf/nvring$|^socket:'
}

load() {
	build/tests/front/loadgen --socket "$socket" --queues 2 --depth 8 --rw mixed --sleep --event-idx --seconds 6 \
		--json >"$dir/load" &
	load=$!
}

truncate -s 64M "$dir/image"
daemon_start --image "$dir/image" --queues 2 --control "$dir/control"
loader=$(pgrep -P "$daemon_pid")
check "the VM's process has a child" test "$(status .loader)" = "$loader"
check "which ps tells apart" grep -qaE '^[^ ]*nvring.load.' "/proc/$loader/cmdline"
check "the VM's process may lock memory, and nothing else" no_more_than "$daemon_pid" 14
check "its child may load BPF, and nothing else" no_more_than "$loader" 38 39 $(
	grep -q 'BPF_UPTR' <(strings -a /sys/kernel/btf/vmlinux 2>/dev/null) || echo 21)
for pid in "$daemon_pid" "$loader"; do
	check "$(cat "/proc/$pid/comm"): system calls are filtered, new rights out of reach" \
		grep -qzP 'NoNewPrivs:\t1\n(.*\n)*Seccomp:\t2\n' "/proc/$pid/status"
done
load
soon serves poller
ok $? "a poller serves"
soon grows 1000
check "the child has neither the disk nor the guest's memory open" test -z "$(others "$loader")"

kill -KILL "$loader"
soon ended "$loader"
before=$(counted completed)
soon grows $((before + 1000))
ok $? "without the child the VM is served as before"
check "status says that it is gone" eval \
	"build/nvring status --control '$dir/control' | grep -q '^the process that loads BPF is gone'"
for other in worker poller; do
	check "what is loaded is: set --engine $other" build/nvring set --control "$dir/control" --engine $other
	soon serves $other
	ok $? "a $other serves"
done
wait $load
ok $? "the load ends well"
check "no request failed" jq -e '.requests > 100 and .errors == 0' "$dir/load"
daemon_end
ok $? "the VM's process ends well"

engine=worker
daemon_start --image "$dir/image" --queues 2 --control "$dir/control"
load
soon serves worker
kill -KILL "$(pgrep -P "$daemon_pid")"
! build/nvring set --control "$dir/control" --engine poller 2>"$dir/cause"
ok $? "what is not loaded cannot be had any more"
check "and it is said why" grep -q "the process that loads BPF is gone; start the VM's anew" "$dir/cause"
check "a worker serves on" serves worker
wait $load
ok $? "the load ends well"
daemon_end
ok $? "the VM's process ends well"

engine=poller
daemon_start --image "$dir/image" --queues 2 --control "$dir/control"
loader=$(pgrep -P "$daemon_pid")
daemon_gone
soon ended "$loader"
ok $? "where the VM's process is killed, its child ends"
tap_done
