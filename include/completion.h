/* SPDX-License-Identifier: GPL-2.0-only */
/* Results of commands: done, more to do, again, or an error for the guest. */
#ifndef NVRING_COMPLETION_H
#define NVRING_COMPLETION_H

#include "nvme.h"

/* completion_error() - a status of the guest's for a negative errno */
NVR_INLINE __u8 completion_error(int err)
{
	return err == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

/*
 * completion_nvme() - result of a passthrough command
 *
 * The driver retries what the block layer sends it when the device allows that; passthrough
 * commands come back at once (path error, controller reset), so the retrying is ours. With
 * EINVAL, too: so the kernel says that a multipath namespace has no path at the moment
 * (drivers/nvme/host/ioctl.c, nvme_ns_head_chr_uring_cmd()).
 */
NVR_INLINE enum command_step completion_nvme(struct request *request, int result)
{
	struct command *command = &request->command;

	if (result) {
		int retry = result > 0 ? !(result & NVME_STATUS_DNR)
				       : result == -EAGAIN || result == -EINTR || result == -EINVAL;

		if (retry && request->retries < COMMAND_RETRIES) {
			request->retries++;
			return COMMAND_AGAIN;
		}
		if (result > 0 && (result & NVME_STATUS_CODE) == NVME_STATUS_OPCODE)
			return command_finish(request, VIRTIO_BLK_S_UNSUPP);
		return command_finish(request, VIRTIO_BLK_S_IOERR);
	}
	if (command->op == COMMAND_DEALLOCATE)
		request->range_at = request->range_count;
	else if (command->op == COMMAND_FLUSH)
		request->done = 1;
	else if (command->op == COMMAND_ZERO)
		request->done += command->bytes;
	else
		command_advance(request, command->bytes);
	return COMMAND_SEND;
}

/* completion_unsupported() - fallocate is refused: discards are hints, zeroes are written */
NVR_INLINE enum command_step completion_unsupported(struct request *request)
{
	if (request->type == VIRTIO_BLK_T_DISCARD)
		return command_finish(request, VIRTIO_BLK_S_OK);
	request->fallback++;
	return COMMAND_SEND;
}

/* completion_file() - result of an SQE to a file or block device; transfers may be short */
NVR_INLINE enum command_step completion_file(struct request *request, int result)
{
	struct command *command = &request->command;
	int transfer = command->op == COMMAND_READ || command->op == COMMAND_WRITE ||
		       command->op == COMMAND_WRITE_ZERO_BUFFER;

	if (result == -EAGAIN || result == -EINTR) {
		if (request->retries++ < COMMAND_RETRIES)
			return COMMAND_AGAIN;
		return command_finish(request, VIRTIO_BLK_S_IOERR);
	}
	if (result == -EOPNOTSUPP && command->op == COMMAND_FALLOCATE)
		return completion_unsupported(request);
	/* Nothing moved: the file ends before the disk does. */
	if (result < 0 || (transfer && !result))
		return command_finish(request, completion_error(result));
	switch (command->op) {
	case COMMAND_FLUSH:
		request->done = 1;
		break;
	case COMMAND_FALLOCATE:
		request->done += command->bytes;
		break;
	case COMMAND_WRITE_ZERO_BUFFER:
		request->done += (__u32)result;
		break;
	default:
		command_advance(request, (__u32)result);
	}
	return COMMAND_SEND;
}

/**
 * command_completed() - account a command's result
 * @disk: the device
 * @request: its command was sent
 * @result: cqe->res: NVMe status or -errno for passthrough, bytes or -errno else
 *
 * Return: COMMAND_SEND with the next command built, COMMAND_AGAIN to send this one again after a
 * while, COMMAND_DONE with request.status final.
 */
NVR_INLINE enum command_step command_completed(const struct disk *disk, struct request *request,
					       int result)
{
	enum command_step step;

	step = disk->kind == DISK_NVME ? completion_nvme(request, result)
				       : completion_file(request, result);
	if (step != COMMAND_SEND)
		return step;
	request->retries = 0;
	return command_next(disk, request);
}

#endif
