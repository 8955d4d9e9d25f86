# SPDX-License-Identifier: GPL-2.0-only
# verify: a file system is made, filled with verification by fio on all queues, remounted,
# verified again, trimmed, unmounted and found clean by fsck.
#
# Settings: fssize= (whole disk); those of lib.sh. The files stay, with a row of each one's
# SHA-256, so that whoever holds the disk can compare.
point=${point:-$scratch/mnt}

mkdir -p "$point"
step mkfs mke2fs -q -F -t ext4 "$dev" ${fssize:+"$fssize"} || finish
step mount mount -t ext4 "$dev" "$point" || finish
for depth in $(echo "$depths" | tr , ' '); do
	fio_verify write "$depth" --directory="$point" --filename_format="qd$depth.\$jobnum"
done
step unmount umount "$point" || finish
step remount mount -t ext4 "$dev" "$point" || finish
for depth in $(echo "$depths" | tr , ' '); do
	fio_verify reread "$depth" --directory="$point" --filename_format="qd$depth.\$jobnum" \
		--verify_only=1
done
step remove rm "$point/qd${depths%%,*}.0"
step fstrim fstrim "$point"
step discards test "$(awk '{ print $12 }' "/sys/class/block/$disk/stat")" -gt 0
for file in "$point"/qd*; do
	say "row file name=${file##*/} sha256=$(sha256sum "$file" | cut -d' ' -f1)"
done
step unmount umount "$point" || finish
step fsck e2fsck -fn "$dev"
queues_used queues
