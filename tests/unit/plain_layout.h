/* SPDX-License-Identifier: GPL-2.0-only */
/* Plain requests as a Linux driver lays them out, to be spoilt. */
#ifndef NVRING_UNIT_PLAIN_LAYOUT_H
#define NVRING_UNIT_PLAIN_LAYOUT_H

#include "plain.h"
#include "request_cases.h"

struct layout {
	struct disk disk;
	struct virtio_blk_outhdr header;
	uint8_t status;
	struct vring_desc first;
	struct vring_desc table[4];
};

static inline struct layout layout_plain(bool write, uint64_t sector, uint64_t data, uint32_t len)
{
	struct layout layout = { .disk = case_disks[CASE_DISK_512] };

	layout.header.type = cpu_to_le32(write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN);
	layout.header.sector = cpu_to_le64(sector);
	guest_desc(&layout.table[0], GUEST_HEADER, 16, VRING_DESC_F_NEXT, 1);
	guest_desc(&layout.table[1], data, len,
		   VRING_DESC_F_NEXT | (write ? 0 : VRING_DESC_F_WRITE), 2);
	guest_desc(&layout.table[2], GUEST_HEADER + 16, 1, VRING_DESC_F_WRITE, 0);
	guest_desc(&layout.table[3], GUEST_HEADER + 16, 1, VRING_DESC_F_WRITE, 0);
	guest_desc(&layout.first, GUEST_TABLE, 3 * sizeof(layout.table[0]), VRING_DESC_F_INDIRECT,
		   0);
	return layout;
}

static inline void layout_place(struct guest *guest, const struct layout *layout)
{
	char *header = guest_hva(guest, GUEST_HEADER);

	memcpy(header, &layout->header, sizeof(layout->header));
	header[16] = (char)layout->status;
	memcpy(guest_hva(guest, GUEST_TABLE), layout->table, sizeof(layout->table));
	guest->desc[0] = layout->first;
	guest->queue.flags = QUEUE_INDIRECT;
}

/* layout_spoil() - write a number of any size somewhere into the layout */
static inline void layout_spoil(struct layout *layout, uint64_t *random)
{
	static const uint64_t values[] = { 0, 1, 2, 16, 17, 48, 512, GUEST_END, GUEST_BORDER };
	uint64_t value =
		unit_below(random, 4) ? values[unit_below(random, 9)] : unit_random(random);
	size_t bytes = 1ULL << unit_below(random, 4);
	size_t from = offsetof(struct layout, header), to = sizeof(*layout) - bytes;

	memcpy((char *)layout + from + unit_below(random, to - from), &value, bytes);
}

/* layout_random() - a plain request, or one that was spoilt */
static inline struct layout layout_random(uint64_t *random)
{
	struct layout layout = layout_plain(unit_below(random, 2), unit_below(random, CASE_SECTORS),
					    GUEST_DATA + unit_below(random, 1 << 20),
					    512 * (1 + (uint32_t)unit_below(random, 16)));

	layout.disk = case_disks[unit_below(random, CASE_DISK_COUNT)];
	if (unit_below(random, 2))
		layout_spoil(&layout, random);
	return layout;
}

#endif
