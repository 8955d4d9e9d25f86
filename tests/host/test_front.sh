#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Our own front-end's tests in the test host: the loop engine, which needs its newer kernel, and the
# poller on the kernel where it reaches the vring by helpers, which find pages missing now and then.
# seconds: 2900
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

# front KERNEL ENGINE LEAST TEST...: at least so many points
front() {
	local label="$2 on Linux $1" before=$tap_count

	relay_tests "$label" < <(tests/host/run --kernel "$1" --seconds 800 front "$2" "${@:4}")
	check "$label: something was tested" test $((tap_count - before)) -gt "$3"
	check "$label: it served" grep -q 'direct: runs' "build/host/front/logs/$2-requests"
	check "$label: the kernel log is clean" kernel_log_clean build/host/front/dmesg
}

front 7 loop 250 slow requests rings protocol recover migration control places vcpus storm hostile
front 6.12 poller 150 slow requests rings protocol recover migration places vcpus
relay_host "guest memory swapped out, poller on Linux 6.12" swap --kernel 6.12 --seconds 180 -- poller
tap_done
