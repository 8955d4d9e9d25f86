/* SPDX-License-Identifier: GPL-2.0-only */
/* A worker's io_uring, with the best set-up this kernel has. */
#ifndef NVRING_RING_H
#define NVRING_RING_H

#include <liburing.h>
#include <stdbool.h>

/**
 * ring_open() - set up a ring for one thread
 * @entries: SQEs; the CQ has twice as many
 * @passthrough: 128-byte SQEs and 32-byte CQEs, for IORING_OP_URING_CMD
 * @device_fd: becomes fixed file 0, or -1
 * @ret_ring: filled; only the calling thread may use it
 *
 * Return: 0 or -errno.
 */
int ring_open(unsigned int entries, bool passthrough, int device_fd, struct io_uring *ret_ring);

/**
 * ring_needs_enter() - whether the kernel holds completions that it posts when we enter it
 * @ring: from ring_open()
 */
static inline bool ring_needs_enter(const struct io_uring *ring)
{
	return __atomic_load_n(ring->sq.kflags, __ATOMIC_RELAXED) &
	       (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

/**
 * ring_sqe() - the next free SQE
 * @ring: from ring_open()
 *
 * When the SQ is full what is there is submitted first. Never NULL.
 */
struct io_uring_sqe *ring_sqe(struct io_uring *ring);

#endif
