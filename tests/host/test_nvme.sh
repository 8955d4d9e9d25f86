#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# KVM guests on NVMe passthrough in the test host, with each engine on a kernel that has it; those
# of BPF on one that is locked down as with Secure Boot.
# seconds: 1800
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

# run KERNEL ENGINE [OPTION...]: the points of tests/host/tests/nvme.sh, as ours
run() {
	local line

	while read -r line; do
		case $line in
		'run: '*) diag "$2 on Linux $1: $line" ;;
		'## end 2') ok 1 "$2 on Linux $1: the test ends" && diag "$(tail -n 30 build/host/nvme/console)" ;;
		'## end '*) ok "${line#'## end '}" "$2 on Linux $1: the test ends well" ;;
		*) relay "$2 on Linux $1" "$line" ;;
		esac
	done < <(tests/host/run --kernel "$1" --seconds 700 "${@:3}" nvme "$2" 2>&1; echo "## end $?")
	if [ $# -gt 2 ]; then
		check "$2 on Linux $1: locked down" grep -q 'Kernel is locked down' build/host/nvme/dmesg
	fi
	check "$2 on Linux $1: the kernel log is clean" kernel_log_clean build/host/nvme/dmesg
}

run 6.12 worker
run 7 loop --append lockdown=integrity
run 7 poller --append lockdown=integrity
tap_done
