#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every kind of disk in the test host, served to our own front-end: NVMe by passthrough, a
# partition of it, another block device, an image.
# seconds: 800
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

relay_host devices devices --kernel 6.12 --seconds 380 --
# No request of these tests went there; what it costs to look is small from outside.
check "the namespace is empty behind the first 64 MiB" \
	cmp -n $((192 << 20)) -i 64M:0 build/host/devices/nvme512.img /dev/zero
tap_done
