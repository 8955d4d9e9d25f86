#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The manager: VMs are attached, listed, detached; their processes and the manager itself are killed
# under verified load; configuration; upgrade; leaks.
# seconds: 300
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/manager.sh

# refused PATTERN COMMAND...: it fails, and says why
refused() {
	local pattern=$1 out status=0

	shift
	out=$("$@" 2>&1) || status=$?
	[ $status -ne 0 ] && grep -qE -- "$pattern" <<<"$out" && return 0
	echo "status $status: $out"
	return 1
}

says() {
	local pattern=$1 out

	shift
	out=$("$@" 2>&1) && grep -qE -- "$pattern" <<<"$out" && return 0
	echo "$out"
	return 1
}

commands() {
	check "attach" says "^a: served at $run/vm/a/disk.sock, process [0-9]+" \
		nv attach --vm a --image "$dir/a.img" --queues 2
	check "attach again: nothing to do" says '^a: attached already' \
		nv attach --vm a --queues 2 --image "$dir/a.img"
	check "attach with another setting is refused, and named" \
		refused 'a is attached with other settings: --queues=2, not --queues=3; .*detach' \
		nv attach --vm a --image "$dir/a.img" --queues 3
	check "and with one left out" refused 'other settings: --queues=2, not without --queues' \
		nv attach --vm a --image "$dir/a.img"
	check "what cannot be opened is refused with the cause" \
		refused "b does not start: --image $dir/none: No such file" \
		nv attach --vm b --image "$dir/none"
	check "so are bytes that another VM has" refused 'another process serves these bytes' \
		nv attach --vm b --image "$dir/a.img"
	check "neither is attached" test "$(nv list --json | jq length)" = 1
	check "nor has it left a directory" test "$(ls "$run/vm")" = a
	for name in '' . .. ../x a/b -x .x "$(printf 'x%.0s' {1..65})" 'a b' $'a\nb' 'é'; do
		check "a name that is none: '${name//$'\n'/\\n}'" refused 'letters, digits' \
			nv attach "--vm=$name" --null 1M
		check "not in a file either" refused 'letters, digits|No such|[Ii]s a directory|1:' \
			bad_file "$name"
	done
	check "the longest name" says ' served at' nv attach --vm "$(printf 'x%.0s' {1..60})" --null 1M
	check "and it goes" says detached nv detach --vm "$(printf 'x%.0s' {1..60})"
	check "list" says '^a +serving +[0-9]+ +none +worker +0 +file' nv list
	check "status" says 'queue 1: not running' nv status a
	check "status of all" says '^a: file' nv status
	check "set" nv set --vm a --engine worker --queue 1
	check "set of a VM there is none" refused 'no daemon listens' nv set --vm z --engine worker
	check "restart of a VM there is none" refused 'z is not attached' nv restart --vm z
	check "detach of one: nothing to do" says 'z: is not attached' nv detach --vm z
	check "a second manager is refused" refused "another nvring daemon manages $run" \
		"$nvring" daemon --runtime-dir "$run" --config-dir "$conf"
	check "detach" says '^a: detached' nv detach --vm a
	check "and nothing is left" test -z "$(ls "$run/vm")$(vm_pids)"
}

# bad_file NAME: reload with such a file; fails with what reload says
bad_file() {
	local out status=0

	{ echo 'null = 1M' >"$conf/$1.conf"; } 2>&1 || return 1
	out=$(nv reload 2>&1) || status=$?
	rm -f "$conf/$1.conf"
	echo "$out"
	# A hidden file is none of ours.
	case $1 in '' | .*) [ $status -eq 0 ] && echo "letters, digits" && return 1 ;; esac
	return $status
}

# Detach waits for what is under way, and takes the socket away from the front-end.
drains() {
	image a
	nv attach --vm a --image "$dir/a.img" --engine "$engine" >/dev/null
	front_start a --depth 32
	await vm_is a .status.connected true
	sleep 0.5
	check "$engine: detach under load" says detached nv detach --vm a
	sleep 0.2
	check "$engine: attach again, the front-end goes on" says served \
		nv attach --vm a --image "$dir/a.img" --engine "$engine"
	await vm_is a .status.connected true
	front_end a
	ok $? "$engine: not one request is lost"
	nv detach --vm a >/dev/null
}

# The process of a VM dies five times.
vm_dies() {
	local i pid

	image a
	nv attach --vm a --image "$dir/a.img" --queues 2 --engine "$engine" >/dev/null
	front_start a --queues 2 --depth 16
	for i in 1 2 3 4 5; do
		await vm_is a .status.connected true
		sleep 0.3
		pid=$(vm a .pid)
		kill -KILL "$pid"
		await other_process a "$pid"
	done
	await vm_is a .status.connected true
	front_end a
	ok $? "$engine: five kills, all is right"
	check "$engine: the front-end came back five times" \
		test "$(jq .reconnects "$dir/a.json")" = 5
	check "$engine: the list counts the restarts" vm_is a .restarts 5
	nv detach --vm a >/dev/null
}

other_process() {
	vm_is "$1" .state serving && ! vm_is "$1" .pid "$2"
}

manager_start
image a
commands
for engine in worker poller; do
	if [ $engine != worker ] &&
		! build/nvring features --json | jq -e '.engines[] | select(.engine == "'$engine'").allowed' >/dev/null; then
		skip "$engine" "this kernel refuses it"
		continue
	fi
	drains
	vm_dies
done
manager_end
ok $? "the manager ends well"
tap_done
