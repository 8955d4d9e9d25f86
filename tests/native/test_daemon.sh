#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The manager: VMs are attached, listed, detached; their processes and the manager itself are killed
# under verified load; configuration; upgrade; leaks.
# seconds: 600
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
	check "list" says '^a +serving +[0-9]+ +none +auto +0 +file' nv list
	check "status" says 'queue 1: not running' nv status a
	check "status of all" says '^a: file' nv status
	check "top" says '^a +all ' nv top --once
	check "top of one VM" says '^a +all ' nv top --once a
	check "metrics" says 'vm="a"' nv metrics
	check "metrics of one VM" says 'vm="a"' nv metrics a
	check "the VM's process has given up what it can" given_up "$(vm a .pid)"
	check "set" nv set --vm a --engine worker --queue 1
	check "set of a VM there is none" refused 'no daemon listens' nv set --vm z --engine worker
	check "restart of a VM there is none" refused 'z is not attached' nv restart --vm z
	check "detach of one: nothing to do" says 'z: is not attached' nv detach --vm z
	mkdir "$run/vm/odd"
	check "a directory that is nobody's is not taken" refused 'odd is there and not a VM' \
		nv attach --vm odd --null 1M
	rmdir "$run/vm/odd"
	check "a second manager is refused" refused "another nvring daemon manages $run" \
		"$nvring" daemon --runtime-dir "$run" --config-dir "$conf"
	check "detach" says '^a: detached' nv detach --vm a
	check "and nothing is left" test -z "$(ls "$run/vm")$(vm_pids)"
}

# given_up PID: no capabilities but IPC_LOCK, and system calls are filtered
given_up() {
	local have

	have=$(awk '/CapPrm/ { print $2 }' "/proc/$1/status")
	[ $((0x$have & ~0x4000)) = 0 ] && grep -q 'NoNewPrivs:.1' "/proc/$1/status" &&
		grep -q 'Seccomp:.2' "/proc/$1/status"
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

vms_are() { [ "$(nv list --json | jq -c "$1")" = "$2" ]; }

# other_process VM PID: one that is not PID serves it; of one list, as it changes between two
other_process() {
	vm_is "$1" ".state == \"serving\" and .pid != $2" true
}

# Eight VMs under load do not notice that the manager is killed; the next one has them all.
manager_dies() {
	local before after sockets i names=(v1 v2 v3 v4 v5 v6 v7 v8) bad=0

	for i in "${names[@]}"; do
		image "$i" 4M
		nv attach --vm "$i" --image "$dir/$i.img" --engine "$(engine_of "$i")" >/dev/null
		front_start "$i" --depth 4
	done
	for i in "${names[@]}"; do
		await vm_is "$i" .status.connected true
	done
	before=$(nv list --json | jq -c 'map([.vm, .pid])')
	manager_kill
	sleep 1
	check "no process went with the manager" test "$(vm_pids | wc -l)" = 8
	manager_start
	await all_serving 8
	after=$(nv list --json | jq -c 'map([.vm, .pid])')
	check "the next manager has all eight, the same processes" test "$before" = "$after"
	check "and says so" test "$(grep -c ': adopted' "$manager_log")" = 8
	sockets=$(stat -c %i "$run/vm/v3/disk.sock" "$run/vm/v4/disk.sock")
	kill -KILL "$(vm v3 .pid)" "$(vm v4 .pid)"
	await vms_are 'map([.state == "serving", .restarts])' \
		'[[true,0],[true,0],[true,1],[true,1],[true,0],[true,0],[true,0],[true,0]]'
	ok $? "adopted ones that die are started again"
	if [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ]; then
		check "with the same sockets, where front-ends waited" test "$sockets" = \
			"$(stat -c %i "$run/vm/v3/disk.sock" "$run/vm/v4/disk.sock")"
	else
		skip "the same sockets" "Yama forbids it"
	fi
	check "one is detached while the manager is away" detach_and_kill v8
	manager_start
	await vm_gone v8
	ok $? "the next manager has it gone, not back"
	kill -KILL "${front[v8]}"
	wait "${front[v8]}" 2>/dev/null
	manager_end
	ok $? "SIGTERM ends the manager"
	check "and no VM" test "$(vm_pids | wc -l)" = 7
	kill -KILL "$(pgrep -f -- "^nvring serve .*--control=$run/vm/v1/")"
	manager_start
	await all_serving 7
	ok $? "one that died meanwhile is started again"
	for i in "${names[@]:0:7}"; do
		front_end "$i" || bad=1
	done
	ok $bad "seven guests went on through all that: all is right"
	check "detach --all" says 'v7: detached' nv detach --all
	check "and nothing is left" test -z "$(ls "$run/vm")$(vm_pids)"
}

# engine_of VM: every other one has the poller, where there is one
engine_of() {
	case $1 in *[2468]) echo "$direct" ;; *) echo worker ;; esac
}

all_serving() {
	[ "$(nv list --json | jq '[.[] | select(.state == "serving")] | length')" = "$1" ]
}

vm_gone() { [ -z "$(vm "$1" .vm)" ] && [ ! -e "$run/vm/$1" ]; }

# The settings are gone, the process is there: as when the manager dies between the two.
detach_and_kill() {
	manager_kill
	rm "$run/vm/$1/settings"
	[ "$(vm_pids | wc -l)" = 8 ]
}

config() {
	printf '# the first\n\n  null = 64M\nqueues=2\nread-only = yes\n' >"$conf/c1.conf"
	printf 'null = 64M\nvcpu-dispatch = no\n' >"$conf/c2.conf"
	check "reload attaches" says '^c2: attached' nv reload
	await all_serving 2
	check "with the settings of the file" vm_is c1 '.options | tojson' \
		'{"null":"64M","read-only":"yes","queues":"2"}'
	check "reload again: nothing to do" test -z "$(nv reload)"
	check "attach with the same settings is nothing to do" says 'attached already' \
		nv attach --vm c2 --null 64M
	printf 'null = 64M\nqueues = 300\n' >"$conf/c2.conf"
	check "a mistake is named by file and line" \
		refused "$conf/c2.conf:2: --queues 300: a number from 1 to 256" nv reload
	check "and the VM stays as it is" vm_is c2 .state serving
	printf 'null = 64M\nqueues = 3\nqueues = 4\n' >"$conf/c2.conf"
	check "a second value" refused 'c2.conf:3: queues is given a second time' nv reload
	printf 'null\n' >"$conf/c2.conf"
	check "no value" refused 'c2.conf:1: `option = value` is wanted' nv reload
	printf 'image = disk.img\n' >"$conf/c2.conf"
	check "a path that depends on where one is" refused 'c2.conf: --image disk.img: an absolute' nv reload
	printf 'queues = 3\n' >"$conf/c2.conf"
	check "no disk" refused 'c2.conf: one of --device' nv reload
	printf 'null = 128M\nqueues = 3\n' >"$conf/c2.conf"
	check "what changed waits for a restart" says '^c2: changed' nv reload
	check "the list says so" says 'c2.* applies them' list_and_next c2
	check "the disk is the old one" vm_is c2 .status.disk.bytes 67108864
	check "restart" says '^c2: process' nv restart --vm c2
	check "the disk is the new one" vm_is c2 .status.disk.bytes 134217728
	printf 'image = %s\n' "$dir/late.img" >"$conf/c3.conf"
	nv reload >/dev/null
	await vm_is c3 .state failed
	ok $? "what cannot start has failed"
	check "the list says why" says 'late.img: No such file' nv list
	check "that is said once: $(grep -c 'warning: c3: failed' "$manager_log")" said_once
	image late
	await vm_is c3 .state serving
	ok $? "and serves as soon as it can"
	rm "$conf/c1.conf"
	kill -HUP "$manager_pid"
	await vm_gone c1
	ok $? "a file that is gone detaches its VM, on SIGHUP, too"
	manager_end
	rm "$conf/c3.conf"
	manager_start
	await vm_gone c3
	ok $? "and when the manager starts"
	check "the others go on" vm_is c2 .state serving
	mv "$conf" "$conf.away"
	check "without the directory nothing is done" refused 'VMs stay as they are' nv reload
	check "nothing" vm_is c2 .state serving
	mv "$conf.away" "$conf"
	rm "$conf/c2.conf"
	nv reload >/dev/null
	await all_serving 0
}

# Tried twice more, at least.
said_once() {
	local tries

	tries=$(vm c3 .restarts)
	await more_restarts $((tries + 2))
	[ "$(grep -c 'warning: c3: failed' "$manager_log")" = 1 ]
}

more_restarts() { [ "$(vm c3 .restarts)" -ge "$1" ]; }

# list_and_next VM: its line in the list and the note below
list_and_next() { nv list | grep -A1 "^$1 " | tr '\n' ' '; }

events() {
	nv events --follow >"$dir/events" &
	local follower=$! pid

	await test "$(nv list --json)" # its subscription came first
	sleep 0.2
	nv attach --vm e --null 16M >/dev/null
	build/tests/front/loadgen --socket "$run/vm/e/disk.sock" --sleep --seconds 0.1 >/dev/null
	await vm_is e .status.connected false
	pid=$(vm e .pid)
	kill -KILL "$pid"
	await other_process e "$pid"
	nv detach --vm e >/dev/null
	manager_end
	wait $follower
	ok $? "who follows events is told the end"
	check "and was told what happened" test "$(jq -r .event "$dir/events" | tr '\n' ' ')" = \
		"attached connected disconnected died restarted detached "
	check "when" test "$(jq -r '.time | sub("\\.[0-9]+Z$"; "Z") | fromdate' "$dir/events" |
		awk -v now="$(date +%s)" '$1 > now - 60 && $1 <= now' | wc -l)" = 6
	manager_start
}

# What becomes of a VM whose cgroup is removed.
cgroup_gone() {
	local mounted cgroup

	mounted=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	cgroup=$mounted/nvring-test-$$
	if [ -z "$mounted" ] || ! mkdir "$cgroup" 2>/dev/null; then
		skip "a cgroup that is removed" "no cgroup2 to make one in"
		return
	fi
	check "attach --cgroup" says served nv attach --vm cg --null 1M --cgroup "$cgroup"
	rmdir "$cgroup"
	await vm_gone cg
	ok $? "a VM whose cgroup is removed is detached"
	check "the log says why" grep -q 'cg: gone: its cgroup was removed' "$manager_log"
	mkdir "$cgroup"
	printf 'null = 1M\ncgroup = %s\n' "$cgroup" >"$conf/cf.conf"
	nv reload >/dev/null
	await vm_is cf .state serving
	rmdir "$cgroup"
	await vm_is cf .state waiting
	ok $? "one that has a file waits for its cgroup"
	check "why is told" says "there is no cgroup $cgroup yet" nv list
	mkdir "$cgroup"
	await vm_is cf .state serving
	ok $? "and is served when it is there"
	rm "$conf/cf.conf"
	nv reload >/dev/null
	await vm_gone cf
	rmdir "$cgroup"
}

# A manager that hangs holds up nothing: front-ends come and go.
hangs() {
	local count=0

	nv attach --vm h --null 16M >/dev/null
	kill -STOP "$manager_pid"
	for _ in $(seq 30); do
		timeout 10 build/tests/front/loadgen --socket "$run/vm/h/disk.sock" --sleep \
			--seconds 0.02 >/dev/null && count=$((count + 1))
	done
	check "30 front-ends are served while the manager hangs" test $count = 30
	check "and so is nvring status" says '^h: null disk' nv status h
	kill -CONT "$manager_pid"
	nv detach --vm h >/dev/null
}

# rpc LINE...: send them to the manager at once; with LEAVE=1 leave, else print the answers
rpc() {
	perl -MIO::Socket::UNIX -e '
		my $socket = IO::Socket::UNIX->new(Peer => shift) or die "control: $!\n";
		print $socket map { "$_\n" } @ARGV;
		$socket->flush;
		exit if $ENV{LEAVE};
		shutdown $socket, 1;
		print while <$socket>;' "$run/control" "$@"
}

call() { echo "{\"jsonrpc\": \"2.0\", \"id\": $1, \"method\": \"$2\", \"params\": ${3:-{\}}}"; }

# Answers that take their time, and clients that do not wait for them.
later() {
	local null='{"vm": "r", "options": {"null": "1M", "queues": 3, "read-only": true}}'
	local nowhere='{"vm": "n", "options": {"image": "/none"}}' answers

	answers=$(rpc "$(call 1 attach "$null")" "$(call 2 list)" "$(call 3 attach "$nowhere")" \
		"$(call 4 detach '{"vm": "r"}')" "$(call 5 list)")
	check "requests behind one that takes its time are answered in turn" \
		test "$(jq -c .id <<<"$answers" | tr '\n' ' ')" = '1 2 3 4 5 '
	check "each when the one before is done" test "$(jq -c 'select(.id == 2).result | map([.vm, .state])' \
		<<<"$answers")$(jq -c 'select(.id == 5).result' <<<"$answers")" = '[["r","serving"]][]'
	check "numbers and booleans are options, too" test "$(jq -c 'select(.id == 1).result.options' \
		<<<"$answers")" = '{"null":"1M","read-only":"yes","queues":"3"}'
	for request in "$(call 1 attach '{}')" "$(call 1 attach '{"vm": "x"}')" \
		"$(call 1 attach '{"vm": 5, "options": {}}')" "$(call 1 detach '{"vm": "x", "now": 1}')" \
		"$(call 1 attach '{"vm": "x", "options": {"null": {}}}')" "$(call 1 nothing)" \
		"$(call 1 attach '{"vm": "x", "options": {"null": "1M", "control": "/x"}}')"; do
		check "refused: $(rpc "$request" | jq -r .error.message)" test -n "$(rpc "$request" |
			jq 'select(.error.code == -32602 or .error.code == -32601 or .id == 1).error // empty')"
	done
	LEAVE=1 rpc "$(call 1 attach "$null")"
	await vm_is r .state serving
	ok $? "a client that left has its VM attached"
	LEAVE=1 rpc "$(call 1 detach '{"vm": "r"}')"
	await vm_gone r
	ok $? "and detached"
	LEAVE=1 rpc "$(call 1 attach "$nowhere")"
	await vm_gone n
	ok $? "what cannot be attached is not kept for it"
	for _ in $(seq 20); do
		LEAVE=1 rpc "$(call 1 events)"
	done
	check "followers that left make room" says '"attached"' follow_one
}

follow_one() {
	timeout 1 "$nvring" events --runtime-dir "$run" >"$dir/one" &
	sleep 0.3
	nv attach --vm f --null 1M >/dev/null
	nv detach --vm f >/dev/null
	wait $!
	cat "$dir/one"
}

# A new program in place of the old one: the next manager is new, the VMs are when they are told.
upgrade() {
	local old

	manager_end
	cp "${NVRING:-build/nvring}" "$dir/nvring"
	nvring=$dir/nvring
	manager_start
	image u1
	image u2
	for i in u1 u2; do
		nv attach --vm $i --image "$dir/$i.img" --engine "$(engine_of $i)" >/dev/null
		front_start $i
		await vm_is $i .status.connected true
	done
	cp "${NVRING:-build/nvring}" "$dir/nvring.new" && mv "$dir/nvring.new" "$dir/nvring"
	check "the old manager's are of its own version" vm_is u1 .outdated false
	manager_end
	manager_start
	await all_serving 2
	check "the new manager tells which are old" test "$(nv list --json | jq -c 'map(.outdated)')" = '[true,true]'
	old=$(nv list --json | jq -c 'map(.pid)')
	check "restart --all" says '^u2: process' nv restart --all
	check "all are new" test "$(nv list --json | jq -c 'map(.outdated)')" = '[false,false]'
	check "other processes" test "$(nv list --json | jq -c 'map(.pid)')" != "$old"
	await vm_is u2 .status.connected true
	for i in u1 u2; do
		front_end $i
		ok $? "$i: the guest went on through the upgrade"
	done
	nv detach --all >/dev/null
	nvring=${NVRING:-build/nvring}
}

# heard VM: the manager hears of a front-end that comes and goes
heard() {
	local follower status=0

	"$nvring" events --follow --runtime-dir "$run" >"$dir/heard" 2>&1 &
	follower=$!
	sleep 0.3
	build/tests/front/loadgen --socket "$run/vm/$1/disk.sock" --sleep --seconds 0.1 >/dev/null
	await grep -q '"disconnected"' "$dir/heard" || status=1
	kill $follower
	wait $follower 2>/dev/null
	return $status
}

# A VM's process has a root of its own: of the host's sockets it has the manager's for its news.
private_root() {
	local pid root

	nv attach --vm p --null 16M --engine "$direct" >/dev/null
	pid=$(vm p .pid)
	root=/proc/$pid/root
	if ! unshare --mount true 2>/dev/null; then
		skip "a private root" "no mount namespaces here"
		nv detach --vm p >/dev/null
		return
	fi
	check "status tells of the private root" says 'confined by .*, private root$' nv status p
	check "the manager's control socket is there" test -S "$run/control"
	check "and has no path in the VM's root" test ! -e "$root$run/control"
	check "nor has its VM's own, nor any but one" test "$(root_sockets "$root")" = "$run/notify.d/socket"
	check "there is nothing else of the host's" test "$(root_files "$root")" = "/dev/zero $run/notify.d/socket"
	check "its working directory is there, too" test "/proc/$pid/cwd" -ef "/proc/$pid/root"
	check "the manager hears of its front-end" heard p
	manager_kill
	manager_start
	await vm_is p .state serving
	check "so does the next manager" heard p
	check "engines are changed in it" nv set --vm p --engine worker
	check "and back" nv set --vm p --engine "$direct"
	check "detach takes the socket's file" says detached nv detach --vm p
	check "all of it" test ! -e "$run/vm/p"
}

root_sockets() { (cd "$1" && find . -path ./proc -prune -o -path ./sys -prune -o -type s -print) | sed 's/^.//'; }

root_files() {
	(cd "$1" && find . -path ./proc -prune -o -path ./sys -prune -o ! -type d -print) |
		sed 's/^.//' | sort | tr '\n' ' ' | sed 's/ $//'
}

# One of an earlier version: it knows the manager's socket by another name, in the host's root, as
# does one that may have no root of its own.
earlier_process() {
	local lock pid

	manager_end
	mkdir "$run/vm/o"
	echo '{"options": {"null": "16M"}}' >"$run/vm/o/settings"
	exec {lock}<"$run/vm/o"
	flock -n "$lock"
	NOTIFY_SOCKET=$run/notify setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
		bash -c 'exec -a nvring "$0" "$@"' "$nvring" serve --name=o --pin-dir=none \
		"--socket=$run/vm/o/disk.sock" "--control=$run/vm/o/control" --null=16M \
		2>"$dir/earlier" &
	pid=$!
	exec {lock}<&-
	await test -S "$run/vm/o/control"
	manager_start
	await vm_is o .pid $pid
	ok $? "a process of an earlier version is adopted"
	check "and heard" heard o
	check "without a private root, status says so" says 'no private root: Unix sockets' nv status o
	check "and the log" grep -q 'no private root here: Operation not permitted' "$dir/earlier"
	nv detach --vm o >/dev/null
	wait $pid
	ok $? "it is detached"
}

# kernel_objects: BPF programs, maps and links there are
kernel_objects() {
	for kind in prog map link; do
		"$bpftool" $kind list -j 2>/dev/null | jq length
	done | tr '\n' ' '
}

# no_more_fds COUNT: the manager has not; connections that just ended may be among them
no_more_fds() { [ "$(ls "/proc/$manager_pid/fd" | wc -l)" -le "$1" ]; }

no_more_objects() {
	local now

	read -ra now <<<"$(kernel_objects)"
	[ "${now[0]}" -le "$1" ] && [ "${now[1]}" -le "$2" ] && [ "${now[2]}" -le "$3" ]
}

leaks() {
	local fds objects memory

	nv attach --vm l --null 16M --engine "$direct" >/dev/null && nv detach --vm l >/dev/null
	fds=$(ls "/proc/$manager_pid/fd" | wc -l)
	memory=$(awk '/VmRSS/ { print $2 }' "/proc/$manager_pid/status")
	read -ra objects <<<"$(kernel_objects)"
	for i in $(seq 50); do
		nv attach --vm l --null 16M --queues 2 --engine "$direct" >/dev/null || break
		build/tests/front/loadgen --socket "$run/vm/l/disk.sock" --queues 2 --sleep \
			--seconds 0.05 >/dev/null
		nv attach --vm l2 --image /none >/dev/null 2>&1
		nv detach --vm l >/dev/null || break
	done
	ok $((i != 50)) "50 rounds of attach, load and detach"
	check "the manager has no more descriptors than before: $fds" await no_more_fds "$fds"
	diag "the manager's memory: $memory kB before, $(awk '/VmRSS/ { print $2 }' "/proc/$manager_pid/status") after"
	check "the manager's memory has not grown by 256 kB" \
		test "$(awk '/VmRSS/ { print $2 }' "/proc/$manager_pid/status")" -lt $((memory + 256))
	if [ -x "$bpftool" ]; then
		await no_more_objects "${objects[@]}"
		ok $? "the kernel has no more BPF programs, maps and links than before: ${objects[*]}"
	else
		skip "BPF objects" "no bpftool here"
	fi
	check "no process is left" test -z "$(vm_pids)"
}

direct=worker
if build/nvring features --json | jq -e '.engines[] | select(.engine == "poller").allowed' >/dev/null; then
	direct=poller
fi
bpftool=.cache/sysroot/usr/sbin/bpftool
[ -x $bpftool ] || bpftool=$(command -v bpftool)
manager_start
image a
commands
for engine in worker poller; do
	if [ $engine != worker ] && [ $direct = worker ]; then
		skip "$engine" "this kernel refuses it"
		continue
	fi
	drains
	vm_dies
done
manager_dies
config
events
later
cgroup_gone
hangs
private_root
earlier_process
upgrade
leaks
manager_end
ok $? "the manager ends well"
check "a group there is none is refused" refused 'there is no such group' \
	"$nvring" daemon --runtime-dir "$run" --config-dir "$conf" --socket-group no-such-group
manager_start --socket-group daemon
nv attach --vm g --null 1M >/dev/null
check "--socket-group: its members may connect" \
	test "$(stat -c '%a %G' "$run/vm/g/disk.sock")" = '660 daemon'
check "to nothing else" test "$(stat -c '%a %G' "$run/control" "$run/vm/g/control" |
	sort -u)" = '600 root'
nv detach --all >/dev/null
manager_end
tap_done
