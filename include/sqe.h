/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands as SQEs, for every kind of disk. The device is fixed file SQE_FILE_DEVICE. */
#ifndef NVRING_SQE_H
#define NVRING_SQE_H

#include <linux/io_uring.h>

#include "guest_buffer.h"
#include "nvme.h"

#define SQE_FILE_DEVICE 0 /* index among the ring's registered files */
#define SQE_FILE_NONE	-1
#define SQE_RWF_DSYNC	0x02 /* linux/fs.h */
#define SQE_RWF_NOWAIT	0x08 /* likewise */

/* user_data: what completed. Requests carry queue and head in the low words. */
#define SQE_TAG_SHIFT	      56
#define SQE_TAG_REQUEST	      1ULL
#define SQE_TAG_KICK	      2ULL /* low 32 bits: queue */
#define SQE_TAG_WAKE	      3ULL /* the control thread wants something */
#define SQE_TAG_CALLS	      5ULL /* BPF wants something */
#define SQE_TAG_RETRY	      4ULL /* a delay before a command is sent again; like a request */
/* The same in the rings of the direct engines, whose completions BPF sees. */
#define SQE_TAG_DIRECT	      8ULL
#define SQE_TAG_DIRECT_KICK   9ULL
#define SQE_TAG_DIRECT_STATUS 10ULL /* a status byte that could not be written */
#define SQE_TAG_DIRECT_SIGNAL 11ULL /* the call eventfd could not be written (loop) */
#define SQE_TAG_DIRECT_SWEEP  12ULL
#define SQE_TAG_DIRECT_LOOK   13ULL
#define SQE_TAG_DIRECT_CANCEL 14ULL /* the kick poll could not be ended, it is tried again */
#define SQE_TAG_DIRECT_TURN   15ULL /* the queue may start more (limits) */
#define SQE_TAG_DIRECT_HOLD   16ULL /* an interrupt was held for long enough */

NVR_INLINE __u64 sqe_user_data(__u64 tag, __u32 queue, __u16 head)
{
	return tag << SQE_TAG_SHIFT | (__u64)queue << 16 | head;
}

NVR_INLINE __u64 sqe_tag(__u64 user_data)
{
	return user_data >> SQE_TAG_SHIFT;
}

NVR_INLINE __u32 sqe_queue(__u64 user_data)
{
	return (__u32)(user_data >> 16);
}

NVR_INLINE __u16 sqe_head(__u64 user_data)
{
	return (__u16)user_data;
}

/* sqe_transfer() - read or write of files and block devices */
NVR_INLINE void sqe_transfer(const struct command *command, struct io_uring_sqe *sqe)
{
	int read = command->op == COMMAND_READ;

	sqe->off = command->offset;
	sqe->addr = command->addr;
	if (command->count > 1) {
		sqe->opcode = read ? IORING_OP_READV : IORING_OP_WRITEV;
		sqe->len = command->count;
	} else {
		sqe->opcode = read ? IORING_OP_READ : IORING_OP_WRITE;
		sqe->len = (__u32)command->bytes;
	}
	if (command->flags & COMMAND_DURABLE)
		sqe->rw_flags = SQE_RWF_DSYNC;
}

/**
 * sqe_fill() - build the SQE of a command
 * @disk: the device
 * @command: command_next() built it
 * @user_data: comes back in the CQE
 * @sqe: filled; 128 bytes when the disk is DISK_NVME, else the first 64 are used
 */
NVR_INLINE void sqe_fill(const struct disk *disk, const struct command *command, __u64 user_data,
			 struct io_uring_sqe *sqe)
{
	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->fd = SQE_FILE_DEVICE;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->user_data = user_data;
	if (disk->kind == DISK_NVME) {
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->cmd_op = nvme_fill(disk, command, (struct nvme_uring_cmd *)sqe->cmd);
		return;
	}
	switch (command->op) {
	case COMMAND_FLUSH:
		sqe->opcode = IORING_OP_FSYNC;
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		break;
	case COMMAND_FALLOCATE:
		sqe->opcode = IORING_OP_FALLOCATE;
		sqe->off = command->offset;
		sqe->addr = command->bytes;
		sqe->len = command->mode;
		break;
	default:
		sqe_transfer(command, sqe);
	}
}

/**
 * sqe_use_buffer() - give a command's SQE the form for registered buffers, where it has one
 * @memory: the table, pinned or not
 * @disk: the device
 * @command: what @sqe was filled from; a single segment of guest memory qualifies that is aligned
 *	to blocks: of others a page has a part of a block, which not all kernels take in this form
 *	(lib/iov_iter.c, iov_iter_aligned_bvec())
 * @sqe: changed, or left as it is
 */
NVR_INLINE void sqe_use_buffer(const struct guest_memory *memory, const struct disk *disk,
			       const struct command *command, struct io_uring_sqe *sqe)
{
	int index;

	if (!memory->pinned || command->count != 1 || command->addr & disk_block_mask(disk) ||
	    (command->op != COMMAND_READ && command->op != COMMAND_WRITE))
		return;
	index = guest_buffer_find(memory, command->addr, command->bytes);
	if (index < 0)
		return;
	sqe->buf_index = (__u16)index;
	if (sqe->opcode == IORING_OP_URING_CMD)
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	else
		sqe->opcode =
			command->op == COMMAND_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
}

#endif
