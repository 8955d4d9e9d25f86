# SPDX-License-Identifier: GPL-2.0-only
# bench: stay, and do what the console says, a line at a time, until it says `end`:
#
#     load MODE DEPTH[+BESIDE] JOBS MILLISECONDS    run tests/guest/load.c, as a row with its interrupts
#     busy N                                        from then on a process on each of the first N CPUs
#                                                   wants all time there that nobody else does
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
hogs=
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
	busy)
		# shellcheck disable=SC2086 # processes are words
		[ -z "$hogs" ] || kill $hogs
		hogs=
		while [ "$mode" -gt 0 ]; do
			mode=$((mode - 1))
			taskset "$(printf %x $((1 << mode)))" sh -c 'while :; do :; done' &
			hogs="$hogs $!"
			renice -n 19 -p $! >/dev/null
		done
		;;
	end) break ;;
	esac
done
