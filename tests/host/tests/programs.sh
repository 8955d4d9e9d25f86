# SPDX-License-Identifier: GPL-2.0-only
# programs: every BPF program before this kernel's verifier, and the trial of its helpers; TAP of
# several programs, as tests/host/tests/front.sh.
for test in programs user_copy; do
	echo "## $test"
	timeout 120 build/tests/bpf/test_$test
	echo "## status $?"
done
