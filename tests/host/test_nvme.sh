#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# KVM guests on NVMe passthrough in the test host, with each engine on a kernel that has it.
# seconds: 1800
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

# run KERNEL ENGINE: the points of tests/host/tests/nvme.sh, as ours
run() {
	local line

	while read -r line; do
		case $line in
		'run: '*) diag "$2 on Linux $1: $line" ;;
		'## end 2') ok 1 "$2 on Linux $1: the test ends" && diag "$(tail -n 30 build/host/nvme/console)" ;;
		'## end '*) ok "${line#'## end '}" "$2 on Linux $1: the test ends well" ;;
		*) relay "$2 on Linux $1" "$line" ;;
		esac
	done < <(tests/host/run --kernel "$1" --seconds 700 nvme "$2" 2>&1; echo "## end $?")
	check "$2 on Linux $1: the kernel log is clean" kernel_log_clean build/host/nvme/dmesg
}

run 6.12 worker
run 7 loop
run 7 poller
tap_done
