# SPDX-License-Identifier: GPL-2.0-only
# manager.sh: `nvring daemon` under test, for shell tests. Source it after tap.sh; it makes $dir,
# which goes away at exit with all that was started. $nvring is the program.

dir=$(mktemp -d /var/tmp/nvring.XXXXXX)
run=$dir/run
conf=$dir/conf
manager_log=$dir/log
nvring=${NVRING:-build/nvring}
manager_pid=
fronts=()
mkdir "$conf"
trap manager_clean EXIT

# manager_start [OPTION...]: and wait until it answers
manager_start() {
	"$nvring" daemon --runtime-dir "$run" --config-dir "$conf" "$@" 2>>"$manager_log" &
	manager_pid=$!
	await manager_answers
}

manager_answers() { "$nvring" list --runtime-dir "$run" >/dev/null 2>&1; }

# await COMMAND...: until it succeeds, 20 s at most
await() {
	for _ in $(seq 400); do
		"$@" && return 0
		sleep 0.05
	done
	echo "# in vain: $*"
	return 1
}

# manager_kill: as by a crash
manager_kill() {
	kill -KILL "$manager_pid"
	wait "$manager_pid" 2>/dev/null
	manager_pid=
}

# manager_end: by SIGTERM; its status
manager_end() {
	local status=0

	kill -TERM "$manager_pid"
	wait "$manager_pid" || status=$?
	manager_pid=
	return $status
}

manager_clean() {
	local pid

	[ ${#fronts[@]} -eq 0 ] || kill -KILL "${fronts[@]}" 2>/dev/null
	[ -n "$manager_pid" ] && kill -KILL "$manager_pid" 2>/dev/null
	for pid in $(vm_pids); do
		kill -KILL "$pid"
	done
	cat "$manager_log" >&2
	rm -rf "$dir"
}

# vm_pids: processes that serve VMs of this test
vm_pids() { pgrep -f -- "^nvring serve .*--control=$run/vm/"; }

# nv COMMAND ARGUMENT...: a command to the manager
nv() {
	local command=$1

	shift
	"$nvring" "$command" --runtime-dir "$run" "$@"
}

# vm NAME FILTER: what jq makes of a VM in the list
vm() { nv list --json | jq -r --arg vm "$1" ".[] | select(.vm == \$vm) | $2"; }

vm_is() { [ "$(vm "$1" "$2")" = "$3" ]; }

# front_start VM [OPTION...]: verified load on $dir/VM.img, fresh; pid in ${front[VM]}, report in
# VM.json
declare -A front
front_start() {
	local name=$1

	shift
	build/tests/front/steady --socket "$run/vm/$name/disk.sock" --image "$dir/$name.img" "$@" \
		>"$dir/$name.json" &
	front[$name]=$!
	fronts+=($!)
}

# front_end VM: whether every byte was right
front_end() {
	local status=0

	kill -TERM "${front[$1]}"
	wait "${front[$1]}" || status=$?
	diag "$1: $(cat "$dir/$1.json")"
	return $status
}

image() { build/tests/front/steady --image "$dir/$1.img" --create "${2:-8M}"; }
