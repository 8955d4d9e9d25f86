#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `nvring top`, metrics and pins of a VM that the loop serves, in the test host, whose kernel has it.
# seconds: 240
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

relay_host "loop on Linux 7" watch --kernel 7 --seconds 200 -- loop
tap_done
