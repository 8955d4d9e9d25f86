/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory that stays pinned (--pin-memory): registered once, with a ring that serves nothing
 * else, and shared with those that serve (include/guest_buffer.h). With a balloon or free page
 * reporting the guest would get other pages than the pinned ones: the operator turns this on
 * knowing that (README). Control thread only, but for what says otherwise.
 */
#ifndef NVRING_PINNED_MEMORY_H
#define NVRING_PINNED_MEMORY_H

#include "guest_memory.h"

struct pinned_memory;

/*
 * pinned_memory_check() - whether there can be such; 0 or -EOPNOTSUPP
 *
 * From Linux 6.12 on rings can share buffers. Before, each would have to pin the memory once more,
 * and passthrough takes no registered buffer that has more pages than a command (block/blk-map.c).
 */
int pinned_memory_check(void);

/**
 * pinned_memory_open() - pin all of guest memory
 * @memory: the table; it tells where the buffers are, and that it is pinned, from now on
 * @ret_pinned: set; free with pinned_memory_close()
 *
 * Return: 0, -E2BIG for more buffers than the kernel takes, or -errno.
 */
int pinned_memory_open(struct guest_memory *memory, struct pinned_memory **ret_pinned);

/**
 * pinned_memory_close() - unpin, as far as rings are concerned that it was not shared with
 * @pinned: may be NULL
 * @memory: the table; pinned no more
 */
void pinned_memory_close(struct pinned_memory *pinned, struct guest_memory *memory);

/**
 * pinned_memory_share() - what a ring has registered is this from now on
 * @pinned: NULL for nothing
 * @ring_fd: the calling thread's, or one that any thread may use; nothing of it is under way
 *
 * Any thread, while the control thread lets it. Return: 0 or -errno.
 */
int pinned_memory_share(const struct pinned_memory *pinned, int ring_fd);

#endif
