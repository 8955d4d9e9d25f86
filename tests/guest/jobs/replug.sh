# SPDX-License-Identifier: GPL-2.0-only
# replug: whoever holds the guest unplugs the disk while it is read, and plugs it in again.
#
# Settings: patience=60: seconds for each.
: "${patience:=60}"

while dd if="$dev" of=/dev/null bs=64k iflag=direct; do
	:
done >"$scratch/read.out" 2>&1 &
say "row replug reads"
step "unplugged while it is read" plugged out "$patience" || finish
wait
say "row replug unplugged"
step "plugged in again" plugged in "$patience" || finish
