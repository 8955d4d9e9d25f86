/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-blk requests: a chain becomes a checked request. Virtio 1.3 §5.2.6.
 *
 * A request is either answered at once (a status is known) or becomes one or more commands to
 * the back-end, one at a time (command.h).
 */
#ifndef NVRING_REQUEST_H
#define NVRING_REQUEST_H

#include <linux/virtio_blk.h>

#include "chain.h"
#include "disk.h"

#define REQUEST_STATUS_PENDING 0xff /* not a virtio-blk status */

struct request_range {
	__u64 sector;
	__u32 sectors;
	__u32 unmap; /* WRITE_ZEROES: the guest allows deallocation */
};

/* One range of an NVMe Dataset Management command, NVM command set 1.0 §3.2.3, figure 40. */
struct request_dsm_range {
	__le32 attributes;
	__le32 blocks;
	__le64 lba;
};

/* The command under way, built by command.h. */
struct command {
	__u8 op;      /* enum command_op */
	__u8 flags;   /* COMMAND_* */
	__u16 count;  /* segments, ranges */
	__u32 mode;   /* fallocate mode */
	__u64 offset; /* bytes from the device's start */
	__u64 bytes;
	__u64 addr; /* buffer, or segment array when count is above 1 */
};

struct request {
	__u16 head;
	__u16 first;  /* data segments still to do: index of the first */
	__u16 end;    /* and one behind the last */
	__u8 status;  /* VIRTIO_BLK_S_*, or REQUEST_STATUS_PENDING */
	__u8 retries; /* of the command under way */
	__u32 type;   /* VIRTIO_BLK_T_* */
	__u32 used_len;
	__u64 sector;
	__u64 data_len; /* bytes of payload */
	__u64 done;	/* of those, moved; DISCARD and WRITE_ZEROES: of the current range */
	__u64 status_addr;
	__u16 range_count;
	__u16 range_at;
	__u8 fallback;	/* how often a cheaper way was refused (command.h) */
	__u8 status_ok; /* the status byte was seen to be OK already (BPF, which cannot write it) */
	__u16 cut_at;
	struct command command;
	__u64 cut_len; /* what is left of segment cut_at when a command ends inside it, or 0 */
	__u64 self;    /* where the serving process has this request, for addresses within it */
	/* Large, and rarely used beyond its first entries: last, to keep the rest together. */
	struct chain chain;
	struct request_range range[DISK_RANGES_MAX];
	struct request_dsm_range dsm[DISK_RANGES_MAX];
};

/* What a request counts for where there are limits, as the block layer counts (limit.h). */
struct request_weight {
	__u32 write; /* 1 or 0 */
	__u32 bytes;
};

/* request_weight() - of a request that needs the back-end */
NVR_INLINE struct request_weight request_weight(const struct request *request)
{
	struct request_weight weight = { .write = request->type != VIRTIO_BLK_T_IN };
	__u64 bytes = 0;
	__u32 i;

	if (request->type == VIRTIO_BLK_T_IN || request->type == VIRTIO_BLK_T_OUT)
		bytes = request->data_len;
	else if (request->type == VIRTIO_BLK_T_DISCARD)
		bytes = NVR_SECTOR_SIZE;
	else
		nvr_for(i, 0, request->range_count) /* none of a flush */
			bytes += (__u64)request->range[i & (DISK_RANGES_MAX - 1)].sectors
				 << NVR_SECTOR_SHIFT;
	weight.bytes = bytes < 0xffffffff ? (__u32)bytes : 0xffffffff;
	return weight;
}

/* request_finish() - the status is known */
NVR_INLINE int request_finish(struct request *request, __u8 status)
{
	request->status = status;
	return 0;
}

#ifdef __bpf__

/* request_consume() - as below, but from the first segment alone, and never to the guest */
NVR_INLINE int request_consume(struct request *request, void *buffer, __u32 len, int to_guest)
{
	__u32 at = request->first;
	struct segment *segment;

	if (to_guest || at >= CHAIN_SEGMENTS || at >= request->end)
		return -EFAULT;
	segment = &request->chain.segment[at];
	if (segment->len < len || guest_read(buffer, segment->addr, len))
		return -EFAULT;
	segment->addr += len;
	segment->len -= len;
	if (!segment->len)
		request->first++;
	return 0;
}

/*
 * request_header() - read the header and, since a Linux driver keeps it next to that, the status
 *
 * Each read of guest memory costs more than the bytes it moves, so both come in one.
 */
NVR_INLINE int request_header(struct request *request, struct virtio_blk_outhdr *ret_header)
{
	struct segment *segment = &request->chain.segment[0];
	struct {
		struct virtio_blk_outhdr header;
		__u8 status;
	} both;
	const __u32 bytes = __builtin_offsetof(__typeof__(both), status) + 1;
	__u8 status = 0xff;

	if (request->end && request->status_addr == segment->addr + sizeof(both.header) &&
	    segment->len == sizeof(both.header)) {
		if (guest_read(&both, segment->addr, bytes))
			return -EFAULT;
		*ret_header = both.header;
		request->status_ok = both.status == VIRTIO_BLK_S_OK;
		request->first++;
		return 0;
	}
	request->status_ok =
		!guest_read(&status, request->status_addr, 1) && status == VIRTIO_BLK_S_OK;
	return request_consume(request, ret_header, sizeof(*ret_header), 0);
}

#else

/**
 * request_consume() - move bytes between the front of the data segments and a small buffer
 * @request: segments [first, end) are shortened by what was moved
 * @buffer: other side
 * @len: bytes; at most 256, so the loop is bounded: every segment has at least one
 * @to_guest: 1 to write guest memory, 0 to read it
 *
 * Return: 0, -ENODATA when the segments end before, -EFAULT where this engine cannot (BPF).
 */
NVR_INLINE int request_consume(struct request *request, void *buffer, __u32 len, int to_guest)
{
	__u32 done = 0;

	for (int piece = 0; piece < 256 && done < len && request->first < request->end; piece++) {
		__u32 at = request->first;
		struct segment *segment;
		__u32 now;

		if (at >= CHAIN_SEGMENTS)
			break;
		segment = &request->chain.segment[at];
		now = segment->len < len - done ? (__u32)segment->len : len - done;
		if (to_guest ? guest_write(segment->addr, (char *)buffer + done, now)
			     : guest_read((char *)buffer + done, segment->addr, now))
			break;
		segment->addr += now;
		segment->len -= now;
		done += now;
		if (!segment->len)
			request->first++;
	}
	return done == len ? 0 : -ENODATA;
}

NVR_INLINE int request_header(struct request *request, struct virtio_blk_outhdr *ret_header)
{
	return request_consume(request, ret_header, sizeof(*ret_header), 0);
}

#endif

/* request_window() - choose the readable or the writable segments as data */
NVR_INLINE void request_window(struct request *request, int writable)
{
	struct chain *chain = &request->chain;
	__u32 last = chain->count - 1U;

	if (!writable) {
		request->end = chain->readable;
		return;
	}
	request->first = chain->readable;
	request->end = chain->count;
	/* The last writable byte is the status. */
	if (last < CHAIN_SEGMENTS && !--chain->segment[last].len)
		request->end--;
}

/* request_ranges() - read and check the ranges of DISCARD and WRITE_ZEROES, §5.2.6.2 */
NVR_INLINE int request_ranges(const struct disk *disk, struct request *request)
{
	struct virtio_blk_discard_write_zeroes raw;
	int discard = request->type == VIRTIO_BLK_T_DISCARD;
	__u64 bytes = request->data_len;

	if (disk->flags & DISK_READ_ONLY || !bytes || bytes % sizeof(raw) ||
	    bytes / sizeof(raw) > DISK_RANGES_MAX)
		return request_finish(request, VIRTIO_BLK_S_IOERR);
	request->range_count = (__u16)(bytes / sizeof(raw));
	for (__u32 i = 0; i < DISK_RANGES_MAX && i < request->range_count; i++) {
		struct request_range *range = &request->range[i];
		int err = request_consume(request, &raw, sizeof(raw), 0);
		__u32 flags;

		if (err == -EFAULT)
			return err;
		if (err)
			return request_finish(request, VIRTIO_BLK_S_IOERR);
		flags = le32_to_cpu(raw.flags);
		range->sector = le64_to_cpu(raw.sector);
		range->sectors = le32_to_cpu(raw.num_sectors);
		range->unmap = flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
		if (flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP || (discard && flags))
			return request_finish(request, VIRTIO_BLK_S_UNSUPP);
		if (!disk_holds(disk, range->sector, (__u64)range->sectors << NVR_SECTOR_SHIFT))
			return request_finish(request, VIRTIO_BLK_S_IOERR);
	}
	return 0;
}

/* request_transfer() - check IN and OUT */
NVR_INLINE int request_transfer(const struct disk *disk, struct request *request)
{
	if (request->type == VIRTIO_BLK_T_OUT && disk->flags & DISK_READ_ONLY)
		return request_finish(request, VIRTIO_BLK_S_IOERR);
	if (!disk_holds(disk, request->sector, request->data_len))
		return request_finish(request, VIRTIO_BLK_S_IOERR);
	if (!request->data_len)
		return request_finish(request, VIRTIO_BLK_S_OK);
	return 0;
}

/* request_check() - dispatch on the type; fills what the commands need */
NVR_GLOBAL int request_check(const struct disk *disk NVR_NONNULL,
			     struct request *request NVR_NONNULL)
{
	struct chain *chain = &request->chain;
	char id[DISK_ID_BYTES];

	switch (request->type) {
	case VIRTIO_BLK_T_IN:
		request_window(request, 1);
		request->data_len = chain->writable_len - 1;
		return request_transfer(disk, request);
	case VIRTIO_BLK_T_OUT:
		request_window(request, 0);
		request->data_len = chain->readable_len - sizeof(struct virtio_blk_outhdr);
		return request_transfer(disk, request);
	case VIRTIO_BLK_T_FLUSH:
		if (!(disk->flags & DISK_CACHE))
			return request_finish(request, VIRTIO_BLK_S_OK);
		return 0;
	case VIRTIO_BLK_T_GET_ID:
		request_window(request, 1);
		__builtin_memcpy(id, disk->id, sizeof(id));
		/* A guest that has room for less gets less. */
		if (request_consume(request, id, sizeof(id), 1) == -EFAULT)
			return -EFAULT;
		return request_finish(request, VIRTIO_BLK_S_OK);
	case VIRTIO_BLK_T_DISCARD:
		if (!(disk->flags & DISK_DISCARD))
			return request_finish(request, VIRTIO_BLK_S_UNSUPP);
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (!(disk->flags & DISK_ZEROES))
			return request_finish(request, VIRTIO_BLK_S_UNSUPP);
		break;
	default:
		return request_finish(request, VIRTIO_BLK_S_UNSUPP);
	}
	request_window(request, 0);
	request->data_len = chain->readable_len - sizeof(struct virtio_blk_outhdr);
	return request_ranges(disk, request);
}

/* request_begin() - the chain at @head was read: is it a request, and what does it want? */
NVR_GLOBAL int request_begin(struct queue_state *queue NVR_NONNULL,
			     const struct guest_memory *memory NVR_NONNULL,
			     const struct disk *disk NVR_NONNULL,
			     struct request *request NVR_NONNULL, __u32 head)
{
	struct chain *chain = &request->chain;
	struct virtio_blk_outhdr header;
	__u64 len = 0;
	int err;

	request->head = (__u16)head;
	request->first = 0;
	request->end = chain->readable;
	request->status = REQUEST_STATUS_PENDING;
	request->retries = 0;
	request->fallback = 0;
	request->done = 0;
	request->data_len = 0;
	request->range_at = 0;
	request->range_count = 0;
	request->cut_len = 0;
	request->used_len =
		chain->writable_len < 0xffffffff ? (__u32)chain->writable_len : 0xffffffff;
	request->status_addr =
		chain->writable_len ? guest_memory_find(memory, chain->status_gpa, &len) : 0;
	if (!request->status_addr) {
		virtqueue_break(queue, QUEUE_FAULT_NO_STATUS);
		return -EPROTO;
	}
	if (chain->readable_len < sizeof(header)) {
		virtqueue_break(queue, QUEUE_FAULT_NO_HEADER);
		return -EPROTO;
	}
	/* Segments are missing: nothing in the chain can be trusted to be in its place. */
	if (chain->flags)
		return request_finish(request, VIRTIO_BLK_S_IOERR);
	err = request_header(request, &header);
	if (err == -EFAULT)
		return err;
	if (err) {
		virtqueue_break(queue, QUEUE_FAULT_NO_HEADER);
		return -EPROTO;
	}
	request->type = le32_to_cpu(header.type);
	request->sector = le64_to_cpu(header.sector);
	return request_check(disk, request);
}

/**
 * request_parse() - read and check the request at @head
 * @queue: state; broken when the chain makes no sense
 * @vring: memory
 * @memory: guest memory table
 * @disk: limits
 * @head: from virtqueue_take()
 * @table: scratch
 * @request: filled; status is REQUEST_STATUS_PENDING when it needs the back-end
 *
 * Return: 0, -EPROTO when the queue broke and the request must not be answered, or -EFAULT when
 * this engine cannot read it and another must (BPF).
 */
NVR_INLINE int request_parse(struct queue_state *queue, const struct vring_memory *vring,
			     const struct guest_memory *memory, const struct disk *disk, __u16 head,
			     struct chain_table *table, struct request *request)
{
	int err = chain_read(queue, vring, memory, head, table, &request->chain);

	return err ? err : request_begin(queue, memory, disk, request, head);
}

#endif
