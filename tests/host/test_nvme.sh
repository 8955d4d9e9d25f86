#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# KVM guests on NVMe passthrough in the test host, with each engine on a kernel that has it; those
# of BPF on one that is locked down as with Secure Boot.
# seconds: 3400
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

# run KERNEL ENGINE [OPTION...]: the points of tests/host/tests/nvme.sh, as ours
run() {
	relay_host "${*:2} on Linux $1" nvme --kernel "$1" --seconds 440 -- "${@:2}"
}

# locked KERNEL ENGINE [OPTION...]: the same, on a kernel that is locked down
locked() {
	local label="${*:2} on Linux $1, locked down"

	relay_host "$label" nvme --kernel "$1" --seconds 440 --append lockdown=integrity -- "${@:2}"
	check "$label: so it is" grep -q 'Kernel is locked down' build/host/nvme/dmesg
}

run 6.12 worker
run 6.12 poller --vcpu-dispatch --pin-memory
locked 7 loop --pin-memory
locked 7 poller --vcpu-dispatch
tap_done
