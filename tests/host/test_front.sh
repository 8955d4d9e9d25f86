#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Our own front-end's tests in the test host: the loop engine, which needs its newer kernel.
# seconds: 1500
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

name=start
out=$(tests/host/run --kernel 7 --seconds 1440 front loop requests rings protocol recover control \
	places vcpus storm hostile)
while read -r line; do
	case $line in
	'## status 0') ok 0 "$name ends well" ;;
	'## status'*) ok 1 "$name ends well" ;;
	'## '*) name=${line#'## '} ;;
	*) relay "$name" "$line" ;;
	esac
done <<<"$out"
check "something was tested" test "$tap_count" -gt 250
check "queues were served by the loop" grep -q 'direct: runs' build/host/front/logs/loop-requests
check "the kernel log is clean" kernel_log_clean build/host/front/dmesg
tap_done
