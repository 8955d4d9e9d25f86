#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# --iops and --bw: no more than so many requests and bytes a second, by any of several queues, and as
# many, changed while they come. (io.max and io.weight of cgroups: tests/host.)
# seconds: 90
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
control=$dir/control

# does WANTED WHAT OPTION...: a front-end that wants all it can get does so many a second, to 5%. When this
# machine had no time for it, it is slower: then once more, at most twice.
does() {
	local wanted=$1 what=$2 try iops

	shift 2
	for try in 1 2 3; do
		iops=$(build/tests/front/loadgen --socket "$socket" --depth 8 --queues 2 --sleep --seconds 4 \
			--json "$@" | jq '.iops | round')
		[ "$iops" -lt $((wanted * 95 / 100)) ] || break
	done
	ok $((iops * 100 < wanted * 95 || iops * 100 > wanted * 105)) "$what: $iops, $wanted wanted"
}

# unlimited WHAT OPTION...: it does far more than any limit here
unlimited() {
	local iops

	iops=$(build/tests/front/loadgen --socket "$socket" --depth 8 --queues 2 --sleep --json "${@:2}" |
		jq '.iops | round')
	ok $((iops < 5000)) "$1: $iops"
}

limits() { build/nvring set --control "$control" "$@"; }

daemon_start --null 64M --queues 2 --control "$control" --iops 500:300
does 500 "reads, of 500 a second"
does 300 "writes, of 300" --rw randwrite
check "the bytes are limited, too" limits --bw 1M:max
does 256 "reads of 4 KiB, of 1M a second"
does 64 "reads of 16 KiB" --bs 16384
does 300 "writes, as before" --rw randwrite
check "bytes are not limited any more" limits --bw max
does 500 "reads"
check "nothing is" limits --iops max
unlimited "reads without limits"
unlimited "writes" --rw randwrite
check "reads are limited again" limits --iops 800:max
does 800 "reads, of 800"
unlimited "writes" --rw randwrite
daemon_end
ok $? "the daemon ends well"
for wrong in --iops=0 --iops=many --iops=5:6:7 --bw=5X --bw=1M:; do
	build/nvring serve --socket "$socket" --null 64M $wrong >"$dir/said" 2>&1
	ok $(($? == 0)) "refused: $(head -n 1 "$dir/said")"
done
tap_done
