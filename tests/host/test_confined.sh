#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vCPU dispatch acts for tasks in the VM's cgroup alone: a KVM guest in the test host leaves it.
# seconds: 960
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
relay_host "vCPU dispatch" confined --kernel 7 --seconds 460 --
tap_done
