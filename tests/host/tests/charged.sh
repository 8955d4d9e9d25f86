# SPDX-License-Identifier: GPL-2.0-only
# charged ENGINE...: VMs one after another in cgroups that have the cpu, memory, io and pids
# controllers, made as by libvirt: QEMU, here our front-end, is in one of its own below the VM's, and
# the process that serves it beside that. What serving costs is charged and limited there, and the guest
# finds every byte; TAP.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/manager.sh
. tests/lib/cgroup.sh
. tests/lib/nvme.sh
home=$cgroups/system # the manager's
controllers='+cpu +memory +io +pids'
guest_bytes=$((32 << 20)) # a front-end's memory
first=0 range=65536       # blocks of 512 bytes

disk=/dev/nvme$(namespace 512)

# begin: a front-end that verifies
begin() {
	in_cgroup "$engine/qemu" build/tests/front/steady --socket "$run/vm/$engine/disk.sock" --image "$disk" \
		--offset $((first * 512)) --size 8M --queues 2 >"$dir/$engine.json" &
	front[$engine]=$!
	fronts+=($!)
	await more_requests 100
}

requests() { nv status "$engine" --json 2>/dev/null | jq '[.queues[].counters.completed] | add'; }

more_requests() { [ "$(requests)" -gt "$1" ] 2>/dev/null; }

# counted NAME FILE: a number of a cgroup's memory.stat, cpu.stat
counted() { sed -n "s/^$1 //p" "$2"; }

# us_of PATTERN: CPU time of those threads of the VM's process
us_of() {
	local task us=0

	for task in /proc/"$(vm "$engine" .pid)"/task/*; do
		! grep -qE "$1" "$task/comm" || us=$((us + $(cut -d' ' -f1 "$task/schedstat") / 1000))
	done
	echo $us
}

sample() { echo "$(date +%s%N) $(counted usage_usec "$own/cpu.stat") $(requests)"; }

# window SECONDS: $rate, requests a second, and $share, percents of a CPU
window() {
	local before us

	before=$(sample)
	sleep "$1"
	set -- $before $(sample)
	us=$((($4 - $1) / 1000))
	share=$((($5 - $2) * 100 / us)) rate=$((($6 - $3) * 1000000 / us))
}

frozen() { grep -qx "frozen $1" "$vm/cgroup.events"; }

# freeze 1|0: and it is
freeze() {
	echo "$1" >"$vm/cgroup.freeze"
	await frozen "$1"
}

# spent: us of CPU time: the cgroup's, its threads', and those threads' that serve in the kernel
spent() { echo "$(counted usage_usec "$own/cpu.stat") $(us_of .) $(us_of "$kernel")"; }

# While the VM is frozen all its clocks stand.
time_is_charged() {
	local before still

	freeze 1
	before=$(spent)
	freeze 0
	sleep 3
	freeze 1
	set -- $before $(spent)
	sleep 1
	still=$(($(spent | cut -d' ' -f1) - $4))
	ok $((still > 1000)) "$engine: the VM is frozen, and uses $still us of CPU time in a second"
	freeze 0
	set -- $(($4 - $1)) $(($5 - $2)) $(($6 - $3))
	ok $(($1 * 100 < $2 * 97 || $1 * 97 > $2 * 100)) \
		"$engine: its threads' CPU time, $2 us, is charged: $1 us"
	[ "$engine" = worker ] || ok $(($3 * 2 < $1)) "$engine: of that $3 us to who serves in the kernel: $(
		cat /proc/"$(vm "$engine" .pid)"/task/*/comm | grep -E "$kernel" | xargs)"
	before=$(requests)
	check "$engine: it is thawed, and goes on" await more_requests "$before"
}

memory_is_charged() {
	local ours all least most

	check "$engine: all its tasks are counted, and what loads BPF for it" test \
		"$(cat "$own/pids.current")" = $(($(ls /proc/"$(vm "$engine" .pid)"/task | wc -l) + 1))
	ok $(($(counted kernel "$own/memory.stat") < 65536)) "$engine: its memory is charged: $(
		cat "$own/memory.current") bytes, of the kernel's $(counted kernel "$own/memory.stat")"
	ours=$(counted shmem "$own/memory.stat") all=$(counted shmem "$vm/memory.stat")
	case $engine in
	worker) least=$guest_bytes most=$all ;; # pinned at once
	loop) least=1 most=$((all / 2)) ;;      # the vrings, before the guest comes to them
	poller) least=0 most=$((all / 2)) ;;    # whoever comes first
	esac
	ok $((ours < least || ours > most)) \
		"$engine: the guest's memory is charged to the VM: $all bytes, $ours to us who touched these first"
	ok $(($(counted shmem "$home/memory.stat") - home_shmem > 262144)) \
		"$engine: none of it to the manager"
}

time_is_limited() {
	local before

	window 2
	before=$rate
	echo '5000 50000' >"$own/cpu.max"
	sleep 0.5
	window 4
	ok $((share > 13)) "$engine: cpu.max of a tenth: $share% of a CPU"
	ok $((rate == 0 || rate * 2 > before)) \
		"$engine: the guest goes on, slower: $rate requests a second of $before"
	echo max >"$own/cpu.max"
	sleep 0.5
	before=$rate
	window 2
	ok $((rate < before * 2)) "$engine: without it, faster: $rate"
}

restarted() { vm_is "$engine" '[.state, .restarts, .status.connected] == ["serving", 1, true]' true; }

memory_and_pids_run_out() {
	echo 1 >"$vm/pids.max"
	echo 4096 >"$own/memory.max"
	check "$engine: without memory it is killed, and started again" await restarted
	check "$engine: the manager says why" \
		grep "$engine: died: .* for want of memory: see memory.max and $own" "$manager_log"
	check "$engine: without tasks for its threads the guest goes on" await more_requests 100
	check "$engine: status says by what, and why" test 2 = "$(nv status "$engine" |
		grep -c '^queue [01]: worker: .* temporarily unavailable; raise pids.max')"
	echo max >"$vm/pids.max"
}

dying() { counted nr_dying_subsys_memory $cgroups/cgroup.stat; }

dying_are() { [ "$(dying)" -le "$1" ]; }

mkdir $home && echo $$ >$home/cgroup.procs
echo "$controllers" >$cgroups/cgroup.subtree_control
dying=$(dying)
manager_start
for engine in "$@"; do
	vm=$cgroups/$engine own=$vm/nvring
	case $engine in
	loop) kernel='^nvring/l' options='' ;;
	poller) kernel='^iou-sqp' options='' ;;
	worker) kernel='^iou-' options=--pin-memory ;;
	esac
	mkdir -p "$vm/qemu"
	echo "$controllers" >"$vm/cgroup.subtree_control"
	build/tests/front/steady --image "$disk" --offset $((first * 512)) --create 8M
	nv attach --vm "$engine" --device "$disk" --range "$first+$range" --queues 2 --cgroup "$engine" \
		--engine "$engine" $options >"$dir/said"
	home_shmem=$(counted shmem "$home/memory.stat")
	begin
	time_is_charged
	memory_is_charged
	if [ "$engine" != worker ]; then
		time_is_limited
		memory_and_pids_run_out
	fi
	front_end "$engine"
	ok $? "$engine: the guest went on through all that, every byte is right"
	await test ! -e "$own"
	ok $? "$engine: when it has left, the process is at home"
	rmdir "$vm/qemu" "$vm"
	check "$engine: its cgroup is removed, and it is detached" await vm_is "$engine" .state ''
	first=$((first + range))
done
check "no memory keeps any of these cgroups" await dying_are "$dying"
manager_end
ok $? "the manager ends well"
tap_done
