#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest whose balloon grows and shrinks while it verifies, with free page reporting on: its memory
# is taken away under the daemon and comes back as other pages, and every byte verifies.
# seconds: 180
set -uo pipefail
cd "$(dirname "$0")/../../.."
. tests/lib/tap.sh
. tests/lib/daemon.sh
small=288 large=384 # MiB

# balloon MIB: ask the guest for that size
balloon() {
	echo "{ 'execute': 'balloon', 'arguments': { 'value': $(($1 << 20)) } }" >&7
}

# held: MiB of the guest's memory that are there now
held() {
	echo $(($(stat -L -c %b "/proc/$1/fd/$2") * 512 >> 20))
}

# memory_fd PID: QEMU's descriptor of the guest's memory
memory_fd() {
	find "/proc/$1/fd" -lname '/memfd:memory-backend*' -printf '%f\n' 2>/dev/null | head -n 1
}

daemon_start --image "$dir/image" --size 64M --queues 2
mkfifo "$dir/qmp.in" "$dir/qmp.out"
tests/guest/run --socket "$socket" --memory ${large}M --seconds 150 --log "$dir/console" \
	rawverify size=1m seconds=30 touch=64m -- -pidfile "$dir/pid" \
	-chardev "pipe,id=qmp,path=$dir/qmp" -mon chardev=qmp,mode=control \
	-device virtio-balloon-pci,free-page-reporting=on >/dev/null &
guest=$!
exec 7>"$dir/qmp.in"
cat "$dir/qmp.out" >"$dir/qmp" &
echo "{ 'execute': 'qmp_capabilities' }" >&7
for _ in $(seq 600); do
	grep -q 'ok write' "$dir/console" && break
	sleep 0.1
done
grep -q 'ok write' "$dir/console"
ok $? "the guest verifies writes"

pid=$(cat "$dir/pid") fd=$(memory_fd "$(cat "$dir/pid")")
least=$large most=0
while ! grep -q '^nvring-guest: done' "$dir/console" && kill -0 $guest 2>/dev/null; do
	for size in $small $large; do
		balloon $size
		sleep 2
		now=$(held "$pid" "$fd" 2>/dev/null) || break
		least=$((now < least ? now : least)) most=$((now > most ? now : most))
	done
done 2>/dev/null
exec 7>&-
wait $guest

# jq reads a stream of QMP's answers and events.
sizes=$(jq -r 'select(.event == "BALLOON_CHANGE").data.actual / 1048576 | floor' "$dir/qmp")
shrunk=$(awk -v at=$((small + 20)) '$1 <= at && last > at { n++ } { last = $1 } END { print n + 0 }' \
	<<<"$large"$'\n'"$sizes")
ok $((shrunk < 3)) "the guest's memory shrank $shrunk times"
ok $((least > most - 32)) "the host got pages back: from $most MiB down to $least MiB"
guest_points "$dir/console"
daemon_end
ok $? "the daemon ends well"
check "its books balance" books_balance 4000
tap_done
