# SPDX-License-Identifier: GPL-2.0-only
# sides.sh: what serves a guest's disk, and the guest. Source it; for drives of null_blk, after null_blk.sh.
#
# SIDE is iothread or mapping (QEMU itself, its virtqueues in one iothread or spread over two), qsd
# (qemu-storage-daemon) or an engine of nvring.

declare -A side_drive side_pid side_qemu side_in side_out
side_why=
spin_us= # as long as each side looks for more work before it sleeps; empty: its default
guest_image=/tree/build/guest/bench
guest_memory=160M
# It is stopped most of the time, which its kernel is not to mind.
guest_append="console=ttyS0 quiet reboot=t panic=-1 nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
queue_size=256 # of all sides, whatever their defaults
boot_seconds=120
answer_seconds=20 # beyond the load's own time
settle_seconds=0.2
dir=$(mktemp -d /var/tmp/nvring.XXXXXX)

# sides_find_drives nvme|null_blk: one for each side, "nvme0n1"; equal ones, so that none waits for
# another's. Those of null_blk are the host kernel's own, which answers each request as it comes, or
# $drive_us after that, however many there are.
sides_find_drives() {
	local disk names=(iothread mapping qsd worker poller loop ceiling) side i=0

	if [ "$1" = null_blk ]; then
		for side in "${names[@]}"; do
			# MiB; as many queues as the guest's disk, deep enough for all loads
			# shellcheck disable=SC2086 # two words, or none
			null_blk "$side" size=1024 submit_queues=2 hw_queue_depth=512 \
				${drive_us:+irqmode=2 completion_nsec=${drive_us}000}
			side_drive[$side]=$side
		done
		return
	fi
	for disk in /dev/nvme*n1; do
		[ "$(cat "/sys/block/${disk#/dev/}/device/serial" | tr -d ' ')" != nvring ] || continue
		side_drive[${names[i]}]=${disk#/dev/}
		i=$((i + 1))
	done
}

# side_device SIDE: what nvring serves, by passthrough where that can be
side_device() {
	echo "/dev/${side_drive[$1]/#nvme/ng}"
}

# wait_for SECONDS COMMAND...: until it is true
wait_for() {
	local until=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.1
	done
}

# server_start SIDE: what serves the disk, where that is not QEMU; on CPU 1
server_start() {
	local socket=$dir/$1.socket node
	local iothread=iothread,id=io0${spin_us:+,poll-max-ns=$((spin_us * 1000))}

	rm -f "$socket"
	case $1 in
	iothread | mapping) return 0 ;;
	qsd)
		node=driver=host_device,node-name=d,filename=/dev/${side_drive[$1]},cache.direct=on,aio=io_uring
		taskset -c 1 qemu-storage-daemon --object "$iothread" --blockdev "$node" --export \
			"type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=$socket,writable=on,num-queues=2,iothread=io0" \
			2>>"/results/$1.log" &
		;;
	*)
		build/nvring serve --socket "$socket" --control "$dir/$1.control" \
			--device "$(side_device "$1")" --engine "$1" --queues 2 --cpu-list 1 ${spin_us:+--spin-us "$spin_us"} \
			2>>"/results/$1.log" &
		;;
	esac
	side_pid[$1]=$!
	wait_for 20 test -S "$socket" -o ! -d "/proc/${side_pid[$1]}"
	[ -S "$socket" ] && return
	side_why=$(grep -o 'error: .*' "/results/$1.log" | tail -1)
	return 1
}

# disk_options SIDE: QEMU's options for the disk
disk_options() {
	local node=driver=host_device,node-name=d,filename=/dev/${side_drive[$1]},cache.direct=on,aio=io_uring
	local spin=${spin_us:+,poll-max-ns=$((spin_us * 1000))}
	local device="\"driver\":\"virtio-blk-pci\",\"drive\":\"d\",\"num-queues\":2,\"queue-size\":$queue_size"

	case $1 in
	iothread)
		disk=(-object "iothread,id=io0$spin" -blockdev "$node" -device "{$device,\"iothread\":\"io0\"}")
		;;
	mapping)
		disk=(-object "iothread,id=io0$spin" -object "iothread,id=io1$spin" -blockdev "$node" -device
			"{$device,\"iothread-vq-mapping\":[{\"iothread\":\"io0\"},{\"iothread\":\"io1\"}]}")
		;;
	*)
		disk=(-chardev "socket,id=disk,path=$dir/$1.socket"
			-device "vhost-user-blk-pci,chardev=disk,num-queues=2,queue-size=$queue_size")
		;;
	esac
}

# threads PID NAME: its threads of that name (a pattern)
threads() {
	grep -lE "$2" /proc/"$1"/task/*/comm 2>/dev/null | sed 's,.*/task/\([0-9]*\)/.*,\1,'
}

# guest_start SIDE: QEMU, and its guest up to its prompt
guest_start() {
	local disk

	disk_options "$1"
	rm -f "$dir/$1".{in,out}
	mkfifo "$dir/$1".{in,out}
	exec {side_in[$1]}<>"$dir/$1.in" {side_out[$1]}<>"$dir/$1.out"
	qemu-system-x86_64 -name "$1,debug-threads=on" -M q35,memory-backend=mem -accel kvm -cpu host \
		-smp 2 -m $guest_memory -nodefaults -no-user-config -display none -no-reboot \
		-object memory-backend-memfd,id=mem,size=$guest_memory,share=on \
		-chardev "pipe,id=console,path=$dir/$1" -serial chardev:console \
		-kernel "$guest_image/vmlinuz" -initrd "$guest_image/initramfs" \
		-append "$guest_append nvring.job=bench" "${disk[@]}" \
		</dev/null >>"/results/$1.qemu" 2>&1 &
	side_qemu[$1]=$!
	case $1 in
	iothread | mapping) side_pid[$1]=${side_qemu[$1]} ;;
	esac
	side_answer "$1" 'nvring-guest: ready' $boot_seconds >/dev/null || return 1
	taskset -pc 0 "$(threads "${side_qemu[$1]}" '^CPU 0/KVM')" >/dev/null
	for thread in $(threads "${side_qemu[$1]}" '^IO io0'); do
		taskset -pc 1 "$thread" >/dev/null
	done
	kill -STOP "${side_qemu[$1]}"
}

# side_start SIDE: false and $side_why when it cannot be had
side_start() {
	local try

	side_why=
	server_start "$1" || return 1
	for try in 1 2 3; do
		guest_start "$1" && return
		echo "note $1: try $try: the guest did not come up: $(tail -n 1 "/results/$1.qemu")"
		guest_stop "$1"
	done
	unset "side_qemu[$1]"
	return 1
}

# side_answer SIDE PATTERN SECONDS: the guest's next line like that; false when it is gone
side_answer() {
	local line part='' until=$((SECONDS + $3))

	while [ $SECONDS -lt $until ] && [ -d "/proc/${side_qemu[$1]}" ]; do
		# What came in time of a line that did not is its beginning.
		IFS= read -r -t 1 -u "${side_out[$1]}" line || { part+=$line; continue; }
		line=$part${line%$'\r'} part=
		echo "$line" >>"/results/$1.console.log"
		# shellcheck disable=SC2053 # a pattern
		[[ $line != $2* ]] || { echo "${line#"$2"}"; return 0; }
		[[ $line != 'nvring-guest: FAIL'* ]] || { echo "$line"; return 1; }
	done
	if [ -d "/proc/${side_qemu[$1]}" ]; then
		echo "no answer in $3 s"
	else
		while IFS= read -r -t 1 -u "${side_out[$1]}" line; do
			echo "$line"
		done >>"/results/$1.console.log"
		echo "its machine was reset"
	fi
	return 1
}

# side_load SIDE MODE DEPTH JOBS MILLISECONDS: run it in the guest; its row. Otherwise the guest is
# stopped, as an idle QEMU, too, takes its share of an emulated CPU.
side_load() {
	local status=0

	kill -CONT "${side_qemu[$1]}"
	sleep $settle_seconds
	echo "load ${*:2}" >&"${side_in[$1]}"
	side_answer "$1" 'nvring-guest: row load ' $((answer_seconds + $5 / 1000)) || status=$?
	kill -STOP "${side_qemu[$1]}" 2>/dev/null
	return $status
}

# run_load SIDE LOAD: MODE-DEPTH, MODE-DEPTHxJOBS, or MODE-DEPTH+BESIDE (tests/guest/load.c); its row, or why there is none
run_load() {
	local mode=${2%-*} depth=${2#*-} jobs=1

	[ "$depth" = "${depth%x*}" ] || jobs=${depth#*x}
	side_load "$1" "$mode" "${depth%x*}" "$jobs" "$milliseconds"
}

# server_us SIDE: CPU time of what serves the disk so far, vCPUs left out
server_us() {
	local task sum=0 ran

	for task in /proc/"${side_pid[$1]}"/task/*; do
		[[ $(<"$task/comm") != CPU* ]] || continue
		read -r ran _ <"$task/schedstat"
		sum=$((sum + ran / 1000))
	done 2>/dev/null
	echo $sum
}

guest_stop() {
	kill -KILL "${side_qemu[$1]}" 2>/dev/null
	wait "${side_qemu[$1]}" 2>/dev/null
	exec {side_in[$1]}>&- {side_out[$1]}>&-
}

# side_restart SIDE: its guest anew
side_restart() {
	guest_stop "$1"
	guest_start "$1" || unset "side_qemu[$1]"
}

# side_stop SIDE: its guest, and what served it
side_stop() {
	guest_stop "$1"
	if [ "${side_pid[$1]}" != "${side_qemu[$1]}" ]; then
		kill -TERM "${side_pid[$1]}"
		wait "${side_pid[$1]}"
	fi
	unset "side_qemu[$1]"
}

sides_stop() {
	local side

	for side in "${!side_qemu[@]}"; do
		side_stop "$side"
	done
	rm -rf "$dir"
}

# drive_interrupts SIDE: of its drive, those on CPUs 0 and 1, where the vCPUs are, and all
drive_interrupts() {
	awk -v drive="${side_drive[$1]%n*}q" 'index($NF, drive) == 1 {
		near += $2 + $3
		for (i = 2; $i ~ /^[0-9]+$/; i++)
			all += $i
	}
	END { print near + 0, all + 0 }' /proc/interrupts
}
