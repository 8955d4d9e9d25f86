# SPDX-License-Identifier: GPL-2.0-only
# kills ENGINE KILLS: a VM's process is killed so many times in the middle of verified I/O and started
# again, and now and then the manager of two other VMs on the same drive, too. The VM's guest goes on,
# and the others' connections hold; TAP.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/manager.sh
. tests/lib/nvme.sh
. tests/lib/status.sh
PATH=/tree/.cache/sysroot/usr/sbin:$PATH # where packaging/deps.sh put bpftool
engine=$1 kills=$2
socket=$dir/socket control=$dir/control
range=65536 # blocks of 512 bytes
pace=100    # requests a second of each other VM
victim=
declare -A first=([victim]=0 [loop]=$range [worker]=$((2 * range)))

disk=/dev/nvme$(namespace 512)

# begin NAME SOCKET [OPTION...]: a front-end that verifies
begin() {
	build/tests/front/steady --image "$disk" --offset $((first[$1] * 512)) --size 8M --socket "$2" \
		"${@:3}" >"$dir/$1.json" &
	front[$1]=$!
	fronts+=($!)
}

serve() {
	build/nvring serve --socket "$socket" --control "$control" --device "$disk" --range 0+$range \
		--engine "$engine" 2>>"$dir/victim.log" &
	victim=$!
}

# serves: within 30 s. Looking often is as much work here as what is waited for.
serves() {
	for _ in $(seq 100); do
		sleep 0.3
		[ "$(counted completed)" -gt 50 ] && return 0
	done 2>/dev/null
	return 1
}

for name in "${!first[@]}"; do # before the drive is held open, so that it is written to it
	build/tests/front/steady --image "$disk" --offset $((first[$name] * 512)) --create 8M
done
manager_start
for name in loop worker; do
	nv attach --vm $name --device "$disk" --range ${first[$name]}+$range --engine $name >"$dir/said"
	begin $name "$run/vm/$name/disk.sock" --rate $pace
done
pids=$(nv list --json | jq -c 'map(.pid)')
serve
await test -S "$socket"
begin victim "$socket" --depth 32
serves
ok $? "verified I/O"
start=$(date +%s%N)
again=0 back=0 served=0 managers=0
for ((i = 1; i <= kills; i++)); do
	sleep 0.$((RANDOM % 3 + 1))
	kill -KILL $victim
	wait $victim 2>/dev/null
	serve
	if [ $((i % 5)) = 0 ]; then
		manager_kill
		manager_start
		managers=$((managers + 1))
	fi
	serves || break
	back=$((back + 1))
	again=$((again + $(counted resubmitted)))
	[ "$(status '.queues[0].engine')" = "$engine" ] && served=$((served + 1))
done
seconds=$((($(date +%s%N) - start) / 1000000000))
if [ "$engine" = loop ]; then
	bpftool link detach id "$(cat /proc/$victim/fdinfo/* |
		awk '$1 == "link_type:" { type = $2 } $1 == "link_id:" && type == "struct_ops" { print $2; exit }')"
	check "the process whose loop is detached ends" eval "! wait $victim"
	check "and says why" grep -q 'its loop was ended' "$dir/victim.log"
	serve
	serves
	ok $? "the next one serves"
fi
ok $((back != kills)) "after $back of $kills kills, in $seconds s, its guest went on"
ok $((served != kills)) "by the $engine"
ok $((again == 0)) "$again requests in flight were done again"
check "the manager, killed $managers times, has the others' processes as they were" \
	test "$(nv list --json | jq -c 'map(.pid)')" = "$pids"
for name in victim loop worker; do
	front_end $name
	ok $? "$name: every byte is right"
	[ $name != victim ] || continue
	ok "$(jq .reconnects "$dir/$name.json")" "$name: its connection held"
	ok $(($(jq .requests "$dir/$name.json") < pace * seconds * 9 / 10)) "$name: it did its requests"
done
kill -TERM $victim
wait $victim
ok $? "the last one ends well"
manager_end
ok $? "the manager ends well"
cat "$dir/victim.log" >&2
tap_done
