# SPDX-License-Identifier: GPL-2.0-only
# null_blk.sh: block devices that hold nothing, made by the kernel's null_blk, for the test host's
# tests. Source it.

# null_blk NAME ATTRIBUTE=VALUE...: /dev/NAME is one; attributes as in the kernel's block/null_blk.rst
null_blk() {
	local device=/sys/kernel/config/nullb/$1 attribute

	mountpoint -q /sys/kernel/config || mount -t configfs config /sys/kernel/config
	mkdir "$device"
	for attribute in "${@:2}" power=1; do
		echo "${attribute#*=}" >"$device/${attribute%%=*}"
	done
}
