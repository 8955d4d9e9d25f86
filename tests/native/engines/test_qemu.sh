#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Linux guest in QEMU runs its disk on the daemon, on two queues.
# seconds: 120
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh

daemon_start --image "$dir/image" --size 256M --queues 2
tests/guest/run --socket "$socket" --seconds 100 --log "$dir/console" verify >/dev/null
guest_points "$dir/console"
daemon_end
ok $? "the daemon ends well"
check "its books balance" books_balance 4000
check "the disk is clean when it is looked at from here" e2fsck -fn "$dir/image"
tap_done
