# SPDX-License-Identifier: GPL-2.0-only
# steering SETTING=VALUE...: what each switch of steering does to a KVM guest's disk, and what there is
# to gain where vCPUs share a CPU. For a test host of four CPUs, and tests/bench/host.
#
# A configuration is the default with one switch the other way; held is that without patience and
# without wake-halted. All take their turn in each round:
#
#     row CONFIGURATION LOAD ROUND KEY=VALUE...
#     note TEXT
#
# The guest's vCPUs have CPUs 0 and 1; the daemon has none of its own. In a second part other work
# wants the rest, so that only placement keeps it there. In the third both vCPUs have CPU 0: the load
# is then busy.MODE-DEPTH, with a job in the guest that takes what CPU time there is on each vCPU, or
# beside.MODE-DEPTH, with one on the host.
set -u
cd /tree || exit
PATH=/tree/.cache/sysroot/usr/bin:$PATH # where packaging/deps.sh put a newer QEMU
. tests/host/tests/bench/sides.sh
. tests/host/tests/bench/counts.sh
. tests/host/tests/bench/delays.sh
engine=loop drive=null0 # its serial number
configurations="default all-off moderation-off patience-off held placement-off spin-off"
shared_configurations="moderation-off held patience-off default"
loads="read-1 read-32"
shared_loads="busy.read-32x2 beside.read-32x2"
rounds=5 shared_rounds=3 milliseconds=700 shared_milliseconds=1500
hogs=() pins=(0 1)

for setting in "$@"; do
	declare "${setting%%=*}=${setting#*=}"
done

# server_start SIDE: in place of that of sides.sh
server_start() {
	build/nvring serve --socket "$dir/$1.socket" --control "$dir/$1.control" --name steering \
		--device "$(side_device "$1")" --engine "$1" --queues 2 2>>"/results/$1.log" &
	side_pid[$1]=$!
	wait_for 20 grep -qs 'waiting at' "/results/$1.log"
}

# configure CONFIGURATION
configure() {
	local switches=(--moderation on --patience on --wake-halted on --placement on --spin-us 32)

	case $1 in
	all-off)
		switches=(--moderation off --patience off --wake-halted off --placement off --spin-us 0)
		;;
	held) switches+=(--patience off --wake-halted off) ;;
	spin-off) switches+=(--spin-us 0) ;;
	*-off) switches+=("--${1%-off}" off) ;;
	esac
	build/nvring set --control "$dir/$engine.control" "${switches[@]}"
}

# own: what the mechanisms themselves count, the drive's interrupts on CPUs of vCPUs, doorbells; words
own() {
	build/nvring status --control "$dir/$engine.control" --json |
		jq -r '[.queues[].counters] | "\(map(.held) | add) \(map(.patient) | add) \(map(.halted) | add)"'
	drive_interrupts "$engine"
	# shellcheck disable=SC2046 # threads are words
	histogram $doorbell | of_threads $(threads "${side_qemu[$engine]}" '^CPU ')
}

# take CONFIGURATION LABEL LOAD ROUND [RUN]: a row of what RUN does
take() {
	local row before after keys=(held patient halted near drive doorbells) i run=${5:-run_load} values=

	configure "$1"
	# shellcheck disable=SC2207 # words
	before=($(own))
	if ! row=$($run "$engine" "$3"); then
		echo "note $1 $2 round $4: ${row:-the guest is gone}"
		side_restart "$engine"
		guest_pin
		return
	fi
	# shellcheck disable=SC2207
	after=($(own))
	for i in "${!keys[@]}"; do
		values+=" ${keys[i]}=$((after[i] - before[i]))"
	done
	echo "row $1 $2 $4 $row$values"
}

# guest_pin: each vCPU to its CPU
guest_pin() {
	local vcpu

	for vcpu in 0 1; do
		taskset -pc "${pins[vcpu]}" "$(threads "${side_qemu[$engine]}" "^CPU $vcpu/KVM")" >/dev/null
	done
}

# counting_open: all the time, as it is the same for all
counting_open() {
	if counts_open; then
		echo 'hist:keys=common_pid if ret == 0' >$doorbell/trigger
	else
		echo "note this kernel cannot count doorbells"
	fi
	delays_open
}

# hogs_start NICE CPU...: a process on each that takes what time there is
hogs_start() {
	local cpu

	for cpu in "${@:2}"; do
		nice -n "$1" taskset -c "$cpu" bash -c 'while :; do :; done' &
		hogs+=($!)
	done
}

hogs_stop() {
	kill "${hogs[@]}"
	wait "${hogs[@]}" 2>/dev/null
	hogs=()
}

# known: which vCPU rings which queue
known() {
	[ "$(build/nvring status --control "$dir/$engine.control" --json |
		jq -r '[.queues[].vcpu] | join(" ")')" = "0 1" ] || { run_load "$engine" read-32x2 >/dev/null; false; }
}

# Each by itself.
for disk in /dev/nvme*n1; do
	[ "$(tr -d ' ' <"/sys/block/${disk#/dev/}/device/serial")" != "$drive" ] || side_drive[$engine]=${disk#/dev/}
done
side_start "$engine" || { echo "note $engine: ${side_why:-it does not start}"; exit 1; }
guest_pin
wait_for 120 known || echo "note it is not known which vCPU rings which queue"
counting_open
configure default
for ((learned = 0; learned < 15; learned++)); do
	run_load "$engine" read-32 >/dev/null # patience compares
done
for ((round = 1; round <= rounds; round++)); do
	for load in $loads; do
		for configuration in $configurations; do
			take "$configuration" "$load" "$load" $round
		done
		configurations="${configurations#* } ${configurations%% *}" # another one is first
	done
done

# Placement, where the vCPUs' CPUs are the only ones with time to spare.
hogs_start 19 2 3
for ((round = 1; round <= shared_rounds; round++)); do
	for configuration in placement-off default; do
		milliseconds=$shared_milliseconds take $configuration crowded read-32x2 $round
	done
done
hogs_stop

# Two vCPUs on one CPU.
pins=(0 0)
guest_pin
milliseconds=$shared_milliseconds
for ((round = 1; round <= shared_rounds; round++)); do
	for load in $shared_loads; do
		for configuration in $shared_configurations; do
			case $load in
			busy.*) echo "busy 2" >&"${side_in[$engine]}" ;;
			beside.*) hogs_start 0 0 ;;
			esac
			take "$configuration" "$load" "${load#*.}" $round run_traced
			case $load in
			busy.*) echo "busy 0" >&"${side_in[$engine]}" ;;
			beside.*) hogs_stop ;;
			esac
		done
	done
done
sides_stop
