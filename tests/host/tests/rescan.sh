# SPDX-License-Identifier: GPL-2.0-only
# rescan ENGINE: the drive's queues are frozen again and again while a VM's requests go there, as by
# `nvme ns-rescan` or a namespace that is resized: the kernel cannot start them then, and they wait in
# threads that io_uring has for that. TAP.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/daemon.sh
. tests/lib/nvme.sh
engine=$1
control=$dir/control

# completed: of all queues
completed() { build/nvring status --control "$control" --json | jq '[.queues[].counters.completed] | add'; }

# threads: of io_uring's, by the thread that has them
threads() { cat /proc/"$daemon_pid"/task/*/comm | grep '^iou-wrk' | sort | uniq -c; }

daemon_start --control "$control" --queues 2 --device "/dev/ng$(namespace 512)" --range 0+65536
build/tests/front/loadgen --socket "$socket" --sleep --event-idx --depth 16 --queues 2 --seconds 120 \
	>"$dir/load" 2>&1 &
load=$!
until [ "$(completed)" -gt 1000 ]; do
	sleep 0.2
done
end=$((SECONDS + 10)) rescans=0 most=0
while [ $SECONDS -lt $end ]; do
	for _ in $(seq 100); do
		echo 1 >/sys/class/nvme/nvme0/rescan_controller
	done
	rescans=$((rescans + 100))
	now=$(threads | awk '$1 > n { n = $1 } END { print n + 0 }')
	most=$((now > most ? now : most))
done
ok $((rescans < 200)) "the drive was looked at $rescans times"
if [ "$engine" = loop ]; then
	ok $((most != 1)) "a loop's thread has one of io_uring's: $most at most"
	for task in /proc/"$daemon_pid"/task/*; do
		[[ $(cat "$task/comm") = iou-wrk* ]] || continue
		for cpus in 1 2; do # it is on one of them
			timeout -s KILL 10 taskset -p $cpus "${task##*/}" >/dev/null
			ok $? "whose CPUs can be set: $(cat "$task/comm"), $cpus"
		done
	done
fi
before=$(completed)
sleep 2
after=$(completed)
ok $((after - before < 100)) "it goes on: $((after - before)) requests in 2 s"
kill -TERM $load
wait $load
check "no request failed" test "$(build/nvring status --control "$control" --json |
	jq '[.queues[].counters.errors] | add')" = 0
daemon_end
ok $? "the daemon ends well"
check "its books balance" books_balance 1000
tap_done
