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
	relay_host "$2 on Linux $1" nvme --kernel "$1" --seconds 700 "${@:3}" -- "$2"
	if [ $# -gt 2 ]; then
		check "$2 on Linux $1: locked down" grep -q 'Kernel is locked down' build/host/nvme/dmesg
	fi
}

run 6.12 worker
run 7 loop --append lockdown=integrity
run 7 poller --append lockdown=integrity
tap_done
