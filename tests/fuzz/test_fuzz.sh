#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A smoke run of the fuzz targets, `make fuzz` in small: that what they are for is reached, that
# nothing fails, and that each of their checks can fail.
# seconds: 180
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# smoke KIND WHAT...: some seconds of fuzzing, and that each WHAT was counted at least once
smoke() {
	local kind=$1 totals status=0 what

	shift
	totals=$(tests/fuzz/run "$kind" -seed=1 -max_total_time=7) || status=$?
	ok "$status" "$kind: no input fails"
	diag "$totals"
	for what; do
		[[ $totals =~ [^0-9][1-9][0-9]*\ "$what" ]]
		ok $? "$kind: $what"
	done
}

# fault KIND NAME COMPLAINT: the target complains when its check is shown a fault
fault() {
	local kind=$1 name=$2 complaint=$3 status=0

	NVRING_FUZZ_FAULT=$name "build/fuzz/fuzz_$kind" -runs=0 -artifact_prefix="$dir/" \
		"$dir/$kind" >"$dir/log" 2>&1 || status=$?
	if [ "$status" -ne 0 ] && grep -aq "^fuzz: .*$complaint" "$dir/log"; then
		ok 0 "$kind: a fault is noticed: $complaint"
	else
		ok 1 "$kind: a fault is noticed: $complaint"
		diag "status $status" "$(grep -a '^fuzz' "$dir/log")"
	fi
}

check "the seeds are made" tests/fuzz/make_corpus "$dir"
smoke messages "answers" "connections dropped" "rings started" "requests served"
smoke rings "broken queues" ok failed unsupported read write flush deallocate zero fallocate \
	"write zero buffer"
fault messages descriptor "descriptors, .* before"
fault messages mapping "mappings of a front-end"
fault messages state "remembers a front-end"
fault rings range "is not on the disk"
fault rings segment "is not in guest memory"
fault rings twice "is completed twice"
fault rings lost "was never completed"
tap_done
