# SPDX-License-Identifier: GPL-2.0-only
# steer ENGINE: what is known of vCPUs, what is made of it, and where threads are; TAP. For four CPUs.
set -u
cd /tree || exit
PATH=/tree/.cache/sysroot/usr/bin:$PATH # where packaging/deps.sh put a newer QEMU
. tests/lib/tap.sh
. tests/lib/nvme.sh
. tests/host/tests/bench/sides.sh
milliseconds=2000 answer_seconds=60
engine=$1 hogs=()

# status SIDE FILTER: of its status
status() {
	build/nvring status --control "$dir/$1.control" --json | jq -r "$2"
}

# serve SIDE OPTION...: a daemon, with no CPU of its own
serve() {
	build/nvring serve --socket "$dir/$1.socket" --control "$dir/$1.control" "${@:2}" \
		2>>"/results/$1.log" &
	side_pid[$1]=$!
	wait_for 20 grep -qs 'waiting at' "/results/$1.log"
}

# vcpu SIDE NUMBER WANTED: its state and CPU, as a pattern
vcpu() {
	local is

	is=$(status "$1" ".vcpus[]? | select(.vcpu == $2) | \"\(.state) \(.cpu)\"")
	# shellcheck disable=SC2053 # a pattern
	[[ $is == $3 ]]
}

# Known states.
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
if ! serve states --null 64M --name states --engine "$engine"; then
	echo "Bail out! no daemon: $(tail -n 1 /results/states.log)"
	exit 1
fi
build/tests/front/states "$dir/states.socket" 2 3 < <(sleep 1000) &
states=$!
check "a vCPU that is halted is seen" wait_for 150 vcpu states 0 'halted *'
check "one that runs is, and its CPU" wait_for 150 vcpu states 1 'guest 2'
for number in 2 3; do
	check "one of two that share a CPU is preempted now and then: $number" \
		wait_for 150 vcpu states $number 'preempted 3'
	check "and runs: $number" wait_for 150 vcpu states $number 'guest 3'
done
check "one that never ran is nowhere" wait_for 150 vcpu states 4 'host *'
check "there is no other" test "$(status states '.vcpus | length')" = 5
check "they are found in bpffs" wait_for 30 grep -qs '^vcpu 1: guest, CPU 2' /sys/fs/bpf/nvring/states/vcpus
build/nvring status --control "$dir/states.control" | grep '^vcpu' | sed 's/^/# /'
kill -KILL $states
wait $states 2>/dev/null
check "they are gone with the front-end" wait_for 20 test ! -e /sys/fs/bpf/nvring/states/vcpus -o \
	"$(status states '.vcpus')" = null
kill -TERM "${side_pid[states]}"

# A guest whose first vCPU has CPU 0, the second CPU 1; BPF serves it where the scheduler likes.
drive=$(namespace 512)
side_drive[guest]=nvme$drive
server_start() {
	serve "$1" --name "$1" --device "/dev/ng$drive" --engine "$engine" --queues 2 --placement off
}

# set_to OPTION...: change it
set_to() {
	build/nvring set --control "$dir/guest.control" "$@"
}

# load DEPTH JOBS: run it, print its row
load() {
	local row

	row=$(side_load guest read "$1" "$2" $milliseconds) && echo "# read-$1x$2: $row" && return
	echo "Bail out! the guest: $row"
	exit 1
}

# counted NAME: of queue 0's counters
counted() {
	status guest ".queues[0].counters.\"$1\""
}

# interrupted: percent of the drive's interrupts that CPUs of vCPUs take, under load
interrupted() {
	local before after

	read -ra before < <(drive_interrupts guest)
	load 32 2 >&2
	read -ra after < <(drive_interrupts guest)
	echo $(((after[0] - before[0]) * 1000 / (after[1] - before[1] + 1)))
}

# placed CPUS: under load
placed() {
	[ "$(status guest .placement.cpus)" = "$1" ] || { load 32 2; false; }
}

let_alone() {
	[ "$(status guest .placement.left_alone)" = 1 ] || { load 32 2; false; }
}

# cpus_of THREAD: its affinity
cpus_of() {
	taskset -pc "$1" | sed 's/.*: //'
}

# learned: which vCPU rings which queue is known, and right
learned() {
	[ "$(status guest '[.queues[].vcpu] | join(" ")')" = "0 1" ] || { load 32 2; false; }
}

if ! side_start guest; then
	echo "Bail out! no guest: $side_why"
	exit 1
fi
taskset -pc 1 "$(threads "${side_qemu[guest]}" '^CPU 1/KVM')" >/dev/null
check "which vCPU rings which queue is learned" wait_for 240 learned
build/nvring status --control "$dir/guest.control" | grep '^vcpu' | sed 's/^/# /'
load 32 2 >/dev/null &
loaded=$!
build/nvring top --control "$dir/guest.control" --once --steering >"$dir/top"
wait $loaded
sed 's/^/# /' "$dir/top"
for number in 0 1; do
	check "top shows queue $number with its vCPU, where that is, and what it does" \
		grep -Eq "^ +$number +[0-9.k]+ +$number (guest|halted|host|preempted) +$number " "$dir/top"
done

# grown COUNTER BEFORE: under load
grown() {
	[ "$(counted "$1")" -gt "$2" ] || { load 32 1; false; }
}

# grows SWITCH COUNTER LABEL: with the switch on, and not with it off
grows() {
	local before interrupts requests

	for state in on off; do
		set_to --"$1" $state
		before=$(counted "$2") interrupts=$(counted interrupts) requests=$(counted requests)
		load 32 1
		echo "# $1 $state: $(awk -v i=$(($(counted interrupts) - interrupts)) \
			-v r=$(($(counted requests) - requests)) 'BEGIN { printf "%.3f", i / r }') interrupts a request, $(
			echo) $2 $(($(counted "$2") - before))"
		if [ $state = on ]; then
			check "$3" wait_for 180 grown "$2" "$before"
		else
			check "--$1 off: not so" test "$(counted "$2")" = "$before"
		fi
	done
}

grows patience patient "interrupts are held for long, to see what that costs"
check "status says what it costs" wait_for 60 test "$(status guest '.queues[0].patience.compared')" -gt 0
grows wake-halted halted "interrupts for a halted vCPU are not held"

# Nor does a worker see whether a vCPU is halted.
set_to --engine worker --patience on --wake-halted on
grows patience patient "a worker holds interrupts for long, to see what that costs"
before=$(counted held)
load 32 1
check "but not without patience, as it takes all vCPUs for halted" test "$(counted held)" = "$before"
set_to --wake-halted off
grows moderation held "unless it is not to care"
set_to --engine "$engine" --moderation on --patience on --wake-halted on

# The CPUs that vCPUs leave have other work to do: of itself nothing would go there.
for cpu in 2 3; do
	nice -n 19 taskset -c $cpu bash -c 'while :; do :; done' &
	hogs+=($!)
done
off=$(interrupted)
set_to --placement on
check "threads are kept off the vCPUs' CPUs" wait_for 240 placed 2-3
on=$(interrupted)
echo "# drive interrupts on CPUs of vCPUs, of a thousand: $off without placement, $on with"
check "at least nine in ten of those are gone" test $((on * 10)) -le "$off"
kill "${hogs[@]}"

# The drive has three queues for four CPUs: CPUs 0 and 1 share one. That interrupts CPU 1, so with a
# vCPU there, and another on CPU 2, CPU 3 is best.
shared=$(cat /proc/irq/*/nvme0q1/../effective_affinity_list)
if [ "$shared" = 1 ]; then
	taskset -pc 1 "$(threads "${side_qemu[guest]}" '^CPU 0/KVM')" >/dev/null
	taskset -pc 2 "$(threads "${side_qemu[guest]}" '^CPU 1/KVM')" >/dev/null
	check "threads keep off a CPU that shares a vCPU's interrupt" wait_for 240 placed 3
else
	skip "threads keep off a CPU that shares a vCPU's interrupt" "the drive interrupts CPU $shared for CPUs 0 and 1"
fi

# What an operator pins stays.
pinned=$(threads "${side_pid[guest]}" '^(nvring/l0|iou-sqp-)')
taskset -pc 1 "$pinned" >/dev/null
check "one that was pinned is let alone" wait_for 150 let_alone
check "and where it was pinned" test "$(cpus_of "$pinned")" = 1
set_to --placement off
check "placement off: it is let alone" test "$(cpus_of "$pinned")" = 1
check "and the others may run anywhere" test "$(cpus_of "$(threads "${side_pid[guest]}" '^nvring/w0')")" = 0-3
sides_stop
grep 'queue 0: requests' /results/guest.log | sed 's/^/# /'
check "every request was given back, without errors" \
	grep -Eq 'queue 0: requests ([0-9]+) completed \1 errors 0' /results/guest.log
tap_done
