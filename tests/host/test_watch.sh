#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `nvring top`, metrics and pins of a VM that the loop serves, and of one whose vCPUs start requests, in
# the test host, whose kernels have them.
# seconds: 1600
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

relay_host "loop on Linux 7" watch --kernel 7 --seconds 280 -- loop
relay_host "vCPU dispatch on Linux 6.12" watch --kernel 6.12 --seconds 280 -- poller --vcpu-dispatch
tap_done
