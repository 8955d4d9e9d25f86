/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the driver wants an interrupt for what was published. Virtio 1.3 §2.7.7. */
#ifndef NVRING_NOTIFY_H
#define NVRING_NOTIFY_H

#include "queue.h"
#include "vring.h"

/**
 * notify_look() - read the word by which the driver says whether it wants an interrupt
 * @queue: state
 * @vring: memory
 *
 * The barrier pairs with the driver's between its store of used_event (or the flags) and its
 * look at used->idx.
 */
NVR_INLINE __u16 notify_look(const struct queue_state *queue, const struct vring_memory *vring)
{
	vring_barrier(vring);
	return queue->flags & QUEUE_EVENT_IDX ? vring_read_used_event(vring, queue->size)
					      : vring_avail_flags(vring);
}

/**
 * notify_unseen() - how many requests were given back that the driver did not take yet
 * @queue: state
 * @vring: memory
 *
 * It says so when it is done with an interrupt, by used_event. Without that, or where it makes no
 * sense, as a driver that polls leaves it alone, those it was told of count as taken.
 */
NVR_INLINE __u32 notify_unseen(const struct queue_state *queue, const struct vring_memory *vring)
{
	__u16 owed = queue->published - queue->signalled, unseen;

	if (!(queue->flags & QUEUE_EVENT_IDX))
		return owed;
	unseen = queue->published - vring_read_used_event(vring, queue->size);
	return queue->in_flight + unseen <= queue->size ? unseen : owed;
}

/* notify_decide() - notify_wanted(), which says more, where notify_look() said @word */
NVR_INLINE int notify_decide(struct queue_state *queue, __u16 word)
{
	__u16 from = queue->signalled, to = queue->published;

	queue->signalled = to;
	if (!(queue->flags & QUEUE_EVENT_IDX))
		return !(word & VRING_AVAIL_F_NO_INTERRUPT);
	return (__u16)(to - word - 1) < (__u16)(to - from);
}

/**
 * notify_wanted() - decide for everything published since the last decision
 * @queue: state
 * @vring: memory
 *
 * Return: 1 when the call eventfd must be written, else 0.
 */
NVR_INLINE int notify_wanted(struct queue_state *queue, const struct vring_memory *vring)
{
	if (queue->signalled == queue->published)
		return 0;
	return notify_decide(queue, notify_look(queue, vring));
}

#endif
