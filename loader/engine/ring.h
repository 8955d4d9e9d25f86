/* SPDX-License-Identifier: GPL-2.0-only */
/* Rings: a worker's, with the best set-up this kernel has, and those of the direct engines. */
#ifndef NVRING_RING_H
#define NVRING_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

struct direct_ring;

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

/* An SQPOLL ring in memory of ours, with 128-byte SQEs and 32-byte CQEs. */
struct ring_layout {
	uint32_t sq_entries, cq_entries; /* powers of two */
	void *sq_memory;		 /* page-aligned, the SQEs */
	void *ring_memory;		 /* page-aligned, indices and CQEs */
	uint32_t idle_ms;		 /* the thread sleeps after so long without work */
	int cpu;			 /* of a new thread, -1 anywhere */
	int thread_of;			 /* ring whose thread is to serve this one, too, or -1 */
};

/**
 * ring_open_poller() - set it up
 * @layout: what it is made of
 * @ret_ring: filled with where its words are
 *
 * By system call, as liburing 2.3 knows nothing of IORING_SETUP_NO_MMAP (Linux 6.5).
 * Return: its descriptor, or -errno.
 */
int ring_open_poller(const struct ring_layout *layout, struct direct_ring *ret_ring);

/* ring_register_files() - fixed files of a ring; 0 or -errno */
int ring_register_files(int ring_fd, const int *fds, unsigned int count);

/* ring_update_file() - change one of them, -1 for none; 0 or -errno */
int ring_update_file(int ring_fd, unsigned int index, int fd);

/* ring_register_eventfd() - the eventfd that completions signal, -1 for none; 0 or -errno */
int ring_register_eventfd(int ring_fd, int fd);

/* ring_register_buffers() - fixed buffers of a ring; 0 or -errno */
int ring_register_buffers(int ring_fd, const struct iovec *buffers, unsigned int count);

/* ring_clone_buffers() - the fixed buffers of another ring; 0, -EINVAL before Linux 6.12, or -errno
 */
int ring_clone_buffers(int ring_fd, int from_fd);

/* ring_unregister_buffers() - none; nothing when there are none */
void ring_unregister_buffers(int ring_fd);

/* ring_wake() - let the SQPOLL thread look at the SQ */
void ring_wake(int ring_fd);

/* ring_flush() - let the kernel post completions that the CQ had no room for */
void ring_flush(int ring_fd);

/**
 * ring_open_loop() - set up a ring for the loop engine, with 128-byte SQEs and 32-byte CQEs
 * @sq_entries: a power of two
 * @cq_entries: likewise
 * @ret_ring: filled with where its words are
 *
 * The calling thread alone may use it. Return: its descriptor, or -errno.
 */
int ring_open_loop(uint32_t sq_entries, uint32_t cq_entries, struct direct_ring *ret_ring);

/**
 * ring_keep_thread() - have the calling thread keep one of io_uring's own, and never more
 *
 * What the kernel cannot start at once, as while a drive's queue is frozen, goes to threads that
 * io_uring makes when there is none. One made while BPF submits would count as one that may not
 * migrate, for good (kernel/fork.c copies the count), and who sets its CPUs waits until it has
 * ended. So one is made before; it stays while the caller has another ring (io_uring/io-wq.c).
 *
 * Return: 0; -EAGAIN when no more tasks are allowed, or -errno.
 */
int ring_keep_thread(void);

/* ring_register_region() - memory that the ring's BPF program may reach; 0 or -errno */
int ring_register_region(int ring_fd, void *memory, uint64_t bytes);

/* ring_set_word() - write a word of the ring's memory, at @offset of what has the CQ; 0 or -errno
 */
int ring_set_word(int ring_fd, uint32_t offset, uint32_t value);

/* ring_enter_loop() - run the ring's BPF program until it says stop; 0 or -errno */
int ring_enter_loop(int ring_fd);

#endif
