# SPDX-License-Identifier: GPL-2.0-only
# bench SETTING=VALUE...: KVM guests on NVMe drives, each served its own way, side by side.
#
# A guest per side stays up, and waits at its console; one at a time is given a load. Sides take turns
# for each load of a round. What was measured is printed, a line each, for tests/bench/host:
#
#     row SIDE LOAD ROUND KEY=VALUE...
#     count SIDE LOAD KEY=VALUE...        counts.sh
#     side SIDE - WHY                     it cannot be had
#     note TEXT
#
# A guest's first vCPU has CPU 0 to itself; what serves the disk has CPU 1.
set -u
cd /tree || exit
PATH=/tree/.cache/sysroot/usr/bin:$PATH # where packaging/deps.sh put a newer QEMU
. tests/lib/null_blk.sh
. tests/host/tests/bench/sides.sh
. tests/host/tests/bench/counts.sh
sides="iothread mapping qsd worker poller loop"
loads="read-1 read-4 read-32 read-128 write-1 write-4 write-32 write-128 read-32x2 read-1+64"
counted="read-1 read-32"
rounds=5 milliseconds=1500
single_ms=  # loads where one request is under way in a queue, for as many: read-1, read-1+64
drives=nvme # or null_blk, which takes no time
drive_us=   # or this

for setting in "$@"; do
	declare "${setting%%=*}=${setting#*=}"
done

[ -n "$single_ms" ] || single_ms=$milliseconds

# milliseconds_of LOAD
milliseconds_of() {
	case $1 in
	read-1 | read-1+*) echo "$single_ms" ;;
	*) echo "$milliseconds" ;;
	esac
}

# measure SIDE LOAD ROUND [LABEL]: a row; a guest whose machine was reset is started again, and that is
# said
measure() {
	local row before after label=${4:-$1}

	before=$(server_us "$1")
	if row=$(milliseconds=$(milliseconds_of "$2") run_load "$1" "$2"); then
		after=$(server_us "$1")
		echo "row $label $2 $3 $row server_us=$((after - before))"
		return
	fi
	echo "note $label $2 round $3: ${row:-the guest is gone}"
	side_restart "$1"
}

# measure_plain SIDE LOAD ROUND: the same without steering, as SIDE.plain
measure_plain() {
	build/nvring set --control "$dir/$1.control" --moderation off
	measure "$@" "$1.plain"
	build/nvring set --control "$dir/$1.control" --moderation on
}

# ceiling LOAD ROUND: the host itself on a drive, by passthrough where that can be
ceiling() {
	local depth=${1#*-} out engine=(--ioengine=io_uring_cmd --cmd_type=nvme)

	[ "$drives" = nvme ] || engine=(--ioengine=io_uring --direct=1)
	out=$(taskset -c 1 fio --name=ceiling --filename="$(side_device ceiling)" \
		"${engine[@]}" --rw="rand${1%-*}" --bs=4k --iodepth="$depth" \
		--fixedbufs --registerfiles --norandommap --time_based --runtime="${milliseconds}ms" \
		--thread --output-format=json 2>&1) || { echo "note ceiling: ${out:0:200}"; return; }
	jq -r --arg key "row ceiling $1 $2" --arg mode "${1%-*}" '.jobs[0][$mode] |
		"\($key) iops=\(.iops | round) mean_us=\(.clat_ns.mean / 1000) p50_us=\(
		.clat_ns.percentile["50.000000"] / 1000) p99_us=\(
		.clat_ns.percentile["99.000000"] / 1000) requests=\(.total_ios)"' <<<"$out"
}

sides_find_drives "$drives"
for side in $sides; do
	side_start "$side" || echo "side $side - ${side_why:-it does not start}"
done
# First, as it is short: a run that is cut has all of it.
if counts_open; then
	for load in $counted; do
		for side in $sides; do
			[ -z "${side_qemu[$side]:-}" ] || count "$side" "$load"
		done
	done
else
	echo "note this kernel cannot count doorbells"
fi
for ((round = 1; round <= rounds; round++)); do
	for load in $loads; do
		for side in $sides; do
			[ -n "${side_qemu[$side]:-}" ] || continue
			measure "$side" "$load" "$round"
			[[ $side != loop || $load != read-@(1|32) ]] || measure_plain "$side" "$load" "$round"
		done
		[[ $load == *[x+]* ]] || ceiling "$load" "$round"
		[[ $sides != *' '* ]] || sides="${sides#* } ${sides%% *}" # another one begins
	done
done
sides_stop
