# SPDX-License-Identifier: GPL-2.0-only
# daemon.sh: a daemon under test, for shell tests. Source it after tap.sh; it makes $dir, which goes
# away at exit, and ends the daemon. NVRING_ENGINE chooses the engine.

engine=${NVRING_ENGINE:-worker}
dir=$(mktemp -d /var/tmp/nvring.XXXXXX)
socket=$dir/socket
daemon_log=$dir/log
daemon_pid=
trap 'daemon_gone; rm -rf "$dir"' EXIT

# daemon_start OPTION...: serve; skips the whole test where the kernel refuses the engine.
daemon_start() {
	rm -f "$socket"
	: >"$daemon_log"
	build/nvring serve --socket "$socket" --engine "$engine" "$@" 2>>"$daemon_log" &
	daemon_pid=$!
	for _ in $(seq 400); do
		grep -q 'waiting at' "$daemon_log" && return 0
		kill -0 $daemon_pid 2>/dev/null || break
		sleep 0.05
	done
	if [ "$tap_count" -eq 0 ] && grep -q 'error: --engine' "$daemon_log"; then
		echo "1..0 # SKIP $(sed -n 's/.*error: //p' "$daemon_log")"
		exit 0
	fi
	cat "$daemon_log" >&2
	echo "Bail out! the daemon does not serve"
	exit 1
}

# daemon_gone: kill it, as by a crash.
daemon_gone() {
	[ -z "$daemon_pid" ] || kill -KILL "$daemon_pid" 2>/dev/null
	[ -z "$daemon_pid" ] || wait "$daemon_pid" 2>/dev/null
	daemon_pid=
	return 0
}

# daemon_end: by SIGTERM; its status.
daemon_end() {
	local status=0

	kill -TERM "$daemon_pid"
	wait "$daemon_pid" || status=$?
	daemon_pid=
	cat "$daemon_log" >&2
	return $status
}

# counter NAME: sum over queues of what the daemon logged last.
counter() {
	awk -v name="$1" '/queue [0-9]+: requests/ {
		for (i = 1; i < NF; i++) if ($i == name) sum += $(i + 1)
	} END { print sum + 0 }' "$daemon_log"
}

# books_balance LEAST: every request taken was given back, without errors, and there were enough;
# BPF saw no completion it did not expect.
books_balance() {
	[ "$(counter requests)" = "$(counter completed)" ] && [ "$(counter errors)" = 0 ] &&
		[ "$(counter completed)" -ge "$1" ] && ! grep -E 'stray [1-9]' "$daemon_log"
}
