# SPDX-License-Identifier: GPL-2.0-only
# rawverify: fio writes and verifies the raw disk from its start, on all queues.
#
# Settings: seconds=0: passes with new data go on until so many are over; touch=0: memory the guest
# uses and gives back before each pass; those of lib.sh.
: "${seconds:=0}" "${touch:=0}"
area=$(bytes "$size")

uptime() {
	cut -d. -f1 /proc/uptime
}

end=$(($(uptime) + seconds))
while :; do
	head -c "$(bytes "$touch")" /dev/zero >"$scratch/touch"
	rm "$scratch/touch"
	for depth in $(echo "$depths" | tr , ' '); do
		fio_verify write "$depth" --filename="$dev" --offset_increment="$area"
	done
	[ "$failed" -eq 0 ] && [ "$(uptime)" -lt "$end" ] || break
	seed=$((seed + 1))
done
queues_used queues
