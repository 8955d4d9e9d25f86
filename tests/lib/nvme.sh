# SPDX-License-Identifier: GPL-2.0-only
# nvme.sh: the test host's NVMe drive (tests/host/run), for its tests. Source it.

# namespace BYTES: the one with logical blocks of so many bytes, as its device files name it: "0n2"
namespace() {
	local disk

	for disk in /sys/class/block/nvme0n?; do
		[ "$(cat "$disk/queue/logical_block_size")" != "$1" ] || echo "${disk##*/nvme}"
	done
}
