#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A drive that is looked at anew under load, with each engine.
# seconds: 600
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
for engine in loop poller worker; do
	relay_host "$engine" rescan --kernel 7 --seconds 150 -- $engine
done
tap_done
