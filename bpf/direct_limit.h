/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM's limits: a request that may not start yet stays in the avail ring, and a TIMEOUT brings
 * us back when the queue's turn has come. Doorbells are off meanwhile.
 */
#ifndef NVRING_DIRECT_LIMIT_H
#define NVRING_DIRECT_LIMIT_H

#include "direct_sqe.h"

/* Timers are no longer, in case that the limits change, or an event is missed. */
#define DIRECT_TURN_MAX_NS 100000000U

#define DIRECT_WAITS 2 /* of what starts a request: not now */

/* direct_limit_holds() - the part of direct_held() that is not always to be done */
NVR_GLOBAL int direct_limit_holds(struct direct_queue *queue NVR_NONNULL,
				  const struct direct_vm *vm NVR_NONNULL)
{
	struct limit_share *share = &queue->state.limit;
	__u64 now = direct_clock(queue);

	if (limit_holds(&vm->limits, share, now))
		return 1;
	/* The worker's: that of requests which we could not read. */
	if (load_once(&queue->debt_until))
		limit_owes(share, now, __sync_lock_test_and_set(&queue->debt_until, 0));
	return share->until != 0;
}

/* direct_held() - whether nothing is to be started for now */
static __always_inline int direct_held(const struct direct_run *run)
{
	return limit_applies(&run->vm->limits, &run->queue->state.limit) &&
	       direct_limit_holds(run->queue, run->vm);
}

/* direct_waits() - whether a batch ended, or did not begin, as what is next has to wait */
static __always_inline int direct_waits(const struct direct_queue *queue)
{
	return queue->state.limit.until != 0;
}

/* limit_start() by halves, as the stack has no room for both at once. */
NVR_GLOBAL int direct_pays_drive(struct direct_queue *queue NVR_NONNULL,
				 struct direct_vm *vm NVR_NONNULL, int write, __u32 bytes)
{
	return limit_start_drive(&vm->limits, &queue->state.limit, direct_clock(queue), write,
				 bytes);
}

NVR_GLOBAL int direct_pays_rest(struct direct_queue *queue NVR_NONNULL,
				struct direct_vm *vm NVR_NONNULL)
{
	return limit_start_rest(&vm->limits, &queue->state.limit, direct_clock(queue));
}

/* direct_pays() - a request is about to start: 1 when it may */
static __always_inline int direct_pays(struct direct_queue *queue, struct direct_vm *vm, int write,
				       __u32 bytes)
{
	return direct_pays_drive(queue, vm, write, bytes) && direct_pays_rest(queue, vm);
}

/* direct_put_back() - the request at @head is still to be taken */
static __always_inline void direct_put_back(const struct direct_run *run, __u16 head,
					    struct direct_slot *slot)
{
	direct_drop(run, head, slot);
	virtqueue_untake(&run->queue->state);
}

/* direct_await_turn() - have a TIMEOUT bring us back when the queue's turn has come */
static __always_inline void direct_await_turn(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__s64 delay;

	if (!direct_waits(queue) || queue->mode != DIRECT_ON || queue->turn_armed ||
	    !queue->sq_room)
		return;
	delay = direct_until(queue, queue->state.limit.until);
	queue->turn_delay[0] = 0;
	queue->turn_delay[1] = delay < DIRECT_TURN_MAX_NS ? delay : DIRECT_TURN_MAX_NS;
	direct_timeout(queue, run->sq, SQE_TAG_DIRECT_TURN,
		       __builtin_offsetof(struct direct_queue, turn_delay));
	queue->turn_armed = 1;
}

#endif
