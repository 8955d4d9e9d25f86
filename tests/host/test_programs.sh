#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every BPF program before the verifiers of the kernels we name, locked down or not, what each run of
# the engines' costs, and what becomes of an engine that a kernel refuses.
# seconds: 1300
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

# programs KERNEL LOCKDOWN ENGINE...: ENGINES are allowed there
programs() {
	local label="Linux $1, lockdown=$2" before=$tap_count options=()

	[ "$2" = none ] || options=(--append "lockdown=$2")
	relay_tests "$label" < <(tests/host/run --kernel "$1" --seconds 400 "${options[@]}" programs "${@:3}")
	check "$label: something was tested" test $((tap_count - before)) -gt 24
	check "$label: the kernel log is clean" kernel_log_clean build/host/programs/dmesg
}

programs 6.12 none poller
programs 6.12 integrity
programs 7 none poller loop
tap_done
