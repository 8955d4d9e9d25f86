# SPDX-License-Identifier: GPL-2.0-only
# weight: io.weight of cgroups on a drive that three VMs of a manager share, each with a range of one
# namespace and an engine of its own; two of their cgroups are in one slice. TAP. Rates are requests
# completed, as the daemons count them, by the test host's clock.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/manager.sh
. tests/lib/cgroup.sh
. tests/lib/nvme.sh
. tests/lib/rates.sh
names=(loop poller worker)
blocks=65536 # of 512 bytes, for each
model=900    # random reads of 4 KiB a second that the drive is said to do
part=0
declare -A load=() cgroup=([loop]=slice/loop [poller]=slice/poller [worker]=worker)

disk=$(namespace 512)
number=$(cat "/sys/class/block/nvme$disk/dev")

# load NAME...: front-ends in their cgroups, which want all they can get
load() {
	local name

	for name in "$@"; do
		in_cgroup "${cgroup[$name]}" build/tests/front/loadgen --socket "$run/vm/$name/disk.sock" \
			--sleep --event-idx --depth 16 --queues 2 --seconds 300 >"$dir/$name.load" 2>&1 &
		load[$name]=$!
		fronts+=($!)
	done
}

# does NAME: whole requests a second in the last window
does() { echo $(($(rate "$1") / 1000)); }

# near GOT WANTED: within 10%
near() { [ $(($1 * 100)) -ge $(($2 * 90)) ] && [ $(($1 * 100)) -le $(($2 * 110)) ]; }

# shares SECONDS WHAT LOOP POLLER WORKER: what each does a second, and all together. When this emulated
# machine as a whole stands still for longer than shares make up for, some are too slow, and others have
# what these leave: then once more, at most thrice. All together too fast is too fast at once.
shares() {
	local try name slow sum=0 all=$(($3 + $4 + $5))
	local -A want=([loop]=$3 [poller]=$4 [worker]=$5)

	for try in 1 2 3 4; do
		window "$1" "${names[@]}"
		slow='' sum=0
		for name in "${names[@]}"; do
			[ $(($(does $name) * 100)) -ge $((want[$name] * 90)) ] || slow+=" $name"
			sum=$((sum + $(does $name)))
		done
		[ -n "$slow" ] && [ $((sum * 100)) -le $((all * 110)) ] && [ $try != 4 ] || break
		diag "$2: too slow, once more:$slow; $(for name in "${names[@]}"; do does $name; done | xargs)"
	done
	for name in "${names[@]}"; do
		near "$(does $name)" "${want[$name]}"
		ok $? "$2: $name does $(does $name) requests a second, ${want[$name]} wanted"
		[ "$(does $name)" != 0 ] || diag "$(nv status "$name")" "$(cat "$dir/$name.load")"
	done
	near $sum $all
	ok $? "$2: together $sum, $all wanted"
}

# share NAME: percent of the drive, in tenths, as its status says; 0: it is not limited
share() { nv status "$1" --json | jq '.limits.share // 0 | . * 10 | round'; }

shared() { [ "$(share "$1")" = "$2" ]; }

# unlimited WHAT NAME...: they are not limited, and do far more together than the model says
unlimited() {
	local what=$1 name sum=0

	shift
	for name in "$@"; do
		check "$what: $name has no share" await shared "$name" 0
	done
	window 3 "$@"
	for name in "${names[@]}"; do
		sum=$((sum + $(does $name)))
	done
	ok $((sum < model * 3 / 2)) "$what: all together do $sum requests a second"
}

cost() {
	echo "$number ctrl=user model=linear rbps=1000000000 rseqiops=$model rrandiops=$model" \
		"wbps=1000000000 wseqiops=$model wrandiops=$model" >$cgroups/io.cost.model &&
		echo "$number enable=$1 ctrl=user rpct=0 rlat=5000 wpct=0 wlat=5000 min=100 max=100" \
			>$cgroups/io.cost.qos
}

mkdir $cgroups/{slice,slice/loop,slice/poller,worker}
echo +io >$cgroups/cgroup.subtree_control
echo +io >$cgroups/slice/cgroup.subtree_control
manager_start
for name in "${names[@]}"; do
	nv attach --vm "$name" --device "/dev/ng$disk" --range $((part++ * blocks))+$blocks --queues 2 \
		--cgroup "${cgroup[$name]}" --engine "$name" || ok 1 "$name is attached"
done
load "${names[@]}"
sleep 1
unlimited "before the model is enabled" "${names[@]}"

echo 300 >$cgroups/slice/io.weight
echo 200 >$cgroups/slice/poller/io.weight
cost 1 || { echo "Bail out! the kernel takes no cost model for $disk" && exit 1; }
echo "$number 600" >$cgroups/worker/io.weight # which the kernel knows with the model only
check "the manager says that it keeps weights" await grep -q "disk $number: io.cost.qos enables" "$manager_log"
sleep 2
shares 10 "weights of 100 and 200 in a slice of 300, 600" $((model / 9)) $((model * 2 / 9)) $((model * 6 / 9))
ok $(($(share loop) != 111 || $(share poller) != 222 || $(share worker) != 667)) \
	"status has the shares: $(share loop), $(share poller), $(share worker) thousandths"
nv status poller >"$dir/status"
check "status says it in words" grep -q '^  limits    share 22.2%$' "$dir/status"
check "status says how often a queue was held" grep -q '^  limit     held [1-9]' "$dir/status"
nv top --once >"$dir/top"
check "top has the shares, and that queues wait" test \
	"$(grep -c ' share=[126][126].[127]%$' "$dir/top") $(grep -c 'limited [0-9]*% of the time; ' "$dir/top")" = "3 6"
nv metrics >"$dir/metrics"
check "metrics have them" grep -q '^nvring_share_ratio{vm="poller"} 0.222' "$dir/metrics"

kill "${load[worker]}"
sleep 2
names=(loop poller)
shares 8 "the one of 600 is idle" $((model / 3)) $((model * 2 / 3)) 0
load worker
names=(loop poller worker)
echo 500 >$cgroups/slice/poller/io.weight
echo 600 >$cgroups/slice/io.weight
echo "$number default" >$cgroups/worker/io.weight
echo 300 >$cgroups/worker/io.weight
sleep 2
shares 8 "100 and 500 in one of 600, 300, changed live, and all are back" $((model / 9)) \
	$((model * 5 / 9)) $((model * 3 / 9))

for name in "${names[@]}"; do
	kill -0 "${load[$name]}" 2>/dev/null && continue
	ok 1 "$name's front-end is still there" && diag "$(cat "$dir/$name.load")"
done
manager_kill
sleep 3
status_of() { build/nvring status --control "$run/vm/$1/control" "${@:2}"; }
for name in "${names[@]}"; do
	check "the manager is killed: $name is not limited any more" \
		test "$(status_of "$name" --json | jq .limits)" = null
done
manager_start
check "the next one keeps the weights" await shared poller 556
check "the model is disabled" cost 0
unlimited "without the model" "${names[@]}"
check "detached" nv detach --all
manager_end
ok $? "the manager ends well"
tap_done
