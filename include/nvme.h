/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands as NVMe passthrough commands. NVM command set specification 1.0 §3.2; the kernel's
 * side is drivers/nvme/host/ioctl.c.
 */
#ifndef NVRING_NVME_H
#define NVRING_NVME_H

#include <linux/ioctl.h> /* which nvme_ioctl.h uses and leaves to others */
#include <linux/nvme_ioctl.h>

#include "command.h"

enum nvme_opcode {
	NVME_FLUSH = 0x00,
	NVME_WRITE = 0x01,
	NVME_READ = 0x02,
	NVME_WRITE_ZEROES = 0x08,
	NVME_DATASET_MANAGEMENT = 0x09,
};

#define NVME_RW_FUA	    (1U << 30) /* cdw12 */
#define NVME_ZEROES_DEAC    (1U << 25) /* cdw12 */
#define NVME_DSM_DEALLOCATE (1U << 2)  /* cdw11 */

#define NVME_STATUS_DNR	   0x4000 /* do not retry, as the driver reports it in cqe->res */
#define NVME_STATUS_CODE   0x7ff  /* status code type and status code */
#define NVME_STATUS_OPCODE 0x01	  /* invalid command opcode */

/**
 * nvme_fill() - build the 72 bytes that IORING_OP_URING_CMD carries
 * @disk: block size and namespace
 * @command: command_next() built it; within the VM's range
 * @cmd: filled
 *
 * Return: the driver's cmd_op: NVME_URING_CMD_IO, or NVME_URING_CMD_IO_VEC when the data is in
 * several segments.
 */
NVR_INLINE __u32 nvme_fill(const struct disk *disk, const struct command *command,
			   struct nvme_uring_cmd *cmd)
{
	__u64 lba = command->offset >> disk->block_shift;
	__u32 blocks = (__u32)(command->bytes >> disk->block_shift);

	__builtin_memset(cmd, 0, sizeof(*cmd));
	cmd->nsid = disk->nsid;
	switch (command->op) {
	case COMMAND_FLUSH:
		cmd->opcode = NVME_FLUSH;
		return NVME_URING_CMD_IO;
	case COMMAND_DEALLOCATE:
		cmd->opcode = NVME_DATASET_MANAGEMENT;
		cmd->addr = command->addr;
		cmd->data_len = (__u32)command->bytes;
		cmd->cdw10 = command->count - 1U;
		cmd->cdw11 = NVME_DSM_DEALLOCATE;
		return NVME_URING_CMD_IO;
	case COMMAND_ZERO:
		cmd->opcode = NVME_WRITE_ZEROES;
		if (command->flags & COMMAND_UNMAP)
			cmd->cdw12 = NVME_ZEROES_DEAC;
		break;
	default:
		cmd->opcode = command->op == COMMAND_READ ? NVME_READ : NVME_WRITE;
		cmd->addr = command->addr;
		cmd->data_len = command->count > 1 ? command->count : (__u32)command->bytes;
	}
	cmd->cdw10 = (__u32)lba;
	cmd->cdw11 = (__u32)(lba >> 32);
	cmd->cdw12 |= blocks - 1;
	if (command->flags & COMMAND_DURABLE)
		cmd->cdw12 |= NVME_RW_FUA;
	return command->count > 1 ? NVME_URING_CMD_IO_VEC : NVME_URING_CMD_IO;
}

#endif
