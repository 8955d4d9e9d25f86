#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The test runner itself: what it counts, what it calls a failure, what it leaves behind.
# seconds: 60
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

root=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# program NAME: a test program from stdin
program() {
	{ echo '#!/bin/bash'; cat; } >"$1"
	chmod +x "$1"
}

# expect DESCRIPTION STATUS PATTERN PROGRAM...: the runner's exit status and a line of its output
expect() {
	local what=$1 want=$2 pattern=$3 status=0 out

	shift 3
	out=$("$root/tests/run" "$@" 2>&1) || status=$?
	if [ "$status" = "$want" ] && grep -Eqe "$pattern" <<<"$out"; then
		ok 0 "$what"
	else
		ok 1 "$what"
		diag "status $status, wanted $want and /$pattern/" "$out"
	fi
}

program pass <<<'echo "ok 1 - one"; echo "ok 2 - two"; echo 1..2'
program fail <<<'echo 1..2; echo "not ok 1 - one"; echo "# because"; echo "ok 2 - two"; exit 1'
program skip <<<'echo 1..2; echo "ok 1 - one"; echo "ok 2 - two # SKIP no such device"'
program cmocka_skip <<<'echo 1..2; echo "ok 1 - one"; echo "not ok 2 # SKIP two"'
program skip_all <<<'echo "1..0 # SKIP nothing here"'
program no_reason <<<'echo "1..0 # SKIP"'
program no_plan <<<'echo "ok 1 - one"'
program short <<<'echo 1..3; echo "ok 1 - one"'
program status <<<'echo 1..1; echo "ok 1 - one"; exit 3'
program lying <<<'echo 1..1; echo "not ok 1 - one"; exit 0'
program crash <<<'echo 1..1; echo "ok 1 - one"; echo "last words" >&2; kill -SEGV $$'
program silent <<<'exit 0'
program bail <<<'echo 1..1; echo "ok 1 - one"; echo "Bail out! no memory"'
program stdout_only <<<'echo 1..1; echo "ok 1 - one"; echo "not ok 2 - on stderr" >&2'
program stuck <<'END'
# seconds: 1
setsid bash -c 'echo $$ >child; exec -a stuck-child sleep 300' &
trap '' TERM
while :; do sleep 300; done
END
program daemon <<'END'
setsid bash -c 'echo $$ >child; exec sleep 300' &
while [ ! -s child ]; do sleep 0.05; done
echo "ok 1 - one"; echo 1..1
END

# gone: whether the process that wrote its pid into `child` is no more
gone() {
	[ -s child ] && ! kill -0 "$(cat child)" 2>/dev/null
}

expect "points are counted" 0 '^2 passed, 0 failed, 0 skipped$' ./pass
expect "a name without a slash is a file too" 0 '^2 passed, 0 failed, 0 skipped$' pass
expect "a failed point is counted once" 1 '^1 passed, 1 failed, 0 skipped$' ./fail
expect "a failed point is shown with its diagnostics" 1 '^ +# because$' ./fail
expect "a skip is counted" 0 '^1 passed, 0 failed, 1 skipped$' ./skip
expect "a skip is listed with its reason" 0 '^  ./skip: two: no such device$' ./skip
expect "so is one of cmocka's" 0 '^1 passed, 0 failed, 1 skipped$' ./cmocka_skip
expect "a program skipped as a whole is one skip" 0 '^2 passed, 0 failed, 1 skipped$' ./pass ./skip_all
expect "when all is skipped nothing passed" 1 '^0 passed, 0 failed, 1 skipped$' ./skip_all
expect "skipping everything needs a reason" 1 'skipped as a whole without a reason' ./no_reason
expect "a missing plan is a failure" 1 '^1 passed, 1 failed, 0 skipped$' ./no_plan
expect "missing points are a failure" 1 '1 points, planned 3' ./short
expect "a status without a failed point is a failure" 1 'left with status 3' ./status
expect "failed points with status 0 are a failure" 1 'failed points, but status 0' ./lying
expect "a crash is a failure" 1 'killed by signal 11' ./crash
expect "a crash shows the end of stderr" 1 '^ +last words$' ./crash
expect "no output is a failure" 1 'no plan' ./silent
expect "bailing out is a failure" 1 'bailed out: no memory' ./bail
expect "stderr is no TAP" 0 '^1 passed, 0 failed, 0 skipped$' ./stdout_only
expect "a program that is not there is a failure" 1 'left with status 127' ./missing
expect "no program at all is a failure" 1 '^0 passed, 0 failed, 0 skipped$'
expect "an unknown option is refused" 2 'usage:' --minutes 1 ./pass
expect "one summary for many programs" 1 '^6 passed, 1 failed, 1 skipped$' ./pass ./fail ./skip ./pass
rm -f child
expect "a program is out of time by its own limit" 1 'out of time after 1 seconds' ./stuck
check "and what it started is gone" gone
rm -f child
expect "a process left behind is told" 0 'left 1 processes behind' ./daemon
check "and killed" gone
check "logs are kept" test -s build/test-logs/pass.tap
tap_done
