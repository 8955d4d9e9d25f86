# SPDX-License-Identifier: GPL-2.0-only
# watch ENGINE [--vcpu-dispatch]: what an operator sees of a VM that is served as the outer kernel does
# not allow.
. tests/lib/nvme.sh
disk=/dev/nvme$(namespace 512)
mke2fs -q -F -t ext4 -b 4096 "$disk" && mount "$disk" /var/tmp || exit 1
NVRING_ENGINE=$1 NVRING_WATCH_OPTION=${2:-} NVRING_WATCH_RATE=200 NVRING_WATCH_OVERHEAD=10 \
	timeout 220 bash tests/native/engines/test_watch.sh
