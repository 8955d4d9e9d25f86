/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of a direct engine over one queue, the same whatever event brought it:
 *
 *   CQEs → used ring → avail ring → requests → commands → SQEs
 *
 * Events can be missed (a program does not run where it already runs), so a run does not trust the
 * event it came with: it takes every CQE there is and every avail entry there is.
 */
#ifndef NVRING_DIRECT_RUN_H
#define NVRING_DIRECT_RUN_H

#include "direct_complete.h"
#include "direct_start.h"

#define DIRECT_ROUNDS 16 /* looks at the avail ring in one run */

/* direct_spins() - whether to look again at once, for up to @spin_ns after the last work, rather
 * than ask for a doorbell */
static __always_inline int direct_spins(struct direct_queue *queue, __u64 spin_ns)
{
	__u64 now;

	if (!spin_ns)
		return 0;
	now = direct_clock(queue);
	if (!queue->idle_since)
		queue->idle_since = now;
	return now - queue->idle_since < spin_ns;
}

/*
 * direct_kicks() - ask for doorbells; 1 when entries came meanwhile
 *
 * However many requests are under way: their completions may be a while off, and what the driver
 * adds meanwhile is not to wait for them. While they come one after another, spinning sees both.
 */
static __always_inline int direct_kicks(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->state.flags & QUEUE_BROKEN || vring_faulted(&run->vring))
		return 0;
	return virtqueue_kicks_on(&queue->state, &run->vring) && direct_has_room(queue);
}

/* direct_dispatch_begin() - a turn begins: see how much room the SQ has */
static __always_inline __u32 direct_dispatch_begin(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u32 tail = *direct_word(run->cq, queue->ring.sq_tail);

	queue->now = 0;
	queue->begun = queue->state.last_avail;
	queue->sq_tail = tail;
	queue->sq_room = DIRECT_SQ_ENTRIES - (tail - *direct_word(run->cq, queue->ring.sq_head));
	return tail;
}

/* direct_take() - take completions up to index @seen; a kick poll that ended is armed again before
 * anybody relies on it */
static __always_inline void direct_take(struct direct_run *run, __u32 seen)
{
	struct direct_queue *queue = run->queue;

	direct_complete(run, seen);
	if (!queue->kick_armed && (queue->mode == DIRECT_ON || queue->state.in_flight))
		direct_arm_kick(queue, run->sq);
}

/* direct_dispatch_end() - let the kernel see the SQEs; returns how many since @tail */
static __always_inline __u32 direct_dispatch_end(struct direct_run *run, __u32 tail)
{
	struct direct_queue *queue = run->queue;
	__u32 count;

	direct_await_turn(run);
	count = queue->sq_tail - tail;
	if (queue->state.flags & QUEUE_BROKEN && !queue->reported) {
		queue->reported = 1;
		direct_call_worker(queue);
	}
	if (count)
		store_release(direct_word(run->cq, queue->ring.sq_tail), queue->sq_tail);
	return count;
}

#endif
