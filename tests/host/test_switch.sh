#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Queues that move between all three engines under load, in the test host, whose kernel has them.
# seconds: 1000
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

out=$(tests/host/run --kernel 7 --seconds 480 front loop switch)
relay_tests "Linux 7" <<<"$out"
grep '^# pause' <<<"$out"
check "nothing was skipped" test -z "$(grep SKIP <<<"$out")"
check "something was tested" test "$tap_count" -gt 20
check "the kernel log is clean" kernel_log_clean build/host/front/dmesg
tap_done
