#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A host's life: three VMs in three cgroups on one NVMe drive.
# seconds: 2400
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
tests/guest/uml >/dev/null || exit 1
relay_host "three guests" guests --kernel 7 --seconds 650 --
tap_done
