#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The unit under a real systemd, which is PID 1 of namespaces of its own: sandbox, readiness,
# watchdog, and that no restart of the service disturbs a guest.
#
# Stages of this script: outside, as PID 1 until systemd takes its place, beside systemd; and a guest.
# seconds: 120
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

systemd=/lib/systemd/systemd
cgroups=() # made for it

# Stage 1

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

outside() {
	[ "$(id -u)" = 0 ] || skip_all "only root can make namespaces"
	[ -x $systemd ] || skip_all "no systemd here"
	dir=$(mktemp -d /var/tmp/nvring.XXXXXX)
	trap clean EXIT
	make -s install PREFIX="$dir" DESTDIR= UNITDIR="$dir/units" >&2 || exit 1
	units
	own_cgroup
	touch "$dir/console"
	unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child -- \
		"$0" first "$dir" </dev/null >"$dir/out" 2>&1 &
	namespace=$!
	while [ ! -e "$dir/done" ] && kill -0 $namespace 2>/dev/null; do
		sleep 0.2
	done
	kill -KILL $namespace 2>/dev/null
	wait $namespace 2>/dev/null
	cat "$dir/out" "$dir/console" "$dir/log" >&2
	if [ ! -s "$dir/tap" ] && ! grep -q . "$dir/console"; then
		skip_all "no systemd can be started here: $(head -1 "$dir/out")"
	fi
	cat "$dir/tap"
	! grep -q '^not ok' "$dir/tap"
}

# Nothing of this machine's own services is started: only what every unit depends on, empty.
units() {
	local name

	for name in sysinit basic shutdown local-fs umount final rescue; do
		printf '[Unit]\nDefaultDependencies=no\n' >"$dir/units/$name.target"
	done
	mkdir "$dir/units/nvring.service.d"
	printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\nStandardError=append:%s\n' "$dir/log" \
		>"$dir/units/nvring.service.d/test.conf"
}

own_cgroup() {
	local root

	for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ -e "$root/cgroup.procs" ] || continue
		mkdir "$root/nvring-test.$$" 2>/dev/null || continue
		cgroups+=("$root/nvring-test.$$")
		# In the threads' own cgroup to be: systemd wants the one above without processes.
		echo $$ >"$root/nvring-test.$$/cgroup.procs" 2>/dev/null
		[ $root != /sys/fs/cgroup ] || break # one for all: cgroup v2
	done
}

clean() {
	local cgroup

	for cgroup in "${cgroups[@]}"; do
		echo $$ >"${cgroup%/*}/cgroup.procs" 2>/dev/null
		for _ in $(seq 50); do # until the last process is gone
			[ -d "$cgroup" ] || break
			find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
			sleep 0.1
		done
	done
	rm -rf "$dir"
}

# Stage 2

first() {
	mount --make-rprivate / && mount -t tmpfs none /run && mount -t proc proc /proc &&
		mount --bind "$dir/console" /dev/console && hostname nvring-test || exit 1
	mkdir /run/systemd /run/lock
	own_cgroup2 || exit 1
	"$0" beside "$dir" >"$dir/tap" 2>"$dir/beside.err" &
	export container=other SYSTEMD_UNIT_PATH=$dir/units SYSTEMD_LOG_TARGET=console
	exec $systemd --system --unit=nvring.service --show-status=no
}

# A mount of cgroup2 that shows our cgroup namespace, as containers have.
own_cgroup2() {
	local root

	for root in /sys/fs/cgroup/unified /sys/fs/cgroup; do
		[ "$(stat -fc %T "$root" 2>/dev/null)" = cgroup2fs ] || continue
		umount -l "$root" && mount -t cgroup2 cgroup2 "$root"
		return
	done
}

# Stage 3

nv() { "$dir/sbin/nvring" "$@"; }

property() { systemctl show --property "$1" --value nvring.service; }

await() {
	for _ in $(seq 100); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}

is() { [ "$(property "$1")" = "$2" ]; }

pids() { nv list --json | jq -c 'map(.pid)'; }

served_by() {
	[ "$(pids)" = "$1" ] && [ "$(nv list --json | jq -c 'map(.state) | unique')" = '["serving"]' ]
}

beside() {
	local direct=worker before main

	await is ActiveState active
	ok $? "the service is ready"
	nv features --json | jq -e '.engines[] | select(.engine == "poller").allowed' >/dev/null &&
		direct=poller
	build/tests/front/steady --image "$dir/image" --create 8M
	check "a VM is attached" nv attach --vm a --image "$dir/image" --engine $direct
	check "and another" nv attach --vm b --null 1G
	check "$direct serves the first, within the sandbox" \
		test "$(nv list --json | jq -r '.[0].status.engine')" = $direct
	if findmnt -nr -t bpf /sys/fs/bpf >/dev/null; then
		check "it can be looked at with bpftool" test -e /sys/fs/bpf/nvring/a/stats
	else
		skip "it can be looked at with bpftool" "no bpffs"
	fi
	main=$(property MainPID)
	check "capabilities are those of the unit" no_more_than 000000c000204003 "$main"
	ok "$(grep -c 'no Landlock\|no seccomp\|no private root\|error' "$dir/log")" "nor is anything refused that it is built for"
	check "a VM's process has a root of its own" private_root "$(pid_of a)"
	check "systemctl status tells how many" is StatusText "2 VMs attached, 2 served"
	build/tests/front/steady --socket /run/nvring/vm/a/disk.sock --image "$dir/image" \
		>"$dir/report" &
	before=$(pids)
	check "systemctl restart" systemctl restart nvring.service
	ok $(($(property MainPID) == main)) "is another manager"
	check "of the same processes" served_by "$before"
	check "systemctl reload" systemctl reload nvring.service
	kill -KILL "$(property MainPID)"
	await is NRestarts 1
	await served_by "$before"
	ok $? "a manager that is killed is started again, and has them"
	kill -STOP "$(property MainPID)"
	await is NRestarts 2
	ok $? "so is one that hangs"
	await served_by "$before"
	ok $? "and has them"
	systemctl stop nvring.service
	check "systemctl stop leaves the VMs" test "$(pgrep -c -f '^nvring serve')" = 2
	systemctl start nvring.service
	check "systemctl start finds them" served_by "$before"
	kill -TERM $!
	wait $!
	ok $? "the guest went on through all that: $(tail -1 "$dir/report")"
	scopes
	alone
	check "detach --all" nv detach --all
	check "leaves no pins" test ! -e /sys/fs/bpf/nvring/a
	check "leaves no process" test "$(pgrep -c -f '^nvring serve')" = 0
	echo "1..$tap_count"
	touch "$dir/done"
}

# in_cgroup PATH PID: all its threads are there
in_cgroup() { [ -d "/proc/$2" ] && ! sed -n 's/^0:://p' /proc/"$2"/task/*/cgroup | grep -vqx -- "$1"; }

pid_of() { nv list --json | jq ".[] | select(.vm == \"$1\").pid"; }

connected() { [ "$(nv status "$1" --json | jq .connected)" = "$2" ]; }

is_active() { [ "$(systemctl show --property ActiveState --value "$1")" = "$2" ]; }

detached() { [ -z "$(pid_of "$1")" ]; }

# attached_scope [COMMAND...]: VM c is a scope, with our own front-end in it, and what COMMAND runs
attached_scope() {
	build/tests/front/steady --image "$dir/image" --create 8M
	systemd-run --quiet --scope --unit=vm1 "$0" guest "$dir" "$@" >"$dir/report" 2>&1 &
	guest=$!
	await is_active vm1.scope active
	nv attach --vm c --image "$dir/image" --engine "$direct" --cgroup system.slice/vm1.scope \
		>"$dir/attached"
	await connected c true
	pid=$(pid_of c)
}

# A VM without a manager: readiness and state are systemd's to hear, and nothing else of /run is there.
alone() {
	local root

	check "nvring serve notifies systemd" systemd-run --quiet --unit=alone --property=Type=notify \
		"$dir/sbin/nvring" serve --socket /run/alone.sock --null 1G
	root=/proc/$(systemctl show --property MainPID --value alone.service)/root
	check "of /run it has systemd's socket for that" \
		test "$(cd "$root" && find run ! -type d)" = run/systemd/notify
	build/tests/front/loadgen --socket /run/alone.sock --sleep --seconds 0.1 >"$dir/alone"
	check "and goes on to" await alone_says 'no front-end is connected'
	systemctl stop alone.service
	check "its socket's file is gone with it" test ! -e /run/alone.sock
}

alone_says() { [ "$(systemctl show --property StatusText --value alone.service)" = "$1" ]; }

# VMs that are scopes: they end as without us, and a stop of theirs or ours is borne.
scopes() {
	local guest pid home

	if ! grep -q ' - cgroup2 ' /proc/self/mountinfo; then
		skip "scopes" "no cgroup2"
		return
	fi
	nv detach --vm a >"$dir/detached" && nv detach --vm b >>"$dir/detached"
	home=$(sed -n 's/^0:://p' "/proc/$(property MainPID)/cgroup")
	attached_scope
	check "a VM that is a scope: its process is there" in_cgroup /system.slice/vm1.scope/nvring "$pid"
	kill -TERM $guest
	wait $guest
	ok $? "the guest is well: $(tail -1 "$dir/report")"
	await is_active vm1.scope inactive
	ok $? "the scope ends when the guest does"
	await detached c
	ok $? "and its VM is detached"

	attached_scope
	systemctl stop vm1.scope
	wait $guest
	await is_active vm1.scope inactive
	ok $? "a scope is stopped, which tells our process to end"
	await detached c
	ok $? "its VM is detached"

	if grep -q . "$(findmnt -nr -t cgroup2 -o TARGET | head -1)/cgroup.subtree_control"; then
		skip "the service is stopped" "the root of our cgroup namespace may have no processes"
		return
	fi
	attached_scope sleep 1000
	check "its process is there again" in_cgroup /system.slice/vm1.scope/nvring "$pid"
	systemctl stop nvring.service
	pkill -TERM -x steady
	await in_cgroup / "$pid"
	ok $? "when the front-end leaves while there is no service, its process is in no other's cgroup"
	systemctl start nvring.service
	await in_cgroup "$home" "$pid"
	ok $? "the next manager takes it to the service's"
	check "it is the one that serves" test "$(pid_of c)" = "$pid"
	systemctl stop vm1.scope
	await detached c
	ok $? "its VM is detached with its scope"
}

# no_more_than MASK PID: effective capabilities, and no way to more
no_more_than() {
	local have

	have=$(awk '/CapEff/ { print $2 }' "/proc/$2/status")
	[ $((0x$have & ~0x$1)) = 0 ] && grep -q 'NoNewPrivs:.1' "/proc/$2/status" &&
		grep -q 'Seccomp:.2' "/proc/$2/status"
}

# private_root PID: in it, of the manager's sockets that for its news, and no other of /run
private_root() {
	nv status a --json | jq -e '.confinement | endswith(", private root")' >/dev/null &&
		[ -S /run/nvring/control ] &&
		[ "$(cd "/proc/$1/root" && find run ! -type d)" = run/nvring/notify.d/socket ]
}

# A front-end that comes when its VM is attached, and a command that stays.
guest() {
	await test -S /run/nvring/vm/c/disk.sock
	[ $# -gt 0 ] || exec build/tests/front/steady --socket /run/nvring/vm/c/disk.sock \
		--image "$dir/image"
	build/tests/front/steady --socket /run/nvring/vm/c/disk.sock --image "$dir/image"
	exec "$@"
}

case ${1:-} in
first) dir=$2 && first ;;
beside) dir=$2 && beside ;;
guest) dir=$2 && guest "${@:3}" ;;
*) outside ;;
esac
