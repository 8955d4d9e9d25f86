# SPDX-License-Identifier: GPL-2.0-only
# devices: each kind of disk, served by the worker to our own front-end; TAP.
#
# A model file goes through the same changes as the disk. The device is compared with it, read past
# the daemon: what was to change did, and nothing else.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/null_blk.sh
. tests/lib/nvme.sh
model=$dir/model
base=0 # sector of the model where the served disk starts
tracing=/sys/kernel/tracing

request() {
	timeout 60 build/tests/front/request --socket "$socket" "$@" 2>"$dir/answer"
}

# answers STATUS REQUEST...: it is answered with OK, IOERR or UNSUPP
answers() {
	request "${@:2}" >/dev/null
	grep -q ": $1\$" "$dir/answer" || ! cat "$dir/answer"
}

# write_fails SECTOR BYTES: a write is answered with IOERR
write_fails() {
	head -c "$2" /dev/urandom | answers IOERR write "$1"
}

# put SECTOR BYTES [OPTION...]: random bytes, to the disk through the daemon and to the model
put() {
	head -c "$2" /dev/urandom >"$dir/data"
	request "${@:3}" write "$1" <"$dir/data" || ! cat "$dir/answer" || return
	dd if="$dir/data" of="$model" bs=1M oflag=seek_bytes seek=$(((base + $1) * 512)) \
		conv=notrunc status=none
}

# wipe OPERATION SECTOR SECTORS: discard, zero or unmap; zeroes in the model
wipe() {
	request "$@" && dd if=/dev/zero of="$model" bs=512 seek=$((base + $2)) count="$3" \
		conv=notrunc status=none
}

# got SECTOR BYTES [OPTION...]: read through the daemon, they are what the model has
got() {
	local bytes

	bytes=$(numfmt --from=iec "$2")
	request "${@:3}" read "$1" "$bytes" >"$dir/data" || ! cat "$dir/answer" || return
	[ "$(stat -c %s "$dir/data")" = "$bytes" ] &&
		cmp -n "$bytes" -i "0:$(((base + $1) * 512))" "$dir/data" "$model"
}

# like_model DISK: its first 64 MiB, read past the daemon and past the page cache
like_model() {
	dd if="$1" bs=1M count=64 iflag=direct status=none | cmp - "$model"
}

# make_model DISK: the model starts as its first 64 MiB are; no request goes behind them
make_model() {
	dd if="$1" of="$model" bs=1M count=64 iflag=direct status=none
}

# offers FEATURE: the guest sees it
offers() {
	request config | grep -qx "offers $1"
}

config_says() {
	request config | grep -qx "$1"
}

# refuses REASON OPTION...: a daemon with these options leaves with 1 and says why
refuses() {
	timeout 20 build/nvring serve --socket "$dir/second" "${@:2}" 2>"$dir/refused"
	[ $? = 1 ] && grep -q "error: .*$1" "$dir/refused" || ! cat "$dir/refused"
}

# accepts OPTION...: a second daemon serves beside the first
accepts() {
	local second

	build/nvring serve --socket "$dir/second" "$@" 2>"$dir/accepted" &
	second=$!
	for _ in $(seq 100); do
		grep -q 'waiting at' "$dir/accepted" && break
		kill -0 $second 2>/dev/null || break
		sleep 0.05
	done
	kill $second && wait $second
	grep -q 'waiting at' "$dir/accepted" || ! cat "$dir/accepted"
}

# recovers OPTION...: killed with requests in flight, the daemon serves again when started at once
recovers() {
	local load

	daemon_start "$@"
	build/tests/front/loadgen --socket "$socket" --depth 32 --seconds 30 >/dev/null 2>&1 &
	load=$!
	for _ in $(seq 100); do
		! grep -q 'front-end connected' "$daemon_log" || break
		sleep 0.05
	done
	sleep 0.5
	daemon_gone
	daemon_start "$@"
	{ kill $load && wait $load; } 2>/dev/null
	answers OK read 0 4096
}

ends() {
	daemon_end
	ok $? "$1: the daemon ends well"
	check "$1: its books balance" test "$(counter requests)" = "$(counter completed)"
}

trace_start() {
	echo 1 >$tracing/events/nvme/nvme_setup_cmd/enable
	: >$tracing/trace
}

trace_end() {
	echo 0 >$tracing/events/nvme/nvme_setup_cmd/enable
	cp $tracing/trace "$dir/trace"
}

# traced COMMAND BLOCKS MOST: the drive was sent commands of at most so many blocks, these in all
traced() {
	awk -v name="nvme_cmd_$1" -v blocks="$2" -v most="$3" '
		index($0, "(" name " ") {
			match($0, /len=[0-9]+/)
			len = substr($0, RSTART + 4, RLENGTH - 4) + 1
			sum += len
			large += len > most
			print
		}
		END { exit sum != blocks || large }' "$dir/trace"
}

small=/dev/nvme$(namespace 512) large=/dev/nvme$(namespace 4096)

# A partition, by a name of its own: between random bytes, of which none may change.
head -c 48M /dev/urandom | dd of="$small" bs=1M iflag=fullblock oflag=direct status=none
printf '%s\n' 'label: dos' start=4096,size=65536 start=69632,size=2048 | sfdisk -q "$small" >&2
for _ in $(seq 100); do
	[ ! -b "${small}p2" ] || break
	sleep 0.05
done
make_model "$small"
base=4096
ln -s "${small}p1" "$dir/disk"
daemon_start --device "$dir/disk"
check "partition: served by passthrough" grep -q 'NVMe passthrough on /dev/ng' "$daemon_log"
check "partition: the guest sees its size" config_says 'sectors 65536'
check "partition: its first blocks are written" put 0 65536
check "partition: its last block is written" put 65535 512
check "partition: odd places are written" put 1001 41472
check "partition: and read" got 0 1M
check "partition: a write across its end fails" write_fails 65535 1024
check "partition: a write behind its end fails" write_fails 65536 4096
check "partition: so does a discard across its end" answers IOERR discard 65528 16
check "partition: blocks are zeroed" wipe zero 65000 536
check "partition: a second daemon is refused" \
	refuses 'mounted or in use' --device "${small}p1"
check "partition: so is one on the namespace" refuses 'mounted or in use' --device "$small"
check "partition: and one on a range that overlaps it" \
	refuses 'another process serves these bytes' --device "$small" --range 69631+2
check "partition: the next partition is free" accepts --device "${small}p2"
ends partition
check "partition: the namespace changed there and nowhere else" like_model "$small"

daemon_start --device "${small}p1" --read-only
check "read-only: the guest is told" offers read-only
check "read-only: blocks are read" got 0 1M
check "read-only: a write fails" write_fails 8 4096
check "read-only: a discard fails" answers IOERR discard 8 8
check "read-only: zeroing fails" answers IOERR zero 8 8
check "read-only: a flush does not" answers OK flush
check "read-only: a second one may read, too" accepts --device "${small}p1" --read-only
check "read-only: none may write" \
	refuses 'another process serves these bytes' --device "${small}p1"
ends read-only
check "read-only: nothing changed" like_model "$small"

# A whole namespace, by its block device. MDTS is 7: 128 pages, 1024 blocks.
base=0
daemon_start --device "$small"
trace_start
check "large: 4 MiB are written at once" put 1 4M
trace_end
check "large: in commands of at most MDTS" traced write 8192 1024
trace_start
check "large: and read" got 1 4M
trace_end
check "large: in commands of at most MDTS" traced read 8192 1024
check "large: 4 MiB in odd segments are written" put 10001 4M --segment 20480 --skew 512
check "large: and read, cut otherwise" got 10001 4M --segment 17408 --skew 1536
check "large: 8 MiB are read" got 3 8M
trace_start
check "cache: the guest sees that there is one" offers flush
check "cache: flush" answers OK flush
trace_end
check "cache: the drive was told to" grep -q nvme_cmd_flush "$dir/trace"
trace_start
check "cache: a write" put 20000 4096
trace_end
check "cache: is no FUA" grep -q 'nvme_cmd_write slba=20000, len=7, ctrl=0x0' "$dir/trace"
trace_start
check "cache: a write when the guest turned it off" put 20008 4096 --write-through
trace_end
check "cache: is a FUA" grep -q 'nvme_cmd_write slba=20008, len=7, ctrl=0x4000' "$dir/trace"
trace_start
check "discard: of 8 MiB" wipe discard 16384 16384
trace_end
check "discard: is a command of its own" grep -q 'nvme_cmd_dsm nr=0, attributes=4' "$dir/trace"
check "discard: the drive reads as zeroes there" got 16000 1M
trace_start
check "zeroes: 40 MiB, more than one command takes" wipe zero 17000 81920
trace_end
check "zeroes: in commands of at most 65536 blocks" traced write_zeroes 81920 65536
check "zeroes: with leave to unmap" wipe unmap 8 56
check "zeroes: are read" got 0 1M
ends namespace
check "the namespace is as the model" like_model "$small"

daemon_start --device "$small" --pin-memory
build/tests/front/loadgen --socket "$socket" --depth 16 --seconds 3 --sleep >/dev/null &
load=$!
pinned() {
	awk -v least="$1" -v most="$2" '/VmPin/ { print; exit !($2 >= least && $2 <= most) }' \
		"/proc/$daemon_pid/status"
}
sleep 1.5
check "pinned: guest memory is, while there is a guest" pinned 2048 1048576
wait $load
ok $? "pinned: random reads succeed"
sleep 0.2
check "pinned: it is given back" pinned 0 0
check "pinned: 4 MiB are written" put 5 4M
check "pinned: odd segments are written" put 30001 1M --segment 4608 --skew 512
check "pinned: and read" got 0 8M
ends pinned
check "pinned: the namespace is as the model" like_model "$small"
recovers --device "$small"
ok $? "a killed daemon's successor serves the namespace at once"
ends namespace

# Another block device. Its file, which the kernel writes through, is the second view.
truncate -s 64M "$dir/disk.img"
losetup --direct-io=off /dev/loop0 "$dir/disk.img"
make_model /dev/loop0
daemon_start --device /dev/loop0
check "block: served as a block device" grep -q 'block device loop0, O_DIRECT' "$daemon_log"
check "block: the guest sees its size" config_says 'sectors 131072'
check "block: 8 MiB are written" put 7 8M
check "block: odd segments are written" put 50001 1M --segment 4608 --skew 512
check "block: buffers O_DIRECT refuses are written" put 60001 65536 --skew 3
check "block: and read" got 60000 1M --skew 5
check "block: all is read" got 0 8M
check "block: flush" answers OK flush
check "block: a write when the guest turned the cache off" put 70000 4096 --write-through
check "block: discard" wipe discard 4096 4096
check "block: zeroes" wipe zero 1 1023
check "block: zeroes with leave to unmap" wipe unmap 50048 1024
check "block: are read" got 0 8M
check "block: a second daemon is refused" refuses 'in use' --device /dev/loop0
ends block
check "block: the device is as the model" like_model /dev/loop0
check "block: and so is its file" cmp "$model" "$dir/disk.img"
daemon_start --device /dev/loop0 --control "$dir/control"
truncate -s 72M "$dir/disk.img" "$model"
losetup --set-capacity /dev/loop0
check "block, grown: it is served" test "$(build/nvring resize --control "$dir/control")" = "75497472 bytes"
check "block, grown: the guest sees its size" config_says 'sectors 147456'
check "block, grown: what is new is written" put 131072 1M
check "block, grown: and read" got 130048 2M
ends "block, grown"
truncate -s 64M "$dir/disk.img" "$model"
losetup --set-capacity /dev/loop0
daemon_start --device /dev/loop0 --read-only
check "block, read-only: a write fails" write_fails 8 4096
check "block, read-only: zeroing fails" answers IOERR zero 8 8
check "block, read-only: blocks are read" got 0 1M
ends "block, read-only"
base=1000
daemon_start --device /dev/loop0 --range 1000+500 --cache buffered
check "block, range, buffered: written" put 0 256000
check "block, range, buffered: behind the end it fails" write_fails 500 512
check "block, range, buffered: read" got 0 256000
ends "block, range, buffered"
check "block, range, buffered: the device is as the model" like_model /dev/loop0
base=0

# A namespace that grows, as on an array: the kernel's own NVMe target has it.
mount -t configfs config /sys/kernel/config
target=/sys/kernel/config/nvmet
mkdir $target/subsystems/grows
echo 1 >$target/subsystems/grows/attr_allow_any_host
mkdir $target/subsystems/grows/namespaces/1 $target/ports/1
truncate -s 64M "$dir/disk.img"
echo "$dir/disk.img" >$target/subsystems/grows/namespaces/1/device_path
echo 1 >$target/subsystems/grows/namespaces/1/enable
echo loop >$target/ports/1/addr_trtype
ln -s $target/subsystems/grows $target/ports/1/subsystems/grows
host=$(cat /proc/sys/kernel/random/uuid)
nvme connect --transport loop --nqn grows --hostid "$host" \
	--hostnqn "nqn.2014-08.org.nvmexpress:uuid:$host" >&2
for _ in $(seq 100); do
	[ ! -c /dev/ng1n1 ] || break
	sleep 0.1
done
daemon_start --device /dev/ng1n1 --control "$dir/control"
check "namespace, grown: served by passthrough" grep -q 'NVMe passthrough on /dev/ng1n1' "$daemon_log"
make_model /dev/nvme1n1
truncate -s 72M "$dir/disk.img" "$model"
check "namespace, grown: it is served" test "$(build/nvring resize --control "$dir/control")" = "75497472 bytes"
check "namespace, grown: the guest sees its size" config_says 'sectors 147456'
check "namespace, grown: what is new is written" put 131072 1M
check "namespace, grown: and read" got 130048 2M
truncate -s 70M "$dir/disk.img"
build/nvring resize --control "$dir/control" 2>"$dir/refused"
check "namespace, grown: none shrinks" grep -q 'disks grow only' "$dir/refused"
ends "namespace, grown"

# A device whose I/O takes longer than a killed daemon's end.
null_blk slow size=64 irqmode=2 completion_nsec=2000000000
recovers --device /dev/slow
ok $? "a killed daemon's successor serves a slow block device"
check "when the I/O of the first has ended" grep -q 'another process serves it; waiting' "$daemon_log"
ends "slow block device"

# An image that the daemon makes, on a drive with blocks of 4096 bytes.
mke2fs -q -F -t ext4 "$large"
mkdir "$dir/mnt" && mount "$large" "$dir/mnt"
image=$dir/mnt/image
check "image: a missing one is refused, and the way out told" \
	refuses '--size SIZE creates it' --image "$image"
daemon_start --image "$image" --size 64M
check "image: has the size asked for" test "$(stat -c %s "$image")" = 67108864
check "image: is its owner's alone" test "$(stat -c %a "$image")" = 600
check "image: is served with O_DIRECT" grep -q 'file, O_DIRECT' "$daemon_log"
check "image: the guest sees the size" config_says 'sectors 131072'
check "image: and the blocks" config_says 'block 4096'
make_model "$image"
check "image: 8 MiB are written" put 8 8M
check "image: buffers O_DIRECT refuses are written" put 80000 1M --segment 5000 --skew 9
check "image: a part of a block fails" write_fails 1 512
check "image: the last block is written" put 131064 4096
check "image: flush" answers OK flush
before=$(stat -c %b "$image")
check "image: discard" wipe discard 4096 8192
check "image: gives the space back" test $((before - $(stat -c %b "$image"))) -ge 8192
check "image: zeroes" wipe zero 80008 64
check "image: all is read" got 0 8M
check "image: a second daemon is refused" \
	refuses 'another process serves these bytes' --image "$image"
ends image
check "image: holds what the model does" cmp "$model" "$image"
check "image: a larger size is refused" refuses 'has 67108864 bytes' --image "$image" --size 128M
recovers --image "$image" --size 32M # as when it has grown since
ok $? "a killed daemon's successor serves the image at once"
ends image
daemon_start --image "$image" --read-only
check "image, read-only: a write fails" write_fails 8 4096
check "image, read-only: a discard fails" answers IOERR discard 8 8
check "image, read-only: blocks are read" got 0 8M
ends "image, read-only"
check "image, read-only: nothing changed" cmp "$model" "$image"
check "the drive's mounted namespace is refused" refuses 'mounted or in use' --device "$large"
umount "$dir/mnt"
tap_done
