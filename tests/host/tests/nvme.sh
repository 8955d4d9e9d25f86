# SPDX-License-Identifier: GPL-2.0-only
# nvme ENGINE [OPTION...]: NVMe namespaces served by passthrough to KVM guests; TAP.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/guest.sh
. tests/lib/nvme.sh
engine=$1
shift
options=("$@")

# guest LOG JOB...: run a job in a KVM guest
guest() {
	guest_log=$1
	shift
	guest_tries run_guest "$@"
}

run_guest() {
	tests/guest/run --accel kvm --image /tree/build/guest/6.12 --seconds 160 --socket "$socket" \
		--log "$guest_log" "$@" | sed -un 's/^nvring-guest: ok /# guest: /p'
	return "${PIPESTATUS[0]}"
}

# holds DISK BLOCK SIZE WORDS: the block at this LBA is the guest's pattern
holds() {
	[ "$(dd if="$1" bs="$3" skip="$2" count=1 iflag=direct status=none | sha256sum)" = \
		"$(yes "nvring LBA $4" | head -c "$3" | sha256sum)" ]
}

small=$(namespace 512) large=$(namespace 4096)

# Two disks of one guest, a daemon each: a namespace, and a range of the other one, where the guest's LBA
# 5 is the drive's 105.
blkdiscard -f "/dev/nvme$large" 2>/dev/null
build/nvring serve --socket "$dir/range" --engine "$engine" --device "/dev/ng$large" \
	--range 100+1000 --queues 2 "${options[@]}" 2>"$dir/range.log" &
range=$!
daemon_start --device "/dev/ng$small" --queues 2 "${options[@]}"
until grep -q 'waiting at' "$dir/range.log" || ! kill -0 $range; do
	sleep 0.1
done
guest /results/guest.log verify,pattern@vdb size=1m lbas=0,5,-1 -- \
	-chardev "socket,id=range,path=$dir/range" \
	-device vhost-user-blk-pci,chardev=range,num-queues=2
guest_points /results/guest.log
daemon_end
ok $? "the daemon ends well"
kill -TERM $range
wait $range
ok $? "the range's daemon ends well"
cat "$dir/range.log" >&2
if [ "$engine" != worker ]; then
	check "the $engine served one" grep -q 'direct: runs' "$daemon_log"
	check "the $engine served the other" grep -q 'direct: runs' "$dir/range.log"
fi
cat "$dir/range.log" >>"$daemon_log"
check "their books balance" books_balance 1000
if [ "$engine" != worker ]; then
	check "no queue was left to a worker" test -z "$(grep 'served by a worker' "$daemon_log")"
fi
if [[ " ${options[*]} " = *" --vcpu-dispatch "* ]]; then
	check "vCPUs started requests" grep -qE 'by vCPUs [1-9]' "$daemon_log"
fi
check "the guest's file system is on the drive" e2fsck -fn "/dev/nvme$small"
check "LBA 0 of the guest is at 100" holds "/dev/nvme$large" 100 4096 0
check "LBA 5 is at 105" holds "/dev/nvme$large" 105 4096 5
check "the last, 999, is at 1099" holds "/dev/nvme$large" 1099 4096 999
check "the block before the range is empty" cmp -n 4096 \
	<(dd if="/dev/nvme$large" bs=4096 skip=99 count=1 status=none) /dev/zero
check "the block behind it is empty" cmp -n 4096 \
	<(dd if="/dev/nvme$large" bs=4096 skip=1100 count=1 status=none) /dev/zero

if [ "$engine" = worker ]; then
	mkdir /tmp/mnt
	mount "/dev/nvme$small" /tmp/mnt
	build/nvring serve --socket "$socket" --device "/dev/ng$small" 2>"$dir/refused"
	ok $(($? != 1)) "a mounted namespace is refused"
	check "the reason is said" grep -q 'mounted or in use' "$dir/refused"
	umount /tmp/mnt
fi
# seen FILTER: what jq makes of all views of `nvring drives`, one array of queues
seen() { jq -s "[.[].queues[] | select(.drive == 0)] | $1" "$dir/drives"; }

# Commands of the block layer and of passthrough, on one CPU.
if [[ $engine = @(worker|loop) ]]; then
	build/nvring drives --json >"$dir/drives" 2>"$dir/drives.log" &
	drives=$!
	until [ -s "$dir/drives" ] || ! kill -0 $drives; do # it watches
		sleep 0.1
	done
	taskset -c 0 dd if="/dev/nvme$small" of=/dev/null bs=4096 count=200 iflag=direct status=none
	taskset -c 0 dd if=/dev/zero of="/dev/nvme$large" bs=4096 seek=5000 count=50 oflag=direct \
		status=none
	for _ in 1 2 3; do
		taskset -c 0 nvme io-passthru "/dev/ng$small" --opcode=2 --namespace-id=1 --read \
			--data-len=4096 --cdw12=7 >/dev/null
	done
	sleep 2
	kill -TERM $drives
	wait $drives
	ok $? "drives: ends well"
	diag "$(cat "$dir/drives.log")" "$(seen 'map({queue, cpu, interrupts, read: .read.count})' | jq -c .)"
	check "drives: every read is seen, by passthrough, too" test "$(seen 'map(.read.count) | add')" = 203
	check "drives: every write" test "$(seen 'map(.write.count) | add')" = 50
	check "drives: all in the queue of their CPU" test \
		"$(seen 'map(select(.read.count > 0) | .cpu) | unique == [0]')" = true
	check "drives: and their times" test "$(seen 'all(.read.count == 0 or
		(.read.p50_ns > 1000 and .read.p50_ns <= .read.p99_ns))')" = true
	check "drives: no more interrupts than commands" test "$(seen 'map(select(.read.count > 0)) |
		(map(.interrupts) | add) as $n | $n > 0 and
		$n <= (map(.read.count + .write.count + .other.count) | add)')" = true
fi
tap_done
