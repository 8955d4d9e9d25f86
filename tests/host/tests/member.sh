# SPDX-License-Identifier: GPL-2.0-only
# member: VMs in their cgroups, with the loop, which the outer kernel has not, and with cgroups that have
# controllers, and killed: tests, one after another.
. tests/lib/nvme.sh
disk=/dev/nvme$(namespace 4096)
mke2fs -q -F -t ext4 "$disk" && mount "$disk" /var/tmp || exit 1 # it has O_DIRECT

# run TEST COMMAND...
run() {
	echo "## $1"
	"${@:2}" 2>"/results/$1.log"
	echo "## status $?"
}

run member env NVRING_ENGINE=loop tests/native/engines/test_member.sh
# Its files are charged to whoever wrote them first, and keep that cgroup.
umount /var/tmp
run kills bash tests/host/tests/kills.sh loop 20
run charged bash tests/host/tests/charged.sh loop poller worker
