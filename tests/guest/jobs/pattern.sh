# SPDX-License-Identifier: GPL-2.0-only
# pattern: write blocks that name their own LBA, so that whoever holds the disk can find them.
#
# Settings: lbas=N,N...: logical blocks; negative ones count from the disk's end, -1 is the last.
: "${lbas:=-1}"
lba_size=$(cat "/sys/class/block/$disk/queue/logical_block_size")
lba_count=$(($(cat "/sys/class/block/$disk/size") * 512 / lba_size))

# pattern_block LBA: one logical block of text.
pattern_block() {
	yes "nvring LBA $1" | head -c "$lba_size"
}

for lba in $(echo "$lbas" | tr , ' '); do
	[ "$lba" -ge 0 ] || lba=$((lba_count + lba))
	pattern_block "$lba" >"$scratch/block"
	step "pattern $lba" dd if="$scratch/block" of="$dev" bs="$lba_size" seek="$lba" count=1 \
		oflag=direct conv=notrunc
	say "row pattern lba=$lba size=$lba_size sha256=$(sha256sum <"$scratch/block" | cut -d' ' -f1)"
done
step flush sync "$dev"
