// SPDX-License-Identifier: GPL-2.0-only
#include "pinned_memory.h"

#include <limits.h>
#include <liburing.h>

#include "base/util.h"
#include "guest_buffer.h"
#include "ring.h"

struct pinned_memory {
	struct io_uring ring;
	uint32_t count;
	struct iovec buffer[]; /* as include/guest_buffer.h numbers them */
};

static uint64_t pieces(const struct guest_region *region)
{
	return (region->size + GUEST_BUFFER_BYTES - 1) >> GUEST_BUFFER_SHIFT;
}

/* Number the buffers. Return: how many there are. */
static uint64_t number(struct guest_memory *memory)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < memory->count; i++) {
		memory->region[i].buffer = (uint32_t)min(count, (uint64_t)GUEST_BUFFERS_MAX);
		count += pieces(&memory->region[i]);
	}
	return count;
}

static void list_region(struct pinned_memory *pinned, const struct guest_region *region)
{
	for (uint64_t at = 0; at < region->size; at += GUEST_BUFFER_BYTES)
		pinned->buffer[pinned->count++] = (struct iovec){
			.iov_base = (void *)(uintptr_t)(region->hva + at),
			.iov_len = min(GUEST_BUFFER_BYTES, region->size - at),
		};
}

int pinned_memory_check(void)
{
	return ring_clone_buffers(INT_MAX, INT_MAX) == -EBADF ? 0 : -EOPNOTSUPP;
}

int pinned_memory_open(struct guest_memory *memory, struct pinned_memory **ret_pinned)
{
	uint64_t count = number(memory);
	_cleanup_free_ struct pinned_memory *pinned = NULL;
	int err;

	if (count > GUEST_BUFFERS_MAX)
		return -E2BIG;
	pinned = calloc(1, sizeof(*pinned) + count * sizeof(pinned->buffer[0]));
	if (!pinned)
		return -ENOMEM;
	for (uint32_t i = 0; i < memory->count; i++)
		list_region(pinned, &memory->region[i]);
	err = io_uring_queue_init(1, &pinned->ring, 0);
	if (err)
		return err;
	err = ring_register_buffers(pinned->ring.ring_fd, pinned->buffer, pinned->count);
	if (err) {
		io_uring_queue_exit(&pinned->ring);
		return err;
	}
	memory->pinned = 1;
	*ret_pinned = steal_pointer(&pinned);
	return 0;
}

void pinned_memory_close(struct pinned_memory *pinned, struct guest_memory *memory)
{
	memory->pinned = 0;
	if (!pinned)
		return;
	/* At once; the ring's own end may come later. */
	ring_unregister_buffers(pinned->ring.ring_fd);
	io_uring_queue_exit(&pinned->ring);
	free(pinned);
}

int pinned_memory_share(const struct pinned_memory *pinned, int ring_fd)
{
	ring_unregister_buffers(ring_fd);
	return pinned && pinned->count ? ring_clone_buffers(ring_fd, pinned->ring.ring_fd) : 0;
}
