# SPDX-License-Identifier: GPL-2.0-only
# tap.sh: the Test Anything Protocol for shell tests. Source it, call ok/skip, end with tap_done.

tap_count=0
tap_failed=0

# ok STATUS DESCRIPTION: one test point; passes when STATUS is 0.
ok() {
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
	fi
}

# check DESCRIPTION COMMAND...: one test point that runs COMMAND; its output becomes diagnostics.
check() {
	local what=$1 status=0 out
	shift
	out=$("$@" 2>&1) || status=$?
	ok "$status" "$what"
	if [ "$status" -ne 0 ]; then
		diag "$* failed with $status" "$out"
	fi
	return 0
}

# skip DESCRIPTION REASON: one point that could not be tried here.
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# relay NAME LINE: a line of another program's TAP as one of ours.
relay() {
	case $2 in
	'ok '*'# SKIP '* | '1..0 # SKIP '*) skip "$1" "${2#*# SKIP }" ;;
	'not ok '*'# SKIP '*) skip "$1: ${2#*# SKIP }" "its own lines say why" ;; # so says cmocka
	'ok '*) ok 0 "$1: ${2#ok * - }" ;;
	'not ok '*) ok 1 "$1: ${2#not ok * - }" ;;
	'Bail out!'*) ok 1 "$1: $2" ;;
	'# '*) echo "$2" ;;
	*) echo "$2" >&2 ;; # the daemon's log, and what else there is to read
	esac
}

# relay_tests LABEL: the TAP of several programs on stdin, each between "## NAME" and "## status N", as
# ours.
relay_tests() {
	local name=start line

	while read -r line; do
		case $line in
		'## status 0') ok 0 "$1: $name ends well" ;;
		'## status'*) ok 1 "$1: $name ends well" ;;
		'## '*) name=${line#'## '} ;;
		*) relay "$1: $name" "$line" ;;
		esac
	done
}

# host_lines NAME OPTION... -- [ARGUMENT...]: run tests/host/tests/NAME.sh in the test host; what it
# prints, and how it ended
host_lines() {
	local name=$1 options=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	tests/host/run "${options[@]}" "$name" "$@" 2>&1
	echo "## end $?"
}

# host_lines_tries NAME...: the same for a test that stands and falls with one guest: once more where
# the guest's machine was reset (guest.sh), at most twice
host_lines_tries() {
	local try lines

	for try in 1 2 3; do
		lines=$(host_lines "$@")
		if [ $try = 3 ] || ! grep -q '^Bail out!.* its machine was reset' <<<"$lines" ||
			! kernel_log_clean "build/host/$1/dmesg" >&2 ||
			grep -h 'Kernel panic' "build/host/$1"/*.console.log >&2; then
			echo "$lines"
			return
		fi
		diag "try $try: the guest's machine was reset" "$(grep '^not ok' <<<"$lines")"
	done
}

# soon COMMAND...: it is so, at once or within some seconds
soon() {
	for _ in $(seq 50); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}

# relay_host LABEL NAME OPTION... -- [ARGUMENT...]: host_lines, its points, and how it ended, as ours
relay_host() {
	relay_lines host_lines "$@"
}

# relay_host_tries LABEL NAME...: likewise, of host_lines_tries
relay_host_tries() {
	relay_lines host_lines_tries "$@"
}

# relay_lines COMMAND LABEL NAME...
relay_lines() {
	local label=$2 name=$3 line

	while read -r line; do
		case $line in
		'run: '*) diag "$label: $line" ;;
		'## end 2') ok 1 "$label: the test ends" && diag "$(tail -n 30 "build/host/$name/console")" ;;
		'## end '*) ok "${line#'## end '}" "$label: the test ends well" ;;
		*) relay "$label" "$line" ;;
		esac
	done < <("$1" "${@:3}")
	check "$label: the kernel log is clean" kernel_log_clean "build/host/$name/dmesg"
}

# guest_points LOG: a test point for each step a guest reports (tests/guest/job).
guest_points() {
	local line

	while read -r line; do
		case $line in
		*'nvring-guest: ok '*) ok 0 "guest: ${line#*nvring-guest: ok }" ;;
		*'nvring-guest: FAIL '*) ok 1 "guest: ${line#*nvring-guest: FAIL }" ;;
		esac
	done < <(sed 's/\r//g' "$1")
	grep -q 'nvring-guest: done 0' "$1"
	ok $? "the guest ends well"
}

# kernel_log_clean LOG: no line of a kernel's log tells of a fault.
kernel_log_clean() {
	! grep -E 'WARNING: (CPU|[a-z_]+\/)|BUG:|Oops|general protection|blocked for' "$1"
}

# diag TEXT...: lines for whoever reads the log.
diag() {
	printf '%s\n' "$@" | sed 's/^/# /'
}

# tap_done: print the plan and leave with the verdict.
tap_done() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit $?
}
