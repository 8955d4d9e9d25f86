/* SPDX-License-Identifier: GPL-2.0-only */
/* A device that does no I/O: it checks commands against the request, the disk and guest memory. */
#ifndef NVRING_FUZZ_DEVICE_H
#define NVRING_FUZZ_DEVICE_H

#include "fuzz.h"
#include "sqe.h"

#define DEVICE_OPS (COMMAND_WRITE_ZERO_BUFFER + 1)

/* Results that depend on the command; others are NVMe statuses, bytes or -errno. */
enum device_wish {
	DEVICE_ALL = 1 << 24,
	DEVICE_SHORT, /* half of it */
	DEVICE_ODD,   /* all but a byte */
};

/* What a request's commands did so far. */
struct device_progress {
	uint64_t moved; /* bytes transferred, zeroed or discarded */
	bool flushed;
};

static inline const char *device_op_name(int op)
{
	static const char *const names[DEVICE_OPS] = {
		[COMMAND_READ] = "read",
		[COMMAND_WRITE] = "write",
		[COMMAND_FLUSH] = "flush",
		[COMMAND_DEALLOCATE] = "deallocate",
		[COMMAND_ZERO] = "zero",
		[COMMAND_FALLOCATE] = "fallocate",
		[COMMAND_WRITE_ZERO_BUFFER] = "write zero buffer",
	};

	return names[op];
}

static inline bool device_in_memory(const struct guest_memory *memory, uint64_t addr, uint64_t len)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		uint64_t offset = addr - memory->region[i].hva, size = memory->region[i].size;

		if (addr >= memory->region[i].hva && offset < size && len <= size - offset)
			return true;
	}
	return false;
}

static inline void device_check_status(const struct guest_memory *memory,
				       const struct request *request)
{
	if (!device_in_memory(memory, request->status_addr, 1))
		fuzz_fail("head %u: status byte outside guest memory", request->head);
}

/* A byte range lies on the disk, and on whole blocks while every transfer so far did. */
static inline void device_check_range(const struct disk *disk, const struct request *request,
				      uint64_t offset, uint64_t bytes)
{
	uint64_t end = disk->offset + (disk->sectors << NVR_SECTOR_SHIFT);

	if (!bytes || offset < disk->offset || offset > end || bytes > end - offset)
		fuzz_fail("head %u: %s of %llu bytes at %llu is not on the disk, %llu to %llu",
			  request->head, device_op_name(request->command.op),
			  (unsigned long long)bytes, (unsigned long long)offset,
			  (unsigned long long)disk->offset, (unsigned long long)end);
}

/* The data of a transfer: in guest memory, in the right direction, as long as the command. */
static inline void device_check_segments(const struct disk *disk, const struct guest_memory *memory,
					 const struct request *request)
{
	const struct command *command = &request->command;
	uint32_t first = request->first, end = first + command->count, readable;
	uint64_t bytes = 0, fragments = 0, bits = 0;
	bool bounced = command->flags & COMMAND_BOUNCE;

	readable = request->chain.readable;
	if (!command->count || end > request->chain.count ||
	    (command->op == COMMAND_READ ? first < readable : end > readable))
		fuzz_fail("head %u: segments %u to %u of %u, %u of them readable", request->head,
			  first, end, request->chain.count, readable);
	for (uint32_t i = first; i < end; i++) {
		const struct segment *segment = &request->chain.segment[i];

		if (!segment->len || !device_in_memory(memory, segment->addr, segment->len))
			fuzz_fail("head %u: segment %u of %llu bytes is not in guest memory",
				  request->head, i, (unsigned long long)segment->len);
		bytes += segment->len;
		bits |= segment->addr | segment->len;
		fragments +=
			((segment->addr & (DISK_FRAGMENT - 1)) + segment->len + DISK_FRAGMENT - 1) /
			DISK_FRAGMENT;
	}
	if (bytes != command->bytes)
		fuzz_fail("head %u: %llu bytes in segments, %llu in the command", request->head,
			  (unsigned long long)bytes, (unsigned long long)command->bytes);
	if (bounced)
		return;
	if (command->addr != (command->count > 1 ? (uintptr_t)&request->chain.segment[first]
						 : request->chain.segment[first].addr))
		fuzz_fail("head %u: the command names other segments", request->head);
	if (bits & (disk->memory_align - 1))
		fuzz_fail("head %u: buffers not aligned to %u", request->head, disk->memory_align);
	if (fragments > disk->max_segments && bytes > 1ULL << disk->block_shift)
		fuzz_fail("head %u: %llu fragments, %u are allowed", request->head,
			  (unsigned long long)fragments, disk->max_segments);
}

static inline void device_check_transfer(const struct disk *disk, const struct guest_memory *memory,
					 const struct request *request, uint64_t moved)
{
	const struct command *command = &request->command;
	uint64_t block = 1ULL << disk->block_shift, most = disk->max_transfer;
	bool durable = command->op == COMMAND_WRITE && disk->flags & DISK_WRITE_THROUGH;

	if (command->flags & COMMAND_BOUNCE)
		most = COMMAND_BOUNCE_BYTES;
	device_check_range(disk, request, command->offset, command->bytes);
	if (command->offset != disk->offset + (request->sector << NVR_SECTOR_SHIFT) + moved ||
	    command->bytes > request->data_len - moved)
		fuzz_fail("head %u: %llu bytes at %llu are not the next of the request",
			  request->head, (unsigned long long)command->bytes,
			  (unsigned long long)command->offset);
	if (command->bytes > (most > block ? most : block) ||
	    (moved % block == 0 && command->bytes % block))
		fuzz_fail("head %u: transfer of %llu bytes", request->head,
			  (unsigned long long)command->bytes);
	if (durable != !!(command->flags & COMMAND_DURABLE))
		fuzz_fail("head %u: durable when it need not be, or not", request->head);
	device_check_segments(disk, memory, request);
}

static inline void device_check_zero(const struct disk *disk, const struct request *request)
{
	const struct command *command = &request->command;
	uint64_t most = (uint64_t)disk->max_zeroes << NVR_SECTOR_SHIFT, start, bytes;
	const struct request_range *range;

	if (request->range_at >= request->range_count || request->range_count > DISK_RANGES_MAX)
		fuzz_fail("head %u: range %u of %u", request->head, request->range_at,
			  request->range_count);
	range = &request->range[request->range_at];
	start = disk->offset + (range->sector << NVR_SECTOR_SHIFT);
	bytes = (uint64_t)range->sectors << NVR_SECTOR_SHIFT;
	device_check_range(disk, request, command->offset, command->bytes);
	if (command->offset < start || command->bytes > bytes ||
	    command->offset - start > bytes - command->bytes)
		fuzz_fail("head %u: %llu bytes at %llu are not in the request's range",
			  request->head, (unsigned long long)command->bytes,
			  (unsigned long long)command->offset);
	if (command->op == COMMAND_WRITE_ZERO_BUFFER)
		most = COMMAND_BOUNCE_BYTES;
	if (command->bytes > most)
		fuzz_fail("head %u: %llu bytes are zeroed at once", request->head,
			  (unsigned long long)command->bytes);
}

static inline void device_check_deallocate(const struct disk *disk, const struct request *request)
{
	const struct command *command = &request->command;
	uint32_t shift = disk->block_shift;

	if (!command->count || command->count > DISK_RANGES_MAX ||
	    command->addr != (uintptr_t)request->dsm ||
	    command->bytes != command->count * sizeof(request->dsm[0]))
		fuzz_fail("head %u: %u ranges", request->head, command->count);
	for (uint32_t i = 0; i < command->count; i++) {
		uint64_t blocks = le32_to_cpu(request->dsm[i].blocks);

		if (blocks)
			device_check_range(disk, request, le64_to_cpu(request->dsm[i].lba) << shift,
					   blocks << shift);
	}
}

/* The SQE says the same as the command, in blocks where the device counts in those. */
static inline void device_check_sqe(const struct disk *disk, const struct request *request)
{
	const struct command *command = &request->command;
	struct io_uring_sqe sqe[2] = { 0 };
	const struct nvme_uring_cmd *cmd = (struct nvme_uring_cmd *)sqe->cmd;
	uint64_t lba, blocks;

	sqe_fill(disk, command, sqe_user_data(SQE_TAG_REQUEST, 1, request->head), sqe);
	if (sqe_head(sqe->user_data) != request->head || sqe_queue(sqe->user_data) != 1)
		fuzz_fail("head %u: the completion is for another", request->head);
	if (disk->kind != DISK_NVME || command->op == COMMAND_FLUSH ||
	    command->op == COMMAND_DEALLOCATE)
		return;
	lba = cmd->cdw10 | (uint64_t)cmd->cdw11 << 32;
	blocks = (cmd->cdw12 & 0xffff) + 1U;
	if (lba << disk->block_shift != command->offset ||
	    blocks << disk->block_shift != command->bytes)
		fuzz_fail("head %u: %llu blocks at %llu are not %llu bytes at %llu", request->head,
			  (unsigned long long)blocks, (unsigned long long)lba,
			  (unsigned long long)command->bytes, (unsigned long long)command->offset);
}

static inline void device_check_command(const struct disk *disk, const struct guest_memory *memory,
					const struct request *request,
					const struct device_progress *progress)
{
	const struct command *command = &request->command;

	if (disk->flags & DISK_READ_ONLY && command->op != COMMAND_READ &&
	    command->op != COMMAND_FLUSH)
		fuzz_fail("head %u: a read-only disk is written", request->head);
	switch (command->op) {
	case COMMAND_READ:
	case COMMAND_WRITE:
		device_check_transfer(disk, memory, request, progress->moved);
		break;
	case COMMAND_FLUSH:
		break;
	case COMMAND_DEALLOCATE:
		device_check_deallocate(disk, request);
		break;
	default:
		device_check_zero(disk, request);
	}
	device_check_sqe(disk, request);
}

/* A read writes to guest memory: here, the ends of each segment. */
static inline void device_read(const struct request *request, uint64_t bytes)
{
	for (uint32_t i = request->first; bytes && i < request->chain.count; i++) {
		const struct segment *segment = &request->chain.segment[i];
		uint64_t now = segment->len < bytes ? segment->len : bytes;
		char *data = (char *)(uintptr_t)segment->addr;

		data[0] = data[now - 1] = (char)0xff;
		bytes -= now;
	}
}

/* Bytes, or -errno. */
static inline int device_file_result(const struct command *command, int wish)
{
	int bytes = (int)command->bytes;

	if (wish < 0)
		return wish;
	if (command->op == COMMAND_FLUSH || command->op == COMMAND_FALLOCATE)
		return 0;
	if (wish == DEVICE_SHORT)
		return bytes > 1 ? bytes / 2 : bytes;
	if (wish == DEVICE_ODD)
		return bytes > 1 ? bytes - 1 : bytes;
	return wish < bytes ? wish : bytes;
}

/* device_run() - do as wished, as far as the device can; returns the result */
static inline int device_run(const struct disk *disk, const struct request *request,
			     struct device_progress *progress, int wish)
{
	const struct command *command = &request->command;
	uint64_t bytes = command->bytes;
	int result = wish >= DEVICE_ALL ? 0 : wish;

	if (disk->kind != DISK_NVME) {
		result = device_file_result(command, wish);
		if (command->op != COMMAND_FALLOCATE)
			bytes = (uint64_t)result;
	}
	if (result < 0 || (result && disk->kind == DISK_NVME))
		return result;
	if (command->op == COMMAND_FLUSH)
		progress->flushed = true;
	else
		progress->moved += bytes;
	if (command->op == COMMAND_READ)
		device_read(request, bytes);
	return result;
}

/* What is reported done was done. */
static inline void device_check_finished(const struct disk *disk, const struct request *request,
					 const struct device_progress *progress)
{
	bool cached = disk->kind != DISK_NVME && disk->flags & DISK_WRITE_THROUGH;
	uint64_t wanted = 0;

	if (request->status != VIRTIO_BLK_S_OK || disk->kind == DISK_NULL)
		return;
	switch (request->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		wanted = request->data_len;
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		for (uint32_t i = 0; i < request->range_count; i++)
			wanted += (uint64_t)request->range[i].sectors << NVR_SECTOR_SHIFT;
		if (cached && !progress->flushed)
			fuzz_fail("head %u: zeroes are not durable", request->head);
		break;
	case VIRTIO_BLK_T_FLUSH:
		if (disk->flags & DISK_CACHE && !progress->flushed)
			fuzz_fail("head %u: flushed without a flush", request->head);
		return;
	default: /* discards are hints */
		return;
	}
	if (progress->moved != wanted)
		fuzz_fail("head %u: %llu bytes done of %llu", request->head,
			  (unsigned long long)progress->moved, (unsigned long long)wanted);
}

#endif
