#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# VMs in their cgroups, in the test host: with the loop engine, and where cgroup v2 has all controllers.
# seconds: 1900
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
relay_tests "Linux 7" < <(tests/host/run --kernel 7 --seconds 900 member)
check "all were tested" test $tap_count -gt 85
check "the loop served" grep -q 'direct: runs [1-9]' build/host/member/member.log
check "the kernel log is clean" kernel_log_clean build/host/member/dmesg
tap_done
