// SPDX-License-Identifier: GPL-2.0-only
#include "pinned_memory.h"

#include <limits.h>
#include <liburing.h>
#include <sys/mman.h>

#include "base/util.h"
#include "ring.h"

#define CHECK_BYTES ((GUEST_PAGES_CHECK + 1) * sizeof(uint64_t))

struct pinned_memory {
	struct io_uring ring;
	uint32_t count;
	uint64_t *check;       /* CHECK_BYTES, each word its own address */
	struct iovec buffer[]; /* as include/guest_buffer.h numbers them, and the check's */
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

/* Not from the start of a page on, as guest memory may be. */
static int list_check(struct pinned_memory *pinned)
{
	void *memory =
		mmap(NULL, CHECK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	pinned->check = memory;
	for (uint32_t i = 0; i <= GUEST_PAGES_CHECK; i++)
		pinned->check[i] = (uintptr_t)&pinned->check[i];
	pinned->buffer[pinned->count] = (struct iovec){
		.iov_base = pinned->check + 1,
		.iov_len = GUEST_PAGES_CHECK * sizeof(uint64_t),
	};
	return 0;
}

static void free_lists(struct pinned_memory *pinned)
{
	if (pinned->check)
		munmap(pinned->check, CHECK_BYTES);
	free(pinned);
}

int pinned_memory_check(void)
{
	return ring_clone_buffers(INT_MAX, INT_MAX) == -EBADF ? 0 : -EOPNOTSUPP;
}

static int register_all(struct pinned_memory *pinned)
{
	int err = list_check(pinned);

	if (!err)
		err = io_uring_queue_init(1, &pinned->ring, 0);
	if (err)
		return err;
	err = ring_register_buffers(pinned->ring.ring_fd, pinned->buffer, pinned->count + 1);
	if (err)
		io_uring_queue_exit(&pinned->ring);
	return err;
}

int pinned_memory_open(struct guest_memory *memory, struct pinned_memory **ret_pinned)
{
	uint64_t count = number(memory);
	struct pinned_memory *pinned;
	int err;

	if (count >= GUEST_BUFFERS_MAX)
		return -E2BIG;
	pinned = calloc(1, sizeof(*pinned) + (count + 1) * sizeof(pinned->buffer[0]));
	if (!pinned)
		return -ENOMEM;
	for (uint32_t i = 0; i < memory->count; i++)
		list_region(pinned, &memory->region[i]);
	err = register_all(pinned);
	if (err) {
		free_lists(pinned);
		return err;
	}
	memory->pinned = 1;
	*ret_pinned = pinned;
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
	free_lists(pinned);
}

int pinned_memory_share(const struct pinned_memory *pinned, int ring_fd)
{
	ring_unregister_buffers(ring_fd);
	return pinned && pinned->count ? ring_clone_buffers(ring_fd, pinned->ring.ring_fd) : 0;
}

struct guest_pages_args pinned_memory_list(const struct pinned_memory *pinned,
					   struct guest_pages *ret_pages)
{
	struct guest_pages_args args = {
		.ring_fd = (uint32_t)pinned->ring.ring_fd,
		.count = min(pinned->count, GUEST_PAGES_MAX),
		.check = pinned->count,
		.check_hva = (uintptr_t)pinned->buffer[pinned->count].iov_base,
	};

	for (uint32_t i = 0; i < args.count; i++)
		ret_pages[i].hva = (uintptr_t)pinned->buffer[i].iov_base;
	return args;
}
