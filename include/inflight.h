/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-flight tracking that outlives this process: vhost-user specification, "Inflight I/O
 * tracking", split virtqueue. The front-end keeps the memory and gives it to our successor, who
 * learns from it which heads were taken and never given back.
 *
 * The order of stores is the point: a process may die between any two of them.
 */
#ifndef NVRING_INFLIGHT_H
#define NVRING_INFLIGHT_H

#include "arch.h"
#include "queue.h"

struct inflight_desc {
	__u8 inflight;
	__u8 padding[5];
	__u16 next;    /* chain of the batch being published */
	__u64 counter; /* order in which heads were taken */
};

struct inflight_queue {
	__u64 features;
	__u16 version;
	__u16 desc_num;
	__u16 last_batch_head;
	__u16 used_idx;
	struct inflight_desc desc[QUEUE_SIZE_MAX]; /* as many as the area is laid out for */
};

_Static_assert(sizeof(struct inflight_desc) == 16, "wire layout");
_Static_assert(__builtin_offsetof(struct inflight_queue, desc) == 16, "wire layout");

#define INFLIGHT_ALIGN 64

/* One queue's part of an area laid out for the largest queues. */
struct inflight_largest {
	struct inflight_queue queue;
	__u8 padding[-sizeof(struct inflight_queue) % INFLIGHT_ALIGN];
};

/* inflight_queue_bytes() - memory one queue of @size entries takes */
NVR_INLINE __u64 inflight_queue_bytes(__u16 size)
{
	__u64 bytes = __builtin_offsetof(struct inflight_queue, desc) +
		      size * sizeof(struct inflight_desc);

	return (bytes + INFLIGHT_ALIGN - 1) & ~(INFLIGHT_ALIGN - 1ULL);
}

/* inflight_take() - @head was taken; before anything is done for it */
NVR_INLINE void inflight_take(struct inflight_queue *inflight, __u16 head, __u64 counter)
{
	if (!NVR_BPF && !inflight)
		return;
	head &= QUEUE_SIZE_MAX - 1;
	store_once(&inflight->desc[head].counter, counter);
	store_release(&inflight->desc[head].inflight, 1);
}

/* inflight_drop() - @head broke the queue and is never given back: nobody is to try it again */
NVR_INLINE void inflight_drop(struct inflight_queue *inflight, __u16 head)
{
	if (!NVR_BPF && !inflight)
		return;
	store_release(&inflight->desc[head & (QUEUE_SIZE_MAX - 1)].inflight, 0);
}

/* inflight_put() - @head was pushed into the used ring, not yet published */
NVR_INLINE void inflight_put(struct inflight_queue *inflight, __u16 head)
{
	if (!NVR_BPF && !inflight)
		return;
	head &= QUEUE_SIZE_MAX - 1;
	store_once(&inflight->desc[head].next, inflight->last_batch_head);
	store_release(&inflight->last_batch_head, head);
}

/* inflight_publish() - the used index became @used_idx; @heads are what it announced */
NVR_INLINE void inflight_publish(struct inflight_queue *inflight, const __u16 *heads, __u16 count,
				 __u16 used_idx)
{
	__u32 i;

	if (!NVR_BPF && !inflight)
		return;
	nvr_for(i, 0, count)
		store_once(&inflight->desc[heads[i & (QUEUE_SIZE_MAX - 1)] & (QUEUE_SIZE_MAX - 1)]
				    .inflight,
			   0);
	store_release(&inflight->used_idx, used_idx);
}

#ifndef __bpf__
/**
 * inflight_recover() - what the process before us left
 * @inflight: the queue's memory
 * @size: queue size
 * @used_idx: the used ring's index
 * @ret_heads: room for @size heads, filled with those in flight, oldest first
 * @ret_counter: next counter to use
 *
 * A batch that was published but not cleared is cleared first.
 * Return: how many heads are in flight, 0..size.
 */
__u16 inflight_recover(struct inflight_queue *inflight, __u16 size, __u16 used_idx,
		       __u16 *ret_heads, __u64 *ret_counter);
#endif

#endif
