/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plain request: a read or write of one segment, as a Linux driver lays it out: an indirect
 * table of header, data and status. Nearly every request is one, so BPF takes it in one step.
 *
 * What is not plain, or not right, is left alone, and request.h and command.h look at it again
 * from its first descriptor. They alone say what is wrong with a request.
 */
#ifndef NVRING_PLAIN_H
#define NVRING_PLAIN_H

#include "command.h"
#include "guest_peek.h"

/* Its descriptors: header, data, status. */
#define PLAIN_DESCS 3

/* What a driver that keeps the status next to the header has there; the status may be behind it. */
struct plain_header {
	struct virtio_blk_outhdr header;
	__u8 status;
};

/* Both go in pairs of words where guest memory is read in place. */
union plain_start {
	struct plain_header plain;
	guest_word word[4];
};

struct plain_table {
	struct vring_desc desc[PLAIN_DESCS];
};

struct plain {
	__u32 type;	/* VIRTIO_BLK_T_IN or VIRTIO_BLK_T_OUT */
	__u32 used_len; /* bytes it may write to the guest */
	struct command command;
	struct plain_table table; /* scratch: its descriptors */
	union plain_start start;  /* likewise: header and status */
};

#define PLAIN_HEADER_BYTES (__builtin_offsetof(struct plain_header, status) + 1)

/*
 * plain_copy() - copy the table out of guest memory; 0 or -EFAULT
 *
 * A hardened kernel looks up what lies where guest memory is copied to, and is done soonest when
 * that is the task's stack. Since Linux 6.13 BPF has frames of less than 64 bytes there, and no
 * others: so this is a function, and plain_parse() keeps little on its stack.
 */
NVR_GLOBAL int plain_copy(__u64 hva, struct plain_table *ret_table NVR_NONNULL)
{
	struct plain_table table;

	if (guest_read(&table, hva, sizeof(table)))
		return -EFAULT;
	*ret_table = table;
	return 0;
}

/* plain_copy_start() - the same of header and status */
NVR_GLOBAL int plain_copy_start(__u64 hva, union plain_start *ret_start NVR_NONNULL)
{
	struct plain_header header;

	if (guest_read(&header, hva, PLAIN_HEADER_BYTES))
		return -EFAULT;
	ret_start->plain = header;
	return 0;
}

/* plain_read() - the table as it is in guest memory; 0 or -EFAULT */
NVR_INLINE int plain_read(__u64 hva, struct plain_table *ret_table)
{
	return guest_peek(hva, (guest_word *)ret_table, PLAIN_DESCS) ? 0
								     : plain_copy(hva, ret_table);
}

/* plain_start() - header and status as they are in guest memory; 0 or -EFAULT. Zeros may be pages
 * that were not there (guest_peek_bpf.h): then it is copied. */
NVR_INLINE int plain_start(__u64 hva, union plain_start *ret_start)
{
	if (guest_peek(hva, ret_start->word, 2) && (ret_start->word[0] || ret_start->word[1]))
		return 0;
	return plain_copy_start(hva, ret_start);
}

/* plain_table() - the indirect table, if it is of three descriptors in a row; 1 or 0 */
NVR_INLINE int plain_table(const struct guest_memory *memory, const struct vring_desc *indirect,
			   struct plain_table *ret_table)
{
	struct vring_desc *desc = ret_table->desc;
	__u64 len = 0, hva;

	if (indirect->flags != VRING_DESC_F_INDIRECT || indirect->len != sizeof(*ret_table))
		return 0;
	hva = guest_memory_find(memory, indirect->addr, &len);
	if (!hva || len < sizeof(*ret_table) || plain_read(hva, ret_table))
		return 0;
	for (__u32 i = 0; i < PLAIN_DESCS; i++) {
		desc[i].addr = le64_to_cpu(desc[i].addr);
		desc[i].len = le32_to_cpu(desc[i].len);
		desc[i].flags = le16_to_cpu(desc[i].flags);
		desc[i].next = le16_to_cpu(desc[i].next);
	}
	return desc[0].next == 1 && desc[1].next == 2;
}

/* plain_shape() - header, data one way or the other, status behind the header; 1 or 0 */
NVR_INLINE int plain_shape(const struct vring_desc desc[PLAIN_DESCS])
{
	return desc[0].flags == VRING_DESC_F_NEXT &&
	       (desc[1].flags & ~VRING_DESC_F_WRITE) == VRING_DESC_F_NEXT &&
	       desc[2].flags == VRING_DESC_F_WRITE &&
	       desc[0].len == sizeof(struct virtio_blk_outhdr) && desc[2].len == 1 &&
	       desc[2].addr == desc[0].addr + sizeof(struct virtio_blk_outhdr);
}

/* plain_fits() - the data is on the disk, and one command for the device; 1 or 0 */
NVR_INLINE int plain_fits(const struct disk *disk, __u64 sector, __u64 addr, __u32 bytes)
{
	return bytes && disk_holds(disk, sector, bytes) && bytes <= disk->max_transfer &&
	       bytes / DISK_FRAGMENT + 2 <= disk->max_segments &&
	       !((addr | bytes) & (disk->memory_align - 1));
}

/**
 * plain_parse() - read a request and build its command, if it is a plain one
 * @memory: guest memory table
 * @disk: limits
 * @indirect: its first descriptor; indirect ones are negotiated
 * @ret_plain: filled
 *
 * Return: 1 when it is, and its status byte says OK already; 0 when it is not, and nothing is known
 * of it.
 */
NVR_GLOBAL int plain_parse(const struct guest_memory *memory NVR_NONNULL,
			   const struct disk *disk NVR_NONNULL,
			   const struct vring_desc *indirect NVR_NONNULL,
			   struct plain *ret_plain NVR_NONNULL)
{
	struct command *command = &ret_plain->command;
	const struct plain_header *start = &ret_plain->start.plain;
	const struct vring_desc *desc = ret_plain->table.desc;
	__u64 len = 0, hva, sector;
	int write;

	if (!plain_table(memory, indirect, &ret_plain->table) || !plain_shape(desc))
		return 0;
	hva = guest_memory_find(memory, desc[0].addr, &len);
	if (!hva || len < PLAIN_HEADER_BYTES || plain_start(hva, &ret_plain->start) ||
	    start->status != VIRTIO_BLK_S_OK)
		return 0;
	ret_plain->type = le32_to_cpu(start->header.type);
	write = ret_plain->type == VIRTIO_BLK_T_OUT;
	if ((!write && ret_plain->type != VIRTIO_BLK_T_IN) ||
	    write == !!(desc[1].flags & VRING_DESC_F_WRITE) ||
	    (write && disk->flags & DISK_READ_ONLY))
		return 0;
	sector = le64_to_cpu(start->header.sector);
	hva = guest_memory_find(memory, desc[1].addr, &len);
	if (!hva || len < desc[1].len || !plain_fits(disk, sector, hva, desc[1].len))
		return 0;
	ret_plain->used_len = write ? 1 : desc[1].len + 1;
	command->op = write ? COMMAND_WRITE : COMMAND_READ;
	command->flags = write && disk->flags & DISK_WRITE_THROUGH ? COMMAND_DURABLE : 0;
	command->count = 1;
	command->mode = 0;
	command->offset = disk->offset + (sector << NVR_SECTOR_SHIFT);
	command->bytes = desc[1].len;
	command->addr = hva;
	return 1;
}

#endif
