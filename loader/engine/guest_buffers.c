// SPDX-License-Identifier: GPL-2.0-only
#include "guest_buffers.h"

#include "base/util.h"

#define BUFFER_BYTES (1ULL << 30) /* the kernel's limit for one registered buffer */
#define BUFFERS_MAX  16384	  /* and for their number */

struct guest_buffers {
	uint32_t count;
	struct iovec buffer[]; /* in order of guest addresses; a region's pieces in a row */
};

static uint32_t pieces(const struct guest_memory *memory)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < memory->count; i++)
		count += (memory->region[i].size + BUFFER_BYTES - 1) / BUFFER_BYTES;
	return (uint32_t)min(count, (uint64_t)BUFFERS_MAX + 1);
}

int guest_buffers_register(struct io_uring *ring, const struct guest_memory *memory,
			   struct guest_buffers **ret_buffers)
{
	uint32_t count = pieces(memory);
	_cleanup_free_ struct guest_buffers *buffers = NULL;
	int err;

	if (count > BUFFERS_MAX)
		return -E2BIG;
	buffers = malloc(sizeof(*buffers) + count * sizeof(buffers->buffer[0]));
	if (!buffers)
		return -ENOMEM;
	buffers->count = 0;
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct guest_region *region = &memory->region[i];

		for (uint64_t at = 0; at < region->size; at += BUFFER_BYTES)
			buffers->buffer[buffers->count++] = (struct iovec){
				.iov_base = (void *)(uintptr_t)(region->hva + at),
				.iov_len = min(BUFFER_BYTES, region->size - at),
			};
	}
	if (count) {
		err = io_uring_register_buffers(ring, buffers->buffer, buffers->count);
		if (err < 0)
			return err;
	}
	*ret_buffers = steal_pointer(&buffers);
	return 0;
}

struct guest_buffers *guest_buffers_unregister(struct io_uring *ring, struct guest_buffers *buffers)
{
	if (buffers && buffers->count)
		io_uring_unregister_buffers(ring);
	free(buffers);
	return NULL;
}

static int find(const struct guest_buffers *buffers, uint64_t addr, uint64_t len)
{
	for (uint32_t i = 0; i < buffers->count; i++) {
		uint64_t start = (uintptr_t)buffers->buffer[i].iov_base;

		if (addr >= start && addr - start < buffers->buffer[i].iov_len)
			return len <= buffers->buffer[i].iov_len - (addr - start) ? (int)i : -1;
	}
	return -1;
}

void guest_buffers_use(const struct guest_buffers *buffers, const struct command *command,
		       struct io_uring_sqe *sqe)
{
	int index;

	if (command->count != 1 || (command->op != COMMAND_READ && command->op != COMMAND_WRITE))
		return;
	index = find(buffers, command->addr, command->bytes);
	if (index < 0)
		return;
	if (sqe->opcode == IORING_OP_URING_CMD) {
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	} else {
		sqe->opcode =
			command->op == COMMAND_READ ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
	}
	sqe->buf_index = (uint16_t)index;
}
