/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory registered with a ring (--pin-memory): its pages stay pinned, so that a request
 * needs no pinning of its own. With a balloon or free page reporting the guest would get other
 * pages than the pinned ones: the operator turns this on knowing that (README).
 */
#ifndef NVRING_GUEST_BUFFERS_H
#define NVRING_GUEST_BUFFERS_H

#include <liburing.h>

#include "command.h"

struct guest_buffers;

/**
 * guest_buffers_register() - pin and register all of guest memory
 * @ring: the calling thread's ring
 * @memory: the table
 * @ret_buffers: set; free with guest_buffers_unregister()
 *
 * Return: 0 or -errno.
 */
int guest_buffers_register(struct io_uring *ring, const struct guest_memory *memory,
			   struct guest_buffers **ret_buffers);

/* guest_buffers_unregister() - unpin; @buffers may be NULL; always returns NULL */
struct guest_buffers *guest_buffers_unregister(struct io_uring *ring,
					       struct guest_buffers *buffers);

/**
 * guest_buffers_use() - turn an SQE into its registered form where the buffer allows
 * @buffers: registered memory
 * @command: what @sqe was filled from; a single segment qualifies
 * @sqe: changed, or left as it is
 */
void guest_buffers_use(const struct guest_buffers *buffers, const struct command *command,
		       struct io_uring_sqe *sqe);

#endif
