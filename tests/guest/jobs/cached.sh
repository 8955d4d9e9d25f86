# SPDX-License-Identifier: GPL-2.0-only
# cached: what was read stays what it was in memory that nobody but the disk wrote: one of two parts of
# the disk in turn is read into the page cache, and its sum taken from there a while later. Behind them
# fio writes and verifies.
#
# Settings: part=8m; seconds=20: passes go on until so many are over; those of lib.sh.
: "${part:=8m}" "${seconds:=20}"
part_mib=$(($(bytes "$part") >> 20))

uptime() {
	cut -d. -f1 /proc/uptime
}

# of NUMBER: a part's bytes
of() {
	dd if="$dev" bs=1M skip=$(($1 * part_mib)) count=$part_mib 2>/dev/null
}

# right NUMBER: it has the sum that it was written with
right() {
	of "$1" | md5sum | cmp -s - "$scratch/sum.$1"
}

exec 8<"$dev" # while nobody has it open nothing of it is cached
step fill dd if=/dev/urandom of="$dev" bs=1M count=$((2 * part_mib)) conv=fsync
for number in 0 1; do
	of $number | md5sum >"$scratch/sum.$number"
done
passes=0
end=$(($(uptime) + seconds))
while [ "$failed" -eq 0 ] && { [ "$(uptime)" -lt "$end" ] || [ $passes -lt 2 ]; }; do
	number=$((passes % 2))
	fio_verify write 16 --filename="$dev" --offset=$((2 * part_mib))m \
		--offset_increment="$(bytes "$size")" || break # which empties the cache
	of $number >/dev/null
	sleep 1
	right $number || fail cached "pass $passes: part $number is not what it was"
	passes=$((passes + 1))
	say "row cached passes=$passes"
done
[ "$failed" -ne 0 ] || say "ok cached"
