# SPDX-License-Identifier: GPL-2.0-only
# cold: vCPU dispatch of requests in memory that is paged in where the vCPU is, and in memory that is
# not: what the vCPU cannot read it leaves to the poller, which has it mapped, until it is read in
# place; TAP.
set -u
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/status.sh
engine=poller

# dispatched OPTION...: requests of a vCPU of our own, and how many of them it started
dispatched() {
	daemon_start --device /dev/ng0n1 --queues 1 --vcpu-dispatch --spin-us 0 --control "$dir/control"
	build/tests/front/loadgen --kvm --sleep --socket "$socket" --depth 4 --seconds 1 "$@" >/dev/null
	ok $? "loadgen --kvm $*: the guest is well"
	requests=$(counted requests) by_vcpu=$(counted 'by vCPUs')
	daemon_end
	ok $? "loadgen --kvm $*: the daemon ends well"
}

dispatched
ok $((by_vcpu < requests / 2 || requests < 50)) "of $requests requests the vCPU started $by_vcpu"
dispatched --cold
ok $((requests < 50)) "in memory that is not paged in, $requests requests"
ok $((by_vcpu >= requests)) "of those the vCPU left $((requests - by_vcpu)) to the poller"
case $(uname -r) in
6.12.*) skip "once they are read in place it starts them" "helpers read the rings, which are not paged in" ;;
*) ok $((by_vcpu < requests / 2)) "and started $by_vcpu, once they were read in place" ;;
esac
check "the worker had none of them" grep -q 'handed to the worker: fault 0 ' "$dir/log"
tap_done
