#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# --engine auto on a running queue: a steady load is given another engine for a moment, what was
# measured is said, and nvring set overrides it.
# seconds: 200
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/status.sh
engine=auto
control=$dir/control
patience=60 # s for what comes after ten when the machine is quiet

# await FILTER: until it is true
await() {
	for _ in $(seq $((patience * 5))); do
		[ "$(status "$1")" != true ] || return 0
		sleep 0.2
	done
	return 1
}

sets() { build/nvring set --control "$control" "$@"; }

daemon_start --image "$dir/image" --size 64M --queues 1 --control "$control"
if ! build/nvring features --json | jq -e '.engines[] | select(.engine == "poller").allowed' >/dev/null; then
	echo "1..0 # SKIP there is nothing to choose from: this kernel has no poller"
	exit 0
fi
build/tests/front/loadgen --socket "$socket" --depth 8 --sleep --event-idx --rate 8000 --json \
	--seconds $((patience * 3)) >"$dir/load" &
load=$!
check "the queue runs" await '.queues[0].running'
first=$(status '.queues[0].engine')
ok $? "auto begins with the $first: $(status '.queues[0].why')"
switches=$(status '.queues[0].switches') # to begin with an engine that is no worker is one
ok $((switches > 1)) "it does not try before it has watched"
check "another engine is tried, and measured" await '.queues[0].measured_s != null'
diag "$(status '.queues[0].engine'): $(status '.queues[0].why')"
ok $(($(status '.queues[0].switches') - switches < 2)) "the queue moved there and back"
status '.queues[0].why' | grep -qE '[0-9] requests/s.* the (worker|poller|loop)'
ok $? "status says what was measured"
for to in poller worker auto; do
	check "nvring set --engine $to" sets --engine $to
done
check "auto has the queue again" await '.queues[0].measured_s != null'
kill $load
wait $load 2>/dev/null
check "the front-end is gone" await '.connected | not'
daemon_end
ok $? "the daemon ends well"
check "books balance" books_balance 50000
tap_done
