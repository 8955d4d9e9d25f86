#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VM's process lives in the VM's cgroup while a front-end is connected, and only then: all its
# threads, what they cost, freezing, kills, and that nothing is left that keeps the cgroup.
# seconds: 240
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/manager.sh
engine=${NVRING_ENGINE:-worker}
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
cgroup=$cgroups/nvring-test-$$
name=/${cgroup##*/}
home=$(sed -n "s/^0:://p" /proc/self/cgroup)

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
[ -n "$cgroups" ] || skip_all "no cgroup2 is mounted"
mkdir "$cgroup" 2>"$dir/error" || skip_all "no cgroup2 to make one in: $(cat "$dir/error")"
leave() {
	echo 0 >"$cgroup/cgroup.freeze"
	manager_clean
	for _ in $(seq 100); do
		rmdir "$cgroup"/{x/nvring,x,nvring,} 2>/dev/null
		[ -e "$cgroup" ] || break
		sleep 0.1
	done
}
trap leave EXIT

# served_in CGROUP VM [OPTION...]: verified load by a front-end in it
served_in() {
	local to=$1

	shift
	echo $BASHPID >"$to/cgroup.procs"
	front_start "$@"
	echo $BASHPID >"$cgroups/$home/cgroup.procs"
	await vm_is "$1" .status.connected true
}

# tasks_in VM PATH: all threads of its process are there
tasks_in() {
	local pid one elsewhere

	pid=$(vm "$1" .pid)
	elsewhere=$(for one in "$pid" $(pgrep -P "$pid"); do sed -n "s/^0:://p" /proc/"$one"/task/*/cgroup; done | grep -cvx -- "$2")
	[ "$elsewhere" = 0 ] && [ -d "/proc/$pid" ]
}

empty() { grep -qx 'populated 0' "$cgroup/cgroup.events" && [ ! -e "$cgroup/nvring" ]; }

usage() { sed -n 's/^usage_usec //p' "$1/cpu.stat"; }

requests() { nv status "$1" --json | jq '[.queues[].counters.completed] | add'; }

more_requests() { [ "$(requests "$1")" -gt "$2" ]; }

cost_grows() { [ "$(usage "$cgroup/nvring")" -gt "$1" ]; }

# fails PATTERN COMMAND...: soon, and says so
fails() {
	local pattern=$1 out status=0

	shift
	out=$(timeout 30 "$@" 2>&1) || status=$?
	[ $status -ne 0 ] && [ $status -ne 124 ] && grep -q -- "$pattern" <<<"$out" && return 0
	echo "status $status: $out"
	return 1
}

says() { "${@:2}" | grep -- "$1" >"$dir/grep"; }

frozen() { grep -qx "frozen $1" "$cgroup/cgroup.events"; }

there() {
	await more_requests a 0
	check "all its threads are in the VM's cgroup, and what loads BPF for it" tasks_in a "$name/nvring"
	check "status says so" says "^cgroup $name; process in $name/nvring\$" nv status a
	[ "$engine" != poller ] || check "the poller's among them" \
		grep -q iou-sqp /proc/"$(vm a .pid)"/task/*/comm
	await cost_grows "$(($(usage "$cgroup/nvring") + 10000))"
	ok $? "what serving costs is charged there"
}

freeze() {
	local before i

	echo 1 >"$cgroup/cgroup.freeze"
	check "the list says so" says '^a *frozen ' nv list
	await frozen 1
	ok $? "its threads freeze with the VM's"
	for i in $(seq 12); do
		fails "is frozen with its cgroup, $name/nvring" "$nvring" status a --runtime-dir "$run" ||
			break
	done >"$dir/said"
	check "12 times, nvring status says why it cannot: $(cat "$dir/said")" test "$i" = 12
	check "nothing is asked of it" fails frozen "$nvring" set --vm a --engine worker \
		--runtime-dir "$run"
	check "it is not detached" fails 'frozen with its cgroup; thaw' "$nvring" detach --vm a \
		--runtime-dir "$run"
	check "nor shown" fails 'is frozen' "$nvring" top --once a --runtime-dir "$run"
	await same_image
	ok $? "its disk stands still"
	manager_kill
	manager_start
	await says '^a *frozen ' nv list
	ok $? "the next manager has it, and knows"
	echo 0 >"$cgroup/cgroup.freeze"
	await frozen 0
	before=$(requests a)
	await more_requests a "$before"
	ok $? "it thaws, and goes on"
}

same_image() {
	local before

	before=$(cksum "$dir/a.img")
	sleep 0.5
	[ "$(cksum "$dir/a.img")" = "$before" ]
}

killed() {
	local pid

	pid=$(vm a .pid)
	kill -KILL "$pid"
	await other_process "$pid"
	await vm_is a .status.connected true
	check "one that is killed is started again, and goes there" tasks_in a "$name/nvring"
}

other_process() { vm_is a .state serving && ! vm_is a .pid "$1"; }

# SIGTERM is what systemd sends to all in a scope that it stops.
terminated() {
	local pid

	pid=$(vm a .pid)
	kill -TERM "$pid"
	await other_process "$pid"
	ok $? "one that is told to end, as by systemctl stop SCOPE, is started again"
	await more_requests a 0
}

two_disks() {
	nv attach --vm b --null 16M --cgroup "$cgroup" >/dev/null
	(
		echo $BASHPID >"$cgroup/cgroup.procs"
		exec build/tests/front/loadgen --socket "$run/vm/b/disk.sock" --sleep --seconds 60
	) >/dev/null 2>&1 &
	fronts+=($!)
	await vm_is b .status.connected true
	check "the process of another disk of the VM is there, too" tasks_in b "$name/nvring"
	kill -KILL $!
	wait $! 2>/dev/null
	await tasks_in b "$home"
	ok $? "it goes home when its front-end has left"
	check "the first stays" tasks_in a "$name/nvring"
	nv detach --vm b >/dev/null
}

left_by_kills() {
	local pid

	pid=$(vm a .pid)
	kill -KILL "$manager_pid" "$pid" "${front[a]}" # in an order in which none sees another go
	wait "$manager_pid" "${front[a]}" 2>/dev/null
	await grep -qx 'populated 0' "$cgroup/cgroup.events"
	check "all killed at once: its cgroup is left" test -e "$cgroup/nvring"
	manager_start
	await empty
	ok $? "the next manager has it removed"
	await vm_is a .state serving
}

threaded() {
	mkdir "$cgroup/x" && echo threaded >"$cgroup/x/cgroup.type"
	nv attach --vm t --null 16M --cgroup "$cgroup/x" >/dev/null
	(
		echo $BASHPID >"$cgroup/cgroup.procs"
		echo $BASHPID >"$cgroup/x/cgroup.threads"
		exec build/tests/front/loadgen --socket "$run/vm/t/disk.sock" --sleep --seconds 60
	) >/dev/null 2>&1 &
	fronts+=($!)
	await vm_is t .status.connected true
	ok $? "a VM in a threaded cgroup is served"
	check "by a process that stays at home" tasks_in t "$home"
	check "status says why" says "process in $home: cgroup $name/x/nvring: .*threaded" nv status t
	kill -KILL $!
	wait $! 2>/dev/null
	await vm_is t .status.connected false
	nv detach --vm t >/dev/null
	check "nothing is left in it" rmdir "$cgroup/x"
}

image a
manager_start
if ! nv attach --vm a --image "$dir/a.img" --cgroup "$cgroup" --engine "$engine" >"$dir/said" 2>&1; then
	grep -q -- '--engine' "$dir/said" && skip_all "$(sed 's/.*does not start: //' "$dir/said")"
	cat "$dir/said"
	echo "Bail out! it is not attached"
	exit 1
fi
check "without a front-end the process is at home" tasks_in a "$home"
check "status says where that is" says "process in $home\$" nv status a
served_in "$cgroup" a
there
freeze
killed
terminated
front_end a
ok $? "the guest went on through all that, every byte is right"
await empty
ok $? "when its front-end has left, the VM's cgroup is empty"
check "the process is at home" tasks_in a "$home"
served_in "$cgroup" a
two_disks
left_by_kills
threaded
rmdir "$cgroup"
await test ! -e "$run/vm/a"
ok $? "the cgroup is removed, and the VM is detached"
check "the log has nothing else" test -z "$(grep 'error: ' "$dir/log")"
tap_done
