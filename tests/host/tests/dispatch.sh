# SPDX-License-Identifier: GPL-2.0-only
# dispatch SETTING=VALUE...: what vCPU dispatch gains: one poller that serves 1, 8 and 32 queues with and
# without --vcpu-dispatch, side by side, on NVMe drives that take no time.
#
# A vCPU on CPU 0 rings all the doorbells (tests/front/kvm_doorbell.h), and the poller has CPU 1. Each
# is asked for doorbells as usual, and ("always") for every one, as it does not look for more work.
#
#     row SIDE always|usual-QUEUESxDEPTH ROUND KEY=VALUE... vcpu=SHARE    of requests, started by the vCPU
set -u
cd /tree || exit
sides="poller dispatch"
spins="usual always"
queues="1 8 32"
depths="1 8" # of each queue
rounds=5 seconds=1
declare -A pid drive
dir=$(mktemp -d /var/tmp/nvring.XXXXXX)

for setting in "$@"; do
	declare "${setting%%=*}=${setting#*=}"
done

# serve SIDE SPIN
serve() {
	local socket=$dir/$1.$2 options=()

	[ "$1" != dispatch ] || options+=(--vcpu-dispatch)
	[ "$2" != always ] || options+=(--spin-us 0)
	build/nvring serve --socket "$socket" --control "$socket.control" --device "/dev/ng${drive[$1]}" \
		--engine poller "${options[@]}" --queues 32 --cpu-list 1 2>>"/results/$1.log" &
	pid[$1.$2]=$!
	timeout 20 bash -c "until [ -S $socket ]; do sleep 0.1; done"
}

# by_vcpu SIDE SPIN: requests so far, and those that the vCPU started; since the front-end came
by_vcpu() {
	build/nvring status --control "$dir/$1.$2.control" --json | jq -r '[.queues[] |
		[.counters.requests, .direct["by vCPUs"] // 0]] | transpose | map(add) | join(" ")'
}

# measure SIDE SPIN QUEUES DEPTH ROUND
measure() {
	local before after row label="$1 $2-$3x$4 $5"

	read -ra before < <(by_vcpu "$1" "$2")
	if row=$(taskset -c 0 build/tests/front/loadgen --kvm --sleep --socket "$dir/$1.$2" --queues "$3" \
		--depth "$4" --seconds "$seconds" --pid "${pid[$1.$2]}" --json 2>&1); then
		read -ra after < <(by_vcpu "$1" "$2")
		jq -r --arg row "$label" '"row \($row) \(to_entries | map("\(.key)=\(.value)") | join(" "))"' <<<"$row" |
			tr '\n' ' '
		awk -v n=$((after[0] - before[0])) -v by=$((after[1] - before[1])) \
			'BEGIN { printf "vcpu=%.3f\n", n ? by / n : 0 }'
	else
		echo "note $label: $row"
	fi
}

drives=()
for disk in /dev/nvme*n1; do
	[ "$(tr -d ' ' <"/sys/block/${disk#/dev/}/device/serial")" = nvring ] || drives+=("${disk#/dev/nvme}")
done
for side in $sides; do
	drive[$side]=${drives[0]} drives=("${drives[@]:1}")
done
for spin in $spins; do
	for side in $sides; do
		serve "$side" "$spin"
	done
	for ((round = 1; round <= rounds; round++)); do
		for count in $queues; do
			for depth in $depths; do
				for side in $sides; do
					measure "$side" "$spin" "$count" "$depth" "$round"
				done
			done
		done
	done
	for side in $sides; do
		kill -TERM "${pid[$side.$spin]}"
		wait "${pid[$side.$spin]}"
	done
done
rm -rf "$dir"
