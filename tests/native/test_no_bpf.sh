#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# --bpf off: a VM's process that has no right to BPF serves, by a worker, and says so.
# seconds: 30
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/status.sh
engine=auto # which comes to the worker

# refused CAUSE OPTION...: these options are, with this cause
refused() {
	! timeout 10 build/nvring serve --socket "$dir/refused" --null 1M --bpf off "${@:2}" 2>"$dir/cause" &&
		grep -qF -- "$1" "$dir/cause" || { cat "$dir/cause"; false; }
}

# capability NUMBER: the daemon may have it
capability() {
	(($(sed -n 's/^CapPrm:[[:space:]]*/0x/p' "/proc/$daemon_pid/status") >> $1 & 1))
}

truncate -s 64M "$dir/image"
daemon_start --image "$dir/image" --queues 2 --control "$dir/control" --bpf off
check "status says so" test "$(status '.confinement | startswith("capabilities without BPF, ")')" = true
check "the engine is the worker" test "$(status .engine)" = worker
for cap in CAP_PERFMON=38 CAP_BPF=39 CAP_SYS_ADMIN=21; do
	check "it has no ${cap%=*}" eval "! capability ${cap#*=}"
done
build/tests/front/loadgen --socket "$socket" --queues 2 --depth 8 --rw mixed --sleep --event-idx --seconds 4 \
	--json >"$dir/load" &
load=$!
for _ in $(seq 100); do
	[ "$(counted completed)" -lt 100 ] || break
	sleep 0.1
done
for other in poller loop; do
	build/nvring set --control "$dir/control" --engine $other 2>"$dir/cause"
	ok $(($? != 1)) "set --engine $other fails"
	check "and says why" grep -q "no $other: --bpf is off" "$dir/cause"
done
check "set --engine auto changes nothing" build/nvring set --control "$dir/control" --engine auto
sleep 1
check "a worker serves" test "$(status '[.queues[].engine] | unique | join(",")')" = worker
check "vCPUs are not looked at, for this cause" test "$(status .vcpus_why)" = "--bpf is off"
wait $load
ok $? "the load ends well"
check "no request failed" jq -e '.requests > 100 and .errors == 0' "$dir/load"
daemon_end
ok $? "the daemon ends well"
check "--engine poller is refused" refused "--engine poller is BPF, and --bpf is off" --engine poller
check "--engine loop is refused" refused "--engine loop is BPF, and --bpf is off" --engine loop
check "--vcpu-dispatch is refused" refused "--vcpu-dispatch is for --engine poller" --vcpu-dispatch
tap_done
