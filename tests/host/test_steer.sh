#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Steering in the test host: vCPUs in known states; a guest's vCPUs, interrupts, and where threads are.
# seconds: 1300
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
tests/guest/bench >/dev/null || exit 1
relay_host_tries "steering on Linux 7" steer --kernel 7 --smp 4 --drive-queues 3 --memory 3G --seconds 600 -- loop
tap_done
