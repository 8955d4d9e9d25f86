#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The pollers of several processes share one hook: each serves, whatever becomes of the others.
# seconds: 90
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
PATH=$PWD/.cache/sysroot/usr/sbin:/usr/sbin:$PATH
dir=$(mktemp -d /var/tmp/nvring.XXXXXX)
pins=/sys/fs/bpf/nvring
declare -A pid load
trap 'kill -KILL ${pid[*]} ${load[*]} 2>/dev/null; cat "$dir"/*.log >&2; rm -rf "$dir"' EXIT
if [ "$(uname -r | cut -d. -f1)" -ge 7 ]; then
	echo "1..0 # SKIP Linux 7: each poller has a hook of its own"
	exit 0
fi
if ! command -v bpftool >/dev/null || [ ! -d /sys/fs/bpf ] || [ "$(stat -f -c %T /sys/fs/bpf)" != bpf_fs ]; then
	echo "1..0 # SKIP no bpftool, or no bpffs"
	exit 0
fi

# serve NAME: its log says when it serves
serve() {
	build/nvring serve --null 1G --socket "$dir/$1" --engine poller --queues 1 2>"$dir/$1.log" &
	pid[$1]=$!
	for _ in $(seq 200); do
		[ ! -S "$dir/$1" ] || return 0
		kill -0 "${pid[$1]}" 2>/dev/null || break
		sleep 0.05
	done
	if grep -q 'error: --engine' "$dir/$1.log" && [ "$tap_count" -eq 0 ]; then
		echo "1..0 # SKIP $(sed -n 's/.*error: //p' "$dir/$1.log")"
		exit 0
	fi
	return 1
}

# load NAME SECONDS: so many reads a second as it takes; the load generator fails when one is lost
load() {
	build/tests/front/loadgen --socket "$dir/$1" --depth 4 --sleep --event-idx --seconds "$2" \
		--json >"$dir/$1.json" &
	load[$1]=$!
}

# loaded NAME: a point for its load, which is over when this is; the poller did it
loaded() {
	wait "${load[$1]}" && jq -e '.iops > 100 and .errors == 0' "$dir/$1.json" >/dev/null &&
		! grep -q 'a worker serves' "$dir/$1.log"
	ok $? "$1's requests were served$2"
}

hooks() { bpftool -j link | jq '[.[] | select(.tp_name == "io_uring_complete")] | length'; }

# hooked N: there are so many hooks, and one more where a hub was before us
hooked() { test "$(hooks)" -eq $((before + ($1 | ${#had} > 0))); }

owners() { bpftool -j map dump pinned $pins/hub_owners | jq length; }
known() { test "$(owners)" -ge "$1"; }
owned() { test "$(owners)" -eq "$1"; }

# One that was left behind, as by daemons that were killed, goes with the next that leaves.
serve first || exit 1
load first 0.2
wait "${load[first]}"
kill -TERM "${pid[first]}"
wait "${pid[first]}"
# Otherwise it belongs to daemons outside this test.
before=$(hooks) had=$(test -e $pins/hub_link && echo yes)
[ -z "$had" ] || before=$((before - 1))
for name in a b c; do
	serve $name
	ok $? "$name serves"
done
for name in a b c; do
	load $name 6
done
check "three pollers have one hook" soon hooked 1
check "it is pinned" test -e $pins/hub_link
check "they are known there" soon known 3
owners=$(owners)
for name in a b c; do
	loaded $name ''
done
check "no hook when nobody is served" soon hooked 0

for name in a b c; do
	load $name 6
done
soon known 3
kill -KILL "${pid[b]}" "${load[b]}"
wait "${pid[b]}" "${load[b]}" 2>/dev/null
kill -TERM "${pid[c]}"
wait "${pid[c]}"
kill -KILL "${load[c]}"
wait "${load[c]}" 2>/dev/null
check "the hook is there while one is served" soon hooked 1
serve d
ok $? "another one comes"
load d 4
check "in the place of the one that was killed" soon owned $((owners - 1))
loaded a ', whatever the others did'
loaded d ''
kill -TERM "${pid[a]}" "${pid[d]}"
wait "${pid[a]}" "${pid[d]}"
check "nothing is left" soon hooked 0
check "nor pinned" test "$(test -e $pins/hub_link && echo yes)" = "$had"

serve e
load e 5
soon test -e $pins/hub_link
kill -KILL "${pid[e]}" "${load[e]}"
wait "${pid[e]}" "${load[e]}" 2>/dev/null
check "a killed one leaves nothing: what loaded for it goes, too" soon hooked 0
check "nor pinned" test "$(test -e $pins/hub_link && echo yes)" = "$had"
serve e
load e 5
soon test -e $pins/hub_link
kill -KILL $(pgrep -P "${pid[e]}") "${pid[e]}" "${load[e]}"
wait "${pid[e]}" "${load[e]}" 2>/dev/null
check "a killed one leaves the hook when that is killed, too" test -e $pins/hub_link
serve f
check "until the next one starts" test "$(test -e $pins/hub_link && echo yes)" = "$had"
kill -TERM "${pid[f]}"
wait "${pid[f]}"
tap_done
