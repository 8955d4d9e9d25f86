# SPDX-License-Identifier: GPL-2.0-only
# guest.sh: guests of tests/guest/run, for shell tests. Source it after tap.sh. $guest is the process
# of one in the background, and $guest_log has its console.

# guest_said WORDS: a line of the guest's is, or begins with, that, at the latest when it has ended
guest_said() {
	local lives=yes

	until grep -qs "^nvring-guest: $1" "$guest_log"; do
		[ -n "$lives" ] || return 1
		kill -0 "$guest" 2>/dev/null || lives=
		sleep 0.1
	done
}

# guest_tries COMMAND...: which runs a guest and leaves with its status. Under the test host's emulation
# a guest's machine is now and then reset (a triple fault: not a word of its kernel's), on Linux 7.3,
# with no disk of ours, too, or hangs before it loads a driver for one, or stands still as a whole. Then
# once more, at most four times, and that is said; never when it failed, panicked, or waits for its disk.
guest_tries() {
	local try status

	for try in 1 2 3 4 5; do
		status=0
		"$@" || status=$?
		[ $status = 3 ] || return $status
		kernel_log_clean "$guest_log" || return 3
		! grep -E '^nvring-guest: FAIL|Kernel panic' "$guest_log" || return 3
		diag "try $try: the guest's machine was reset, or hung"
	done
	return 3
}
