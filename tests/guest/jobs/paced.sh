# SPDX-License-Identifier: GPL-2.0-only
# paced: write and read blocks at a steady pace on all queues, and compare them (tests/guest/paced.c),
# until a line is typed at the console.
#
# Settings: pace=50: requests a second in each queue.
: "${pace:=50}"

rm -f "$scratch/paced"
paced "$dev" "$(queues)" "$pace" >"$scratch/paced" 2>&1 &
while kill -0 $! && ! grep -q '^begins' "$scratch/paced"; do
	sleep 0.1
done 2>/dev/null
say "row paced begins"
read -r line
kill -TERM $! 2>/dev/null
wait $!
paced_status=$?
say "row paced $(tail -n 1 "$scratch/paced")"
if [ "$paced_status" -eq 0 ]; then
	say "ok paced"
else
	head -n 20 "$scratch/paced"
	fail paced "it left with $paced_status"
fi
