#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# io.weight of VMs' cgroups on a drive that they share, in the test host: only there is a cgroup2 that
# has the io controller. Without the driver's multipath: the kernel has no cost model for a disk that is
# above several paths.
# seconds: 900
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
relay_host "Linux 7" weight --kernel 7 --append nvme_core.multipath=N --seconds 400 --
tap_done
