/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split virtqueue, device side: taking heads from the avail ring and asking for doorbells.
 * Virtio 1.3 §2.7.
 */
#ifndef NVRING_VIRTQUEUE_H
#define NVRING_VIRTQUEUE_H

#include <linux/errno.h>

#include "queue.h"
#include "vring.h"

/* virtqueue_break() - stop the queue for @fault; the first reason is kept */
NVR_INLINE void virtqueue_break(struct queue_state *queue, enum queue_fault fault)
{
	if (queue->flags & QUEUE_BROKEN)
		return;
	queue->flags |= QUEUE_BROKEN;
	queue->fault = (__u16)fault;
}

/**
 * virtqueue_pending() - how many heads wait in the avail ring
 * @queue: state; broken when the index jumped by more than the queue size
 * @vring: memory
 *
 * Return: 0..size.
 */
NVR_INLINE __u16 virtqueue_pending(struct queue_state *queue, const struct vring_memory *vring)
{
	__u16 pending;

	if (queue->flags & QUEUE_BROKEN)
		return 0;
	pending = (__u16)(vring_avail_idx(vring) - queue->last_avail);
	if (pending > queue->size) {
		virtqueue_break(queue, QUEUE_FAULT_AVAIL_JUMP);
		return 0;
	}
	return pending;
}

/**
 * virtqueue_take() - take the next head
 * @queue: state; broken when the head names no descriptor
 * @vring: memory; virtqueue_pending() was above 0
 *
 * Return: the head, below the queue size, or -EPROTO when the queue broke.
 */
NVR_INLINE int virtqueue_take(struct queue_state *queue, const struct vring_memory *vring)
{
	__u16 head = vring_avail_entry(vring, queue->last_avail & (queue->size - 1));

	if (head >= queue->size) {
		virtqueue_break(queue, QUEUE_FAULT_HEAD_RANGE);
		return -EPROTO;
	}
	queue->last_avail++;
	return head;
}

/* virtqueue_untake() - what virtqueue_take() took last is still to be taken */
NVR_INLINE void virtqueue_untake(struct queue_state *queue)
{
	queue->last_avail--;
}

/**
 * virtqueue_kicks_off() - tell the driver that no doorbell is needed
 * @queue: state
 * @vring: memory
 *
 * With EVENT_IDX the driver compares with avail_event; one that lies behind last_avail is not
 * reached before 65,536 more entries, so leaving it alone is enough.
 */
NVR_INLINE void virtqueue_kicks_off(struct queue_state *queue, const struct vring_memory *vring)
{
	if (queue->kicks_off)
		return; /* the driver reads that cache line: it is not written for nothing */
	queue->kicks_off = 1;
	if (!(queue->flags & QUEUE_EVENT_IDX))
		vring_used_flags(vring, VRING_USED_F_NO_NOTIFY);
}

/**
 * virtqueue_kicks_on() - ask for a doorbell at the next entry, then look again
 * @queue: state
 * @vring: memory
 *
 * The barrier pairs with the driver's between its store of avail->idx and its load of the
 * suppression word, §2.7.13.4.1: one of the two sides sees the other.
 *
 * Return: 1 when entries came meanwhile, which may have no doorbell, else 0.
 */
NVR_INLINE int virtqueue_kicks_on(struct queue_state *queue, const struct vring_memory *vring)
{
	queue->kicks_off = 0;
	if (queue->flags & QUEUE_EVENT_IDX)
		vring_write_avail_event(vring, queue->size, queue->last_avail);
	else
		vring_used_flags(vring, 0);
	vring_barrier(vring);
	return virtqueue_pending(queue, vring) > 0;
}

#endif
