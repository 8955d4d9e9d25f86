/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests become commands: one at a time, each within the device's limits, until all is done.
 *
 * A request that fits, nearly every one, is one command. Larger ones are split; ranges of
 * DISCARD and WRITE_ZEROES are taken in turn. The engine asks command_next(), sends what it
 * built, hands the result to command_completed(), and goes on while that says so.
 */
#ifndef NVRING_COMMAND_H
#define NVRING_COMMAND_H

#include "request.h"

enum command_op {
	COMMAND_READ,
	COMMAND_WRITE,
	COMMAND_FLUSH,
	COMMAND_DEALLOCATE,	   /* NVMe Dataset Management, all ranges of the request */
	COMMAND_ZERO,		   /* NVMe Write Zeroes */
	COMMAND_FALLOCATE,	   /* files and block devices */
	COMMAND_WRITE_ZERO_BUFFER, /* where neither is had: addr is for the engine to fill */
};

/* command.flags */
#define COMMAND_DURABLE (1U << 0) /* FUA, RWF_DSYNC */
#define COMMAND_UNMAP	(1U << 1) /* zeroed blocks may be deallocated */
#define COMMAND_BOUNCE	(1U << 2) /* buffers are not aligned for O_DIRECT */

#define COMMAND_BOUNCE_BYTES (256U << 10) /* largest transfer by bounce or zero buffer */
#define COMMAND_RETRIES	     5 /* as the NVMe driver does for the block layer (nvme_max_retries) */

/* fallocate modes, linux/falloc.h, which BPF programs cannot include beside vmlinux.h */
#define COMMAND_FALLOC_KEEP_SIZE  0x01
#define COMMAND_FALLOC_PUNCH_HOLE 0x02
#define COMMAND_FALLOC_ZERO_RANGE 0x10

/* What comes next for a request. */
enum command_step {
	COMMAND_SEND,	   /* request.command is to be sent */
	COMMAND_AGAIN,	   /* request.command is to be sent again, after a while */
	COMMAND_DONE,	   /* request.status is final */
	COMMAND_ELSEWHERE, /* takes several commands: not for this engine (BPF) */
};

NVR_INLINE enum command_step command_finish(struct request *request, __u8 status)
{
	request->status = status;
	return COMMAND_DONE;
}

/* command_misaligned() - whether O_DIRECT refuses these buffers */
NVR_INLINE int command_misaligned(const struct disk *disk, const struct request *request)
{
	__u64 mask = disk->memory_align - 1, bits = 0;
	__u32 i;

	if (disk->memory_align <= 1)
		return 0;
	nvr_for(i, request->first, request->end) {
		if (i >= CHAIN_SEGMENTS)
			break;
		bits |= request->chain.segment[i].addr | request->chain.segment[i].len;
	}
	return (bits & mask) != 0;
}

/*
 * command_fit() - how many bytes of the data segments one command takes
 *
 * At most @limit, and at most disk->max_segments fragments of 4 KiB. Whole blocks; when not even
 * one block fits its fragments, the kernel copies such odd buffers, so one block is right, or what
 * a short transfer left of it.
 */
NVR_INLINE __u64 command_fit(const struct disk *disk, const struct request *request, __u64 limit)
{
	__u64 bytes = 0, room = disk->max_segments, block = 1ULL << disk->block_shift;

	for (__u32 i = request->first; i < CHAIN_SEGMENTS && i < request->end; i++) {
		const struct segment *segment = &request->chain.segment[i];
		__u64 in_page = segment->addr & (DISK_FRAGMENT - 1);
		__u64 most = room * DISK_FRAGMENT - in_page;
		__u64 take = segment->len < most ? segment->len : most;

		if (!room || bytes >= limit)
			break;
		bytes += take;
		room -= (in_page + take + DISK_FRAGMENT - 1) / DISK_FRAGMENT;
		if (take < segment->len)
			break;
	}
	if (bytes > limit)
		bytes = limit;
	bytes &= ~(block - 1);
	if (bytes)
		return bytes;
	return block < limit ? block : limit;
}

/* command_segments() - let [first, ret) cover exactly @bytes, cutting the last segment */
NVR_INLINE __u16 command_segments(struct request *request, __u64 bytes)
{
	__u32 i;

	for (i = request->first; i < CHAIN_SEGMENTS && i < request->end && bytes; i++) {
		struct segment *segment = &request->chain.segment[i];

		if (segment->len > bytes) {
			request->cut_at = (__u16)i;
			request->cut_len = segment->len - bytes;
			segment->len = bytes;
		}
		bytes -= segment->len;
	}
	return (__u16)i;
}

/* command_transfer() - the next piece of IN or OUT */
NVR_INLINE enum command_step command_transfer(const struct disk *disk, struct request *request)
{
	struct command *command = &request->command;
	__u64 left = request->data_len - request->done, bytes = left, limit = disk->max_transfer;
	__u16 end = request->end, first = request->first;

	command->op = request->type == VIRTIO_BLK_T_IN ? COMMAND_READ : COMMAND_WRITE;
	command->flags = 0;
	if (command->op == COMMAND_WRITE && disk->flags & DISK_WRITE_THROUGH)
		command->flags |= COMMAND_DURABLE;
	if (command_misaligned(disk, request)) {
		if (NVR_BPF)
			return COMMAND_ELSEWHERE;
		command->flags |= COMMAND_BOUNCE;
		if (left > COMMAND_BOUNCE_BYTES)
			bytes = COMMAND_BOUNCE_BYTES;
	} else if (left > limit ||
		   (left / DISK_FRAGMENT) + 2ULL * (end - first) > disk->max_segments) {
		if (NVR_BPF)
			return COMMAND_ELSEWHERE;
		bytes = command_fit(disk, request, left < limit ? left : limit);
	}
	if (!NVR_BPF && bytes < left)
		end = command_segments(request, bytes);
	command->offset = disk->offset + (request->sector << NVR_SECTOR_SHIFT) + request->done;
	command->bytes = bytes;
	command->count = end - first;
	if (command->count > 1)
		command->addr = request->self + __builtin_offsetof(struct request, chain.segment) +
				first * sizeof(struct segment);
	else if (first < CHAIN_SEGMENTS)
		command->addr = request->chain.segment[first].addr;
	return COMMAND_SEND;
}

/* command_uncut() - the segment a command ended in is whole again */
NVR_INLINE void command_uncut(struct request *request)
{
	__u32 at = request->cut_at;

	if (request->cut_len && at < CHAIN_SEGMENTS)
		request->chain.segment[at].len += request->cut_len;
	request->cut_len = 0;
}

/* command_advance() - data segments move on by what was transferred */
NVR_INLINE void command_advance(struct request *request, __u64 bytes)
{
	request->done += bytes;
	command_uncut(request);
	for (__u32 i = request->first; i < CHAIN_SEGMENTS && i < request->end; i++) {
		struct segment *segment = &request->chain.segment[i];

		if (segment->len > bytes) {
			segment->addr += bytes;
			segment->len -= bytes;
			return;
		}
		bytes -= segment->len;
		request->first++;
	}
}

/* command_deallocate() - NVMe: all ranges of a DISCARD in one command */
NVR_INLINE enum command_step command_deallocate(const struct disk *disk, struct request *request)
{
	struct command *command = &request->command;
	__u32 shift = disk->block_shift - NVR_SECTOR_SHIFT;

	for (__u32 i = 0; i < DISK_RANGES_MAX && i < request->range_count; i++) {
		const struct request_range *range = &request->range[i];
		struct request_dsm_range *dsm = &request->dsm[i];

		dsm->attributes = 0;
		dsm->blocks = cpu_to_le32(range->sectors >> shift);
		dsm->lba =
			cpu_to_le64((disk->offset >> disk->block_shift) + (range->sector >> shift));
	}
	command->op = COMMAND_DEALLOCATE;
	command->flags = 0;
	command->count = request->range_count;
	command->addr = request->self + __builtin_offsetof(struct request, dsm);
	command->bytes = request->range_count * sizeof(struct request_dsm_range);
	command->offset = 0;
	return COMMAND_SEND;
}

/* command_zero() - op and length of the next piece of a range, by kind of device */
NVR_INLINE void command_zero(const struct disk *disk, struct request *request,
			     const struct request_range *range, __u64 left)
{
	struct command *command = &request->command;
	__u64 most = (__u64)disk->max_zeroes << NVR_SECTOR_SHIFT;
	int unmap = range->unmap || request->type == VIRTIO_BLK_T_DISCARD;

	command->flags = unmap ? COMMAND_UNMAP : 0;
	if (disk->flags & DISK_WRITE_THROUGH)
		command->flags |= COMMAND_DURABLE;
	command->bytes = left;
	if (request->fallback) {
		command->op = COMMAND_WRITE_ZERO_BUFFER;
		command->bytes = left < COMMAND_BOUNCE_BYTES ? left : COMMAND_BOUNCE_BYTES;
	} else if (disk->kind == DISK_NVME) {
		command->op = COMMAND_ZERO;
		command->bytes = left < most ? left : most;
	} else {
		command->op = COMMAND_FALLOCATE;
		command->mode = COMMAND_FALLOC_KEEP_SIZE |
				(unmap ? COMMAND_FALLOC_PUNCH_HOLE : COMMAND_FALLOC_ZERO_RANGE);
	}
}

/* command_ranges_done() - every range is; zeroes by fallocate are durable only after a flush */
NVR_INLINE enum command_step command_ranges_done(const struct disk *disk, struct request *request)
{
	if (!(disk->flags & DISK_WRITE_THROUGH) || disk->kind == DISK_NVME ||
	    request->type != VIRTIO_BLK_T_WRITE_ZEROES || request->done)
		return command_finish(request, VIRTIO_BLK_S_OK);
	request->command = (struct command){ .op = COMMAND_FLUSH };
	return COMMAND_SEND;
}

/* command_ranges() - the next piece of DISCARD or WRITE_ZEROES */
NVR_INLINE enum command_step command_ranges(const struct disk *disk, struct request *request)
{
	struct command *command = &request->command;

	if (request->type == VIRTIO_BLK_T_DISCARD && disk->kind == DISK_NVME) {
		if (request->range_at)
			return command_finish(request, VIRTIO_BLK_S_OK);
		return command_deallocate(disk, request);
	}
	/* Empty ranges and finished ones are passed over. */
	for (__u32 i = 0; i <= DISK_RANGES_MAX; i++) {
		const struct request_range *range;
		__u64 bytes;

		if (request->range_at >= request->range_count ||
		    request->range_at >= DISK_RANGES_MAX)
			return command_ranges_done(disk, request);
		range = &request->range[request->range_at];
		bytes = (__u64)range->sectors << NVR_SECTOR_SHIFT;
		if (request->done < bytes) {
			command->offset =
				disk->offset + (range->sector << NVR_SECTOR_SHIFT) + request->done;
			command->count = 1;
			command->addr = 0;
			command_zero(disk, request, range, bytes - request->done);
			return COMMAND_SEND;
		}
		request->range_at++;
		request->done = 0;
	}
	return command_finish(request, VIRTIO_BLK_S_OK);
}

/**
 * command_next() - build the next command of a request
 * @disk: limits
 * @request: parsed and pending
 *
 * Every command it builds lies within the disk's sectors: the request was checked as a whole by
 * disk_holds(), and pieces only get smaller.
 *
 * Return: COMMAND_SEND, or COMMAND_DONE when all is done.
 */
NVR_GLOBAL enum command_step command_next(const struct disk *disk NVR_NONNULL,
					  struct request *request NVR_NONNULL)
{
	if (disk->kind == DISK_NULL)
		return command_finish(request, VIRTIO_BLK_S_OK);
	switch (request->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		if (request->done >= request->data_len)
			return command_finish(request, VIRTIO_BLK_S_OK);
		return command_transfer(disk, request);
	case VIRTIO_BLK_T_FLUSH:
		if (request->done)
			return command_finish(request, VIRTIO_BLK_S_OK);
		request->command = (struct command){ .op = COMMAND_FLUSH };
		return COMMAND_SEND;
	default:
		return command_ranges(disk, request);
	}
}

/**
 * command_only() - whether the command just built is all there is to a request
 * @disk: limits
 * @request: command_next() returned COMMAND_SEND for it for the first time
 */
NVR_INLINE int command_only(const struct disk *disk, const struct request *request)
{
	const struct command *command = &request->command;

	switch (request->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return !(command->flags & COMMAND_BOUNCE) && command->bytes == request->data_len;
	case VIRTIO_BLK_T_FLUSH:
		return 1;
	case VIRTIO_BLK_T_DISCARD:
		if (disk->kind == DISK_NVME)
			return 1;
		break;
	default:
		if (disk->flags & DISK_WRITE_THROUGH && disk->kind != DISK_NVME)
			return 0;
	}
	return request->range_count == 1 && command->bytes == (__u64)request->range[0].sectors
								      << NVR_SECTOR_SHIFT;
}

#endif
