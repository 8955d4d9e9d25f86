#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# io.max of the VM's cgroup, in the test host: only there is a cgroup2 that has the io controller. On
# Linux 6.12, with the poller that reaches the vring by helpers.
# seconds: 1600
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
relay_host "Linux 7" limit --kernel 7 --seconds 500 -- worker poller loop
relay_host "Linux 6.12" limit --kernel 6.12 --seconds 500 -- poller
tap_done
