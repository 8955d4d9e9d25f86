# SPDX-License-Identifier: GPL-2.0-only
# lib.sh: what several jobs do: fio with verification, and which queues served it.
#
# Settings: size=2m per queue and depth; depths=1,32; bs=4k; engine=libaio; seed=1.
: "${size:=2m}" "${depths:=1,32}" "${bs:=4k}" "${engine:=libaio}" "${seed:=1}"

disk=${dev##*/}

# queues: how many virtqueues the disk has; a guest without blk-mq in sysfs has one.
queues() {
	queues_n=$(ls "/sys/class/block/$disk/mq" 2>/dev/null | wc -l)
	echo $((queues_n > 0 ? queues_n : 1))
}

# disk_requests: requests the disk has completed since boot: reads, writes, discards, flushes.
disk_requests() {
	awk '{ print $1 + $5 + $12 + $16 }' "/sys/class/block/$disk/stat"
}

# fio_verify STEP DEPTH OPTION...: one fio job a queue, each kept on its own CPUs so that every
# queue is used; crc32c of every block is compared. That fio is content is not enough: the bytes
# read back have to be the bytes asked for.
fio_verify() {
	fio_step=$1 fio_depth=$2 fio_jobs=$(queues) fio_before=$(disk_requests)
	shift 2
	fio --name=verify --rw=randwrite --bs="$bs" --size="$size" --ioengine="$engine" --direct=1 \
		--iodepth="$fio_depth" --numjobs="$fio_jobs" --randseed="$seed" \
		--cpus_allowed="0-$(($(grep -c ^processor /proc/cpuinfo) - 1))" \
		--cpus_allowed_policy=split --thread --group_reporting --fallocate=none \
		--verify=crc32c --verify_fatal=1 --do_verify=1 "$@" \
		--output="$scratch/fio.json" --output-format=json >"$scratch/fio.out" 2>&1
	fio_status=$?
	fio_row=$(fio_numbers "$scratch/fio.json")
	say "row $fio_step depth=$fio_depth queues=$fio_jobs" \
		"requests=$(($(disk_requests) - fio_before)) $fio_row"
	if [ "$fio_status" -eq 0 ] &&
		[ "$fio_row" = "verified=$(($(bytes "$size") * fio_jobs)) errors=0" ]; then
		say "ok $fio_step depth $fio_depth"
		return 0
	fi
	cat "$scratch/fio.out"
	grep -v '[{}]' "$scratch/fio.json" | head -20
	fail "$fio_step depth $fio_depth" "fio left with $fio_status"
	return 1
}

# fio_numbers FILE: bytes read back, and errors, from fio's JSON.
fio_numbers() {
	awk -F'[ :,]+' '
	/"(read|write|trim|sync)" : [{]/ { gsub(/"/, "", $2); part = $2 }
	/"error" :/ { errors += $3 != 0 }
	/"io_bytes" :/ && part == "read" { verified += $3 }
	END { printf "verified=%d errors=%d", verified, errors }' "$1"
}

# bytes SIZE: 512, 4k or 2m in bytes.
bytes() {
	case $1 in
	*k) echo $((${1%k} * 1024)) ;;
	*m) echo $((${1%m} * 1024 * 1024)) ;;
	*) echo "$1" ;;
	esac
}

# queues_used STEP: every virtqueue has completed requests by interrupts of its own since boot.
queues_used() {
	used_dev=$(basename "$(readlink -f "/sys/class/block/$disk/device")")
	used_row=$(awk -v queue="^$used_dev-req" '$NF ~ queue {
		n = 0
		for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++)
			n += $i
		sub(/.*-req\./, "queue", $NF)
		printf " %s=%d", $NF, n
	}' /proc/interrupts)
	if [ -z "$used_row" ]; then
		say "row $1 no interrupt of its own per queue here"
		return 0
	fi
	say "row $1 interrupts$used_row"
	case "$used_row " in
	*"=0 "*) fail "$1" "a queue without interrupts" ;;
	*) say "ok $1" ;;
	esac
}
