#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VM is a cgroup: who may connect, and what happens when it is removed. In a mount namespace of
# our own, with a mount of cgroup2 of our own; the cgroups are the machine's, and go away with us.
# seconds: 120
set -uo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${NVRING_OWN_MOUNTS:-}" ]; then
	if ! unshare -m true 2>/dev/null; then
		echo "1..0 # SKIP a mount namespace of our own cannot be had: not root"
		exit 0
	fi
	NVRING_OWN_MOUNTS=yes exec unshare -m "$0"
fi
. tests/lib/tap.sh
. tests/lib/daemon.sh
engine=worker
cgroups=$dir/cgroup2
vm=nvring-test-$$
home=$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$cgroups"
if ! mount -t cgroup2 none "$cgroups" 2>"$dir/error" || ! mkdir "$cgroups/$vm" 2>"$dir/error"; then
	echo "1..0 # SKIP no cgroup2: $(cat "$dir/error")"
	umount "$cgroups" 2>/dev/null
	exit 0
fi

manager=
leave() {
	daemon_gone
	if [ -n "$manager" ]; then
		nv detach --all >"$dir/detached" 2>&1
		kill "$manager" && wait "$manager"
	fi
	rmdir "$cgroups/$vm"/{child,nvring} "${cgroups:?}/${vm}0" 2>/dev/null
	gone "$vm" 2>/dev/null
	umount "$cgroups"
	rm -rf "$dir"
}
trap leave EXIT

# load CGROUP: a front-end whose process is there, for a moment
load() (
	echo $BASHPID >"$cgroups/$1/cgroup.procs" || exit 9
	exec build/tests/front/loadgen --socket "$socket" --seconds 0.1
)

# refused CGROUP: it is, and the log says who, where it is, and what to do
refused() {
	local before after

	before=$(grep -c 'front-end connected' "$daemon_log")
	! load "$1" || return 1
	after=$(grep -c 'front-end connected' "$daemon_log")
	[ "$before" = "$after" ] && tail -n 1 "$daemon_log" |
		grep -E "refused: process [0-9]+ \(loadgen\) is in cgroup /*$1, not in /*$vm; start it there"
}

# named FORM: the cgroup may be named so
named() {
	daemon_start --null 64M --queues 1 --cgroup "$1"
	load "$vm" && daemon_end
}

# wrong PATH MEND: it is refused at start, with the mend
wrong() {
	! build/nvring serve --socket "$socket" --null 64M --cgroup "$1" 2>"$dir/wrong" &&
		grep -q -- "$2" "$dir/wrong"
}

# gone CGROUP: it is removed, as soon as the daemon has left it
gone() {
	for _ in $(seq 200); do
		! rmdir "$cgroups/$1" 2>/dev/null || return 0
		sleep 0.05
	done
	rmdir "$cgroups/$1"
}

# ended: the daemon has, by itself, with 0
ended() {
	local status=0

	for _ in $(seq 100); do
		kill -0 "$daemon_pid" 2>/dev/null || break
		sleep 0.05
	done
	kill -0 "$daemon_pid" 2>/dev/null && return 1
	wait "$daemon_pid" || status=$?
	daemon_pid=
	return $status
}

nv() {
	local command=$1

	shift
	build/nvring "$command" --runtime-dir "$dir/run" "$@"
}

# state WORD...: the manager has the VM in one of these, soon
state() {
	local now=

	for _ in $(seq 200); do
		now=$(nv list --json | jq -r '.[0].state')
		[[ " $* " != *" $now "* ]] || return 0
		sleep 0.05
	done
	echo "it is: $now"
	return 1
}

mkdir "$cgroups/$vm/child" "$cgroups/${vm}0"
check "named by its directory" named "$cgroups/$vm"
check "named as /proc has it" named "/$vm"
check "named relative to the mount" named "$vm/"
check "named by a pattern that fits no other" named "*-test-${$}"
check "a pattern that fits two" wrong "$vm*" 'there are several'
check "a pattern that fits none" wrong "*-$vm" 'must exist before'
check "a missing one" wrong "$vm/none" 'must exist before'
check "the root" wrong / "name the VM's own"
check "what is none" wrong /etc 'no such cgroup'
check "what is none, by a link" wrong "/proc/self/root/$dir" 'no.* cgroup'

daemon_start --null 64M --queues 1 --cgroup "$vm"
check "a process in it connects" load "$vm"
check "one below it connects" load "$vm/child"
check "one outside is refused" refused ''
check "one of a longer name is refused" refused "${vm}0"
mkdir "$cgroups/$vm/nvring"
! load "$vm/nvring" >"$dir/outside" 2>&1 && grep -q 'which is nvring.s own' "$daemon_log"
ok $? "one where the daemon itself would be is refused"
check "refused ones do no harm: one in it connects" load "$vm"

# A front-end that stays, then moves away, is not let in again.
(
	echo $BASHPID >"$cgroups/$vm/cgroup.procs"
	build/tests/front/loadgen --socket "$socket" --seconds 0.1 || exit 1
	echo $BASHPID >"$cgroups/cgroup.procs"
	! build/tests/front/loadgen --socket "$socket" --seconds 0.1
) >"$dir/moved" 2>&1
ok $? "a process that moved away is refused when it connects again"

rmdir "$cgroups/${vm}0"
check "a neighbour's removal is nothing to us" load "$vm"
gone "$vm/child"
check "nor that of a cgroup below" load "$vm"
gone "$vm"
ended
ok $? "when the cgroup is removed, the daemon ends, and well"
check "and says why" grep -q 'the cgroup is gone' "$daemon_log"
check "its socket is gone" test ! -e "$socket"
# The same for the manager's VMs, by a pattern: libvirt numbers its scopes anew at each start.
numbered=$vm
vm=$numbered'\x2d1'
mkdir "$cgroups/$vm" "$dir/conf"
build/nvring daemon --runtime-dir "$dir/run" --config-dir "$dir/conf" 2>"$dir/manager" &
manager=$!
for _ in $(seq 100); do
	! nv list >"$dir/list" 2>&1 || break
	sleep 0.05
done
socket=$dir/run/vm/a/disk.sock
# From a file: it stays attached when its cgroup goes.
printf '%s\n' 'null = 64M' 'queues = 1' "cgroup = $numbered"'\x2d*' >"$dir/conf/a.conf"
check "a VM's file names a cgroup" nv reload
check "it is served" state serving
check "status says so" grep -q "^cgroup .*${vm//\\/.}; process in $home\$" <(nv status a)
check "one in it connects" load "$vm"
ok $((! $(load '' >"$dir/outside" 2>&1; echo $?))) "one outside does not"
gone "$vm"
check "when the cgroup is removed, it waits for the next" state waiting
sed -i 's/64M/32M/' "$dir/conf/a.conf"
nv reload >"$dir/reload"
vm=$numbered'\x2d2'
mkdir "$cgroups/$vm"
check "when there is one again that its pattern fits, it is" state serving
check "with what changed in its file meanwhile" test "$(nv status a --json | jq .disk.bytes)" = 33554432
check "and one in it connects" load "$vm"
check "we are where we were" test "$(sed -n 's/^0:://p' /proc/self/cgroup)" = "$home"
tap_done
