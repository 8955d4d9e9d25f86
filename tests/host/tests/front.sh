# SPDX-License-Identifier: GPL-2.0-only
# front ENGINE TEST...: tests of our own front-end, with an engine that the outer kernel has not.
# On a file system that has O_DIRECT.
. tests/lib/nvme.sh
. tests/lib/null_blk.sh
disk=/dev/nvme$(namespace 512)
mke2fs -q -F -t ext4 -b 4096 "$disk" && mount "$disk" /var/tmp || exit 1
lsblk -o NAME,SIZE,LOG-SEC,MOUNTPOINT
mkdir -p /results/logs
# Everything takes longer here.
export NVRING_STORM_SECONDS=4 NVRING_ATTACK_SECONDS=2 NVRING_KILLS=3
null_blk slow size=64 irqmode=2 completion_nsec=1000000000 hw_queue_depth=128 # for test_slow
export NVRING_SLOW_DISK=/dev/slow
engine=$1
shift
for test in "$@"; do
	echo "## $engine $test"
	start=$SECONDS
	NVRING_ENGINE=$engine timeout 800 build/tests/front/test_$test 2>/results/logs/$engine-$test
	echo "## status $?"
	echo "# $test: $((SECONDS - start)) s"
done
