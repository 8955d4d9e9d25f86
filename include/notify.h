/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the driver wants an interrupt for what was published. Virtio 1.3 §2.7.7. */
#ifndef NVRING_NOTIFY_H
#define NVRING_NOTIFY_H

#include "queue.h"
#include "vring.h"

/**
 * notify_wanted() - decide for everything published since the last decision
 * @queue: state
 * @vring: memory
 *
 * The barrier pairs with the driver's between its store of used_event (or the flags) and its
 * look at used->idx.
 *
 * Return: 1 when the call eventfd must be written, else 0.
 */
NVR_INLINE int notify_wanted(struct queue_state *queue, const struct vring_memory *vring)
{
	__u16 from = queue->signalled, to = queue->published;

	if (from == to)
		return 0;
	queue->signalled = to;
	vring_barrier(vring);
	if (!(queue->flags & QUEUE_EVENT_IDX))
		return !(vring_avail_flags(vring) & VRING_AVAIL_F_NO_INTERRUPT);
	return (__u16)(to - vring_read_used_event(vring, queue->size) - 1) < (__u16)(to - from);
}

#endif
