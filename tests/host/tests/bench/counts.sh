# SPDX-License-Identifier: GPL-2.0-only
# counts.sh: what the kernel counts while a side serves a load: doorbells, interrupts, VM exits, and
# how often user-level code of the server runs. Source it after sides.sh. Counting costs time, so
# it has loads of its own, whose speed says nothing.

tracing=/sys/kernel/tracing
doorbell=$tracing/events/nvring/doorbell
syscall=$tracing/events/raw_syscalls/sys_enter

# counts_open: an event for each doorbell that KVM found an eventfd for
counts_open() {
	mountpoint -q /sys/kernel/debug || mount -t debugfs debug /sys/kernel/debug
	echo 'r:nvring/doorbell ioeventfd_write ret=$retval' >>$tracing/kprobe_events &&
		[ -e $doorbell/hist ]
}

# histogram EVENT: the threads seen and how often, "TID COUNT" a line
histogram() {
	sed -n 's/^{ common_pid: *\([0-9]*\) } hitcount: *\([0-9]*\).*/\1 \2/p' "$1/hist"
}

# of_threads TID...: the sum of a histogram's lines for these threads
of_threads() {
	awk -v threads="$*" 'BEGIN { n = split(threads, t, " "); for (i = 1; i <= n; i++) is[t[i]] = 1 }
		$1 in is { sum += $2 }
		END { print sum + 0 }'
}

# server_threads SIDE: of what serves the disk; not vCPUs
server_threads() {
	threads "${side_pid[$1]}" . | grep -vxF "$(threads "${side_pid[$1]}" '^CPU '; echo none)"
}

# server_switches SIDE: how often the server's threads were switched to so far, but for those that
# live in the kernel: a ring's own (iou-), and those of the loop engine (nvring/l)
server_switches() {
	local task sum=0

	for task in /proc/"${side_pid[$1]}"/task/*; do
		grep -qE '^(iou-|nvring/l|CPU )' "$task/comm" ||
			sum=$((sum + $(awk '/ctxt_switches/ { n += $2 } END { print n }' "$task/status")))
	done
	echo $sum
}

# vm_stat SIDE NAME: a counter of KVM's for the side's guest
vm_stat() {
	cat /sys/kernel/debug/kvm/"${side_qemu[$1]}"-*/"$2"
}

# counters SIDE: all of them so far, words
counters() {
	echo "$(server_switches "$1") $(drive_interrupts "$1" | cut -d' ' -f2) $(vm_stat "$1" exits)" \
		"$(vm_stat "$1" irq_injections) $(vm_stat "$1" halt_exits)"
}

# count SIDE LOAD: a line "count SIDE LOAD KEY=VALUE..."
count() {
	local row before after what=(switches drive_interrupts exits injections halts) i values=

	read -ra before <<<"$(counters "$1")"
	echo 'hist:keys=common_pid if ret == 0' >$doorbell/trigger
	echo 'hist:keys=common_pid' >$syscall/trigger
	row=$(run_load "$1" "$2") || row=
	# shellcheck disable=SC2046 # threads are words
	values="doorbells=$(histogram $doorbell | of_threads $(threads "${side_qemu[$1]}" '^CPU '))"
	# shellcheck disable=SC2046
	values+=" syscalls=$(histogram $syscall | of_threads $(server_threads "$1"))"
	echo '!hist:keys=common_pid if ret == 0' >$doorbell/trigger
	echo '!hist:keys=common_pid' >$syscall/trigger
	[ -n "$row" ] || { echo "note count $1 $2: the guest is gone"; side_restart "$1"; return; }
	read -ra after <<<"$(counters "$1")"
	for i in "${!what[@]}"; do
		values+=" ${what[i]}=$((after[i] - before[i]))"
	done
	echo "count $1 $2 $row $values"
}
