/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving requests back: entries first, then one index for the batch. Virtio 1.3 §2.7.8. */
#ifndef NVRING_USED_H
#define NVRING_USED_H

#include "queue.h"
#include "vring.h"

/**
 * used_push() - fill the next used entry; the driver does not see it yet
 * @queue: state
 * @vring: memory
 * @head: the request's head
 * @len: bytes written to the request's writable descriptors
 */
NVR_INLINE void used_push(struct queue_state *queue, const struct vring_memory *vring, __u16 head,
			  __u32 len)
{
	vring_used_entry(vring, queue->used_idx & (queue->size - 1), head, len);
	queue->used_idx++;
	queue->in_flight--;
}

/* used_publish() - let the driver see every entry pushed so far; 0, or -EFAULT: to be repeated */
NVR_INLINE int used_publish(struct queue_state *queue, const struct vring_memory *vring)
{
	int err = vring_used_publish(vring, queue->used_idx);

	if (!err)
		queue->published = queue->used_idx;
	return err;
}

#endif
