# SPDX-License-Identifier: GPL-2.0-only
# bench: stay, and do what the console says, a line at a time, until it says `end`:
#
#     load MODE DEPTH[+BESIDE] JOBS MILLISECONDS    run tests/guest/load.c, as a row with its interrupts
#
# The shell's own prompt is a line "ready".

# disk_interrupts: of all the disk's queues, since boot.
disk_interrupts() {
	awk -v queue="^$disk_device-req" '$NF ~ queue {
		for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++)
			n += $i
	}
	END { print n + 0 }' /proc/interrupts
}

disk_device=$(basename "$(readlink -f "/sys/class/block/$disk/device")")
stty -echo 2>/dev/null
say ready
while read -r what mode arguments; do
	case $what in
	load)
		interrupts=$(disk_interrupts)
		# shellcheck disable=SC2086 # arguments are words
		if row=$(load "$dev" "$mode" $arguments 2>&1); then
			say "row load $row interrupts=$(($(disk_interrupts) - interrupts))"
		else
			fail load "$row"
		fi
		;;
	end) break ;;
	esac
done
