#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The daemon is killed up to 20 times in the middle of a guest's verified writes and started again:
# QEMU connects again, requests in flight are done again, every byte verifies.
# seconds: 180
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
PATH=$PWD/.cache/sysroot/usr/bin:$PATH # where packaging/deps.sh put a newer QEMU
kills=20

serve() {
	daemon_start --image "$dir/image" --size 64M --queues 2
}

# resubmitted: of the daemon that runs, by its counters; 0 before the guest is back.
resubmitted() {
	kill -USR1 "$daemon_pid"
	for _ in $(seq 100); do # until its queues are set up
		sleep 0.1
		grep -qE 'resubmitted|no requests' "$daemon_log" && break
	done
	counter resubmitted
}

serve
image=$(tests/guest/build)
qemu=(qemu-system-x86_64 -M q35,memory-backend=mem -accel tcg,thread=multi -cpu max -smp 2 -m 512M
	-object memory-backend-memfd,id=mem,size=512M,share=on -nodefaults -no-user-config
	-display none -no-reboot -serial stdio -kernel "$image/vmlinuz" -initrd "$image/initramfs"
	-append "console=ttyS0 quiet reboot=t panic=-1 nvring.job=rawverify nvring.size=4m
		nvring.depths=32 nvring.seconds=45"
	-chardev "socket,id=disk,path=$socket,reconnect=1"
	-device vhost-user-blk-pci,chardev=disk,num-queues=2)
timeout -k 2 160 "${qemu[@]}" </dev/null >"$dir/console" 2>&1 &
guest=$!
for _ in $(seq 600); do
	grep -q 'ok write' "$dir/console" && break
	sleep 0.1
done
grep -q 'ok write' "$dir/console"
ok $? "the guest verifies writes"

again=0 back=0 made=0
for _ in $(seq $kills); do
	sleep 0.$((RANDOM % 9 + 1))
	daemon_gone
	serve
	for _ in $(seq 40); do
		grep -q 'front-end connected' "$daemon_log" && back=$((back + 1)) && break
		sleep 0.1
	done
	kill -0 $guest 2>/dev/null || break # its time is over
	made=$((made + 1))
	again=$((again + $(resubmitted)))
done
wait $guest
ok $((back < made || made < kills / 2)) "the front-end came back after $back of $made kills"
ok $((again == 0)) "$again requests in flight were done again"
guest_points "$dir/console"
daemon_end
ok $? "the last daemon ends well"
tap_done
