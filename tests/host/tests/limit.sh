# SPDX-License-Identifier: GPL-2.0-only
# limit ENGINE...: io.max of cgroups, all engines at once, each with a range of one drive; TAP. Rates
# are requests completed, as the daemon counts them, by the test host's clock.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/cgroup.sh
. tests/lib/nvme.sh
engines=("$@")
dir=$(mktemp -d)
blocks=65536 # of 512 bytes, for each
declare -A daemon=() load=() cgroup=() from=() to=() cpu_from=() cpu_to=()
trap 'kill -KILL "${daemon[@]}" "${load[@]}" 2>/dev/null' EXIT

disk=$(namespace 512)
number=$(cat "/sys/class/block/nvme$disk/dev")

# start NAME CGROUP OPTION...: a daemon for it
start() {
	mkdir -p "$cgroups/$2"
	cgroup[$1]=$2
	build/nvring serve --socket "$dir/$1" --control "$dir/$1.control" --queues 2 --cgroup "$2" \
		--name "$1" "${@:3}" 2>"/results/$1.log" &
	daemon[$1]=$!
	for _ in $(seq 300); do
		! build/nvring status --control "$dir/$1.control" >"$dir/started" 2>&1 || return 0
		sleep 0.1
	done
	cat "/results/$1.log" >&2
	echo "Bail out! $1 does not serve"
	exit 1
}

# part NAME CGROUP OPTION...: a daemon for a part of the drive
part() {
	start "$1" "$2" --device "/dev/ng$disk" --range $((${#daemon[@]} * blocks))+$blocks "${@:3}"
}

# load NAME OPTION...: a front-end in its cgroup
load() {
	in_cgroup "${cgroup[$1]}" build/tests/front/loadgen --socket "$dir/$1" --sleep --event-idx "${@:2}" \
		>"$dir/$1.load" 2>&1 &
	load[$1]=$!
}

unload() {
	kill "${load[@]}" 2>/dev/null
	wait "${load[@]}" 2>/dev/null
	load=()
}

# limit NAME WORD...: in its io.max
limit() {
	echo "$number ${*:2}" >"$cgroups/${cgroup[$1]}/io.max"
}

# sample NAME: "TIME COMPLETED...", ns, and requests of each of two queues
sample() {
	build/nvring status --control "$dir/$1.control" --json |
		jq -r '[.now_ns, .queues[].counters.completed] | @tsv'
}

# cpu NAME: ns that its daemon's threads used
cpu() {
	cat /proc/"${daemon[$1]}"/task/*/schedstat | awk '{ n += $1 } END { printf "%.0f", n }'
}

# window SECONDS: measure everyone who has a load
window() {
	local name

	for name in "${!load[@]}"; do
		from[$name]=$(sample "$name")
		cpu_from[$name]=$(cpu "$name")
	done
	sleep "$1"
	for name in "${!load[@]}"; do
		to[$name]=$(sample "$name")
		cpu_to[$name]=$(cpu "$name")
	done
}

# rate NAME: requests a second in the last window
rate() {
	set -- ${from[$1]} ${to[$1]}
	echo $((($5 + $6 - $2 - $3) * 1000000000 / ($4 - $1)))
}

# share NAME: percent of a CPU in the last window
share() {
	local -a time=(${from[$1]} ${to[$1]})

	echo $(((cpu_to[$1] - cpu_from[$1]) * 100 / (time[3] - time[0])))
}

# even NAME: both queues got the same in the last window, to 10%
even() {
	local one two

	set -- "$1" ${from[$1]} ${to[$1]}
	one=$(($6 - $3)) two=$(($7 - $4))
	ok $((one * 10 > two * 11 || two * 10 > one * 11)) \
		"$1: its queues got the same: $one and $two requests"
}

# kept NAME WANTED WHAT: the rate is within 5% of that
kept() {
	local got

	got=$(rate "$1")
	ok $((got * 100 < $2 * 95 || got * 100 > $2 * 105)) \
		"$1: $3: $got requests a second, $2 wanted, for $(share "$1")% of a CPU"
}

# slower WANTED [FREE]: the engines that were slower than that in the last window by more than 5%, and the
# one without limits when it was slower than FREE
slower() {
	local engine

	for engine in "${engines[@]}"; do
		[ $(($(rate "$engine") * 100)) -ge $(($1 * 95)) ] || echo "$engine: $(rate "$engine")"
	done
	[ -z "${2-}" ] || [ $(($(rate free) * 100)) -ge $(($2 * 95)) ] || echo "free: $(rate free)"
}

# faster WANTED: whether one was faster than that by more than 5%
faster() {
	local engine

	for engine in "${engines[@]}"; do
		[ $(($(rate "$engine") * 100)) -le $(($1 * 105)) ] || return 0
	done
	return 1
}

# keep SECONDS WANTED WHAT [FREE]: everyone's engine keeps to that rate, FREE is that of the one without
# limits. When this emulated machine as a whole stands still for longer than a limit makes up for, all are
# too slow: then once more, at most thrice. Too fast is too fast at once.
keep() {
	local try slow engine

	for try in 1 2 3 4; do
		window "$1"
		slow=$(slower "$2" "${4-}")
		[ -n "$slow" ] && ! faster "$2" && [ $try != 4 ] || break
		diag "$3: too slow, once more: ${slow//$'\n'/, }"
	done
	for engine in "${engines[@]}"; do
		kept "$engine" "$2" "$3"
	done
}

# Cgroups and daemons first, the controller later: its files come when it is enabled.
for engine in "${engines[@]}"; do
	part "$engine" "slice-$engine/vm" --engine "$engine"
done
part free free
echo +io >$cgroups/cgroup.subtree_control
for engine in "${engines[@]}"; do
	echo +io >"$cgroups/slice-$engine/cgroup.subtree_control"
done

# The first one's limit is that of the cgroup above.
for engine in "${engines[@]}"; do
	limit "$engine" riops=200
done
limit "${engines[0]}" riops=2000
echo "$number riops=200" >"$cgroups/slice-${engines[0]}/io.max"
load free --rate 100 --depth 4 --seconds 300
for engine in "${engines[@]}"; do
	load "$engine" --bs 16384 --depth 16 --queues 2 --seconds 300
done
sleep 1
keep 12 200 riops 100
for engine in "${engines[@]}"; do
	even "$engine"
	check "$engine: status has the limit, and that it held requests" test "$(build/nvring status \
		--control "$dir/$engine.control" --json |
		jq '.limits == {riops: 200} and ([.queues[].limit.held] | min > 10)')" = true
	build/nvring top --control "$dir/$engine.control" --once >"$dir/top"
	check "$engine: top has the limit, and that both queues wait" test \
		"$(grep -c ' riops=200$' "$dir/top") $(grep -c 'limited [0-9]*% of the time; ' "$dir/top")" = "1 2"
	check "$engine: metrics have how long" test 2 = "$(build/nvring metrics \
		--control "$dir/$engine.control" | grep -c '^nvring_limited_seconds_total{.*} [1-9]')"
done
kept free 100 "not limited, beside them"

for engine in "${engines[@]}"; do
	limit "$engine" riops=max rbps=$((150 * 16384))
done
echo "$number riops=max" >"$cgroups/slice-${engines[0]}/io.max"
sleep 0.5
keep 8 150 'changed to rbps'

# Of two limits, the tighter one.
for engine in "${engines[@]}"; do
	check "$engine: is given a limit of its own" \
		build/nvring set --control "$dir/$engine.control" --iops 90:max
done
sleep 0.5
keep 8 90 'no more than --iops'
for engine in "${engines[@]}"; do
	check "$engine: and loses it" build/nvring set --control "$dir/$engine.control" --iops max
done
sleep 0.5
keep 6 150 'rbps again'

for engine in "${engines[@]}"; do
	limit "$engine" rbps=max
done
sleep 0.5
for _ in 1 2 3 4; do
	window 3
	[ -n "$(slower 300)" ] || break
done
for engine in "${engines[@]}"; do
	ok $(($(rate "$engine") < 285)) "$engine: unlimited again: $(rate "$engine") requests a second"
done
unload

# Larger than a command, and than what is reserved at a time; BPF leaves them to the worker.
for engine in "${engines[@]}"; do
	limit "$engine" rbps=$((20 << 20))
	load "$engine" --bs 1048576 --depth 4 --queues 2 --seconds 300
done
sleep 1
keep 8 20 'large ones'
unload

# Writes, while reads may next to nothing.
for engine in "${engines[@]}"; do
	limit "$engine" riops=10 rbps=65536 wiops=150
	load "$engine" --rw randwrite --depth 16 --queues 2 --seconds 300
done
sleep 1
keep 8 150 wiops
for engine in "${engines[@]}"; do
	limit "$engine" wiops=max wbps=$((100 * 4096))
done
sleep 0.5
keep 8 100 wbps

for engine in "${engines[@]}"; do
	build/nvring set --control "$dir/$engine.control" --engine worker >"$dir/set" ||
		cat "$dir/set"
done
keep 6 100 'wbps, served by a worker now'
unload
diag "poller's program did not run where it ran already: $(sed -n 's/^recursion_misses:[[:space:]]*//p' \
	/proc/"${daemon[poller]}"/fdinfo/* 2>/dev/null | xargs) times"

for engine in "${engines[@]}"; do
	[ "$engine" = worker ] ||
		check "$engine: it served" test -z "$(grep 'served by a worker' "/results/$engine.log")"
	until rmdir "$cgroups/slice-$engine/vm" 2>/dev/null; do # when its daemon has left
		sleep 0.1
	done
	wait "${daemon[$engine]}"
	ok $? "$engine: ends with its cgroup"
done

# A file on a partition: the limits of the whole disk, by the kernel, as the process is in the cgroup.
# Holes would be no I/O.
disk=/dev/nvme$(namespace 4096)
number=$(cat "/sys/class/block/${disk##*/}/dev")
echo 2048,16384 | sfdisk -q "$disk" && mke2fs -q -F -t ext4 "${disk}p1" && mkdir "$dir/fs" &&
	mount "${disk}p1" "$dir/fs" || ok 1 "a file system on a partition"
dd if=/dev/zero of="$dir/fs/image" bs=1M count=4 status=none && sync
start file file --image "$dir/fs/image"
engines=(file)
limit file riops=100 wiops=20
load file --depth 16 --queues 2 --seconds 300
sleep 1
keep 8 100 'a file on a partition'
check "file: we do not limit it a second time" test "$(build/nvring status --control \
	"$dir/file.control" --json | jq '[.limits, ([.queues[].limit.held] | add)] == [null, 0]')" = true
unload
tap_done
