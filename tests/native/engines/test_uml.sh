#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A Linux guest as a process (user-mode-linux) runs its disk on the daemon: file system, fio with
# verification, remount, trim, fsck. Its root is this machine's, read-only.
# seconds: 90
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh

cat >"$dir/init" <<END
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd "$PWD" # before something is mounted above it
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
insmod /usr/lib/uml/modules/\$(uname -r)/kernel/drivers/block/virtio_blk.ko
sh tests/guest/job verify size=4m
halt -f
END
chmod +x "$dir/init"

daemon_start --image "$dir/image" --size 256M --queues 1
timeout -k 1 60 linux.uml mem=256M root=/dev/root rootfstype=hostfs rootflags=/ ro \
	init="$dir/init" virtio_uml.device="$socket:2" con0=fd:0,fd:1 con=null quiet \
	</dev/null >"$dir/console" 2>&1
guest_points "$dir/console"
daemon_end
ok $? "the daemon ends well"
check "its books balance" books_balance 1000
check "the disk is clean when it is looked at from here" e2fsck -fn "$dir/image"
tap_done
