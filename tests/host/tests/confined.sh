# SPDX-License-Identifier: GPL-2.0-only
# confined: what vCPU dispatch leaves to the poller: requests in memory that is not paged in where the
# vCPU is, and the doorbells of a VM that left its cgroup while it runs; TAP.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/daemon.sh
engine=poller
vm=/sys/fs/cgroup/vm
control=$dir/control

# counted NAME: of both queues so far
counted() {
	build/nvring status --control "$control" --json |
		jq "[.queues[] | .counters[\"$1\"] // .direct[\"$1\"] // 0] | add"
}

# dispatched OPTION...: requests of a vCPU of our own, and those of them that it started
dispatched() {
	daemon_start --device /dev/ng0n1 --queues 1 --vcpu-dispatch --spin-us 0 \
		--control "$control"
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
ok $((by_vcpu > 0)) "of those the vCPU started $by_vcpu"
check "the worker had none of them" grep -q 'handed to the worker: fault 0 ' "$dir/log"

mkdir $vm $vm/below
daemon_start --device /dev/ng0n1 --queues 2 --vcpu-dispatch --control "$control" --cgroup $vm
# Until its vCPUs have started some requests, or it ended: by the emulation's fault, it is tried again.
for try in 1 2; do
	(
		echo $BASHPID >$vm/below/cgroup.procs
		exec tests/guest/run --accel kvm --image /tree/build/guest/6.12 --seconds 150 \
			--socket "$socket" --log /results/guest.log rawverify size=1m
	) >/dev/null 2>&1 &
	guest=$!
	while kill -0 $guest 2>/dev/null; do
		inside=$(counted 'by vCPUs')
		[ "$inside" -lt 50 ] || break 2
		sleep 0.1
	done
	status=0
	wait $guest || status=$?
	[ $status = 3 ] || break
	diag "try $try: the guest's machine was reset, or hung early"
done
ok $((inside < 50)) "in a cgroup below it, vCPUs start requests: $inside"

for pid in $(cat $vm/below/cgroup.procs); do
	echo "$pid" >/sys/fs/cgroup/cgroup.procs
done
check "the VM is not in it any more" test -z "$(cat $vm/below/cgroup.procs)"
inside=$(counted 'by vCPUs') before=$(counted requests)
wait $guest
ok $? "the guest is well"
after=$(counted requests) outside=$(($(counted 'by vCPUs') - inside))
ok $((after - before < 200)) "it sent more requests: $((after - before))"
ok $((outside > 0)) "outside it, vCPUs start none: $outside"
guest_points /results/guest.log
daemon_end
ok $? "the daemon ends well"
check "its books balance" books_balance 200
tap_done
