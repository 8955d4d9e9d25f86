/* SPDX-License-Identifier: GPL-2.0-only */
/* SQEs of a direct ring, but for requests' commands: everything BPF wants done is one. */
#ifndef NVRING_DIRECT_SQE_H
#define NVRING_DIRECT_SQE_H

#include "direct_queue.h"
#include "sqe.h"
#include "virtqueue.h"

/* direct_sqe() - the next SQE; sq_room was above 0 */
static __always_inline struct io_uring_sqe *direct_sqe(struct direct_queue *queue,
						       struct direct_sq *sq)
{
	__u32 at = (queue->sq_tail & (DIRECT_SQ_ENTRIES - 1)) * DIRECT_SQE_BYTES;

	__asm__ volatile("" : "+r"(at)); /* the mask is for the verifier: keep it */
	at &= DIRECT_SQ_BYTES - DIRECT_SQE_BYTES;
	queue->sq_tail++;
	queue->sq_room--;
	return (struct io_uring_sqe *)&sq->byte[at];
}

/* direct_has_room() - for a command, a status byte and an SQE of our own */
static __always_inline int direct_has_room(const struct direct_queue *queue)
{
	return queue->sq_room >= 3;
}

/* direct_own_sqe() - an SQE of ours, no request's command; @file is one of the ring's or none */
static __always_inline struct io_uring_sqe *
direct_own_sqe(struct direct_queue *queue, struct direct_sq *sq, __u8 opcode, __s32 file, __u64 tag)
{
	struct io_uring_sqe *sqe = direct_sqe(queue, sq);

	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->flags = file == SQE_FILE_NONE ? 0 : IOSQE_FIXED_FILE;
	sqe->fd = file;
	sqe->user_data = sqe_user_data(tag, queue->index, 0);
	return sqe;
}

/* direct_timeout() - a TIMEOUT of ours; @delay is the struct __kernel_timespec's offset in the
 * queue */
static __always_inline void direct_timeout(struct direct_queue *queue, struct direct_sq *sq,
					   __u64 tag, __u64 delay)
{
	struct io_uring_sqe *sqe = direct_own_sqe(queue, sq, IORING_OP_TIMEOUT, SQE_FILE_NONE, tag);

	sqe->addr = queue->self + delay;
	sqe->len = 1;
}

/* direct_until() - ns from now to @at (CLOCK_MONOTONIC), 0 when that is past */
static __always_inline __s64 direct_until(struct direct_queue *queue, __u64 at)
{
	__s64 delay = (__s64)(at - direct_clock(queue));

	return delay > 0 ? delay : 0;
}

static __always_inline void direct_arm_kick(struct direct_queue *queue, struct direct_sq *sq)
{
	struct io_uring_sqe *sqe;

	if (!queue->sq_room)
		return; /* the next run tries again */
	sqe = direct_own_sqe(queue, sq, IORING_OP_POLL_ADD, DIRECT_FILE_KICK, SQE_TAG_DIRECT_KICK);
	sqe->len = IORING_POLL_ADD_MULTI;
	sqe->poll32_events = 1; /* POLLIN */
	queue->kick_armed = 1;
}

/* direct_look_later() - poller: come back at once. A NOP is the way: it is seen to complete. */
static __always_inline void direct_look_later(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->look_armed || !queue->sq_room)
		return;
	direct_own_sqe(queue, run->sq, IORING_OP_NOP, SQE_FILE_NONE, SQE_TAG_DIRECT_LOOK);
	queue->look_armed = 1;
}

/*
 * direct_await_hold() - an interrupt is held: whether a TIMEOUT brings us back for it, or a
 * completion. Not where completions come faster than one would sleep; then the caller looks again
 * at once.
 */
static __always_inline int direct_await_hold(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->coalesce.moderation.gap_ns <= load_once(&queue->spin.budget_ns))
		return 0;
	if (queue->hold_armed)
		return 1;
	if (!queue->sq_room)
		return 0;
	queue->hold_delay[0] = 0;
	queue->hold_delay[1] = direct_until(queue, queue->coalesce.moderation.until_ns);
	direct_timeout(queue, run->sq, SQE_TAG_DIRECT_HOLD,
		       __builtin_offsetof(struct direct_queue, hold_delay));
	queue->hold_armed = 1;
	return 1;
}

/* direct_signal() - an SQE that writes the call file descriptor, where that is how it is done */
static __always_inline void direct_signal(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	struct io_uring_sqe *sqe;

	if (!queue->has_call || !queue->wanted || !queue->sq_room)
		return;
	queue->wanted = 0;
	sqe = direct_own_sqe(queue, run->sq, IORING_OP_WRITE, DIRECT_FILE_CALL,
			     SQE_TAG_DIRECT_SIGNAL);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->off = -1ULL;
	sqe->addr = queue->self + __builtin_offsetof(struct direct_queue, one);
	sqe->len = sizeof(queue->one);
}

/* direct_status() - let /dev/zero write the status byte OK, as BPF has no means to */
static __always_inline struct io_uring_sqe *direct_status(struct direct_queue *queue,
							  struct queue_stats *stats,
							  struct direct_sq *sq,
							  const struct request *request)
{
	struct io_uring_sqe *sqe =
		direct_own_sqe(queue, sq, IORING_OP_READ, DIRECT_FILE_ZERO, SQE_TAG_DIRECT_STATUS);

	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->addr = request->status_addr;
	sqe->len = 1;
	stats->direct.status_writes++;
	return sqe;
}

#endif
