# SPDX-License-Identifier: GPL-2.0-only
# rates.sh: rates of a manager's VMs, of requests as the daemons count them, by this machine's clock.
# Source it after manager.sh.

declare -A from=() to=() # samples of each VM

# sample NAME: "TIME REQUESTS READS", ns, so far
sample() {
	nv status "$1" --json | jq -r '[.now_ns, ([.queues[].counters.completed] | add),
		([.queues[].latency.read.count] | add)] | @tsv'
}

# window SECONDS NAME...: measure them
window() {
	local name

	for name in "${@:2}"; do
		from[$name]=$(sample "$name")
	done
	sleep "$1"
	for name in "${@:2}"; do
		to[$name]=$(sample "$name")
	done
}

# rate NAME, reads NAME: thousandths of a request, of a read, a second in the last window
rate() {
	set -- ${from[$1]} ${to[$1]}
	echo $((($5 - $2) * 1000000000000 / ($4 - $1)))
}

reads() {
	set -- ${from[$1]} ${to[$1]}
	echo $((($6 - $3) * 1000000000000 / ($4 - $1)))
}
