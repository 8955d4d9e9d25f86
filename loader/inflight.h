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

#include <stddef.h>
#include <stdint.h>

#include "arch.h"
#include "queue.h"

struct inflight_desc {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;	  /* chain of the batch being published */
	uint64_t counter; /* order in which heads were taken */
};

struct inflight_queue {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct inflight_desc desc[];
};

_Static_assert(sizeof(struct inflight_desc) == 16, "wire layout");
_Static_assert(sizeof(struct inflight_queue) == 16, "wire layout");

#define INFLIGHT_ALIGN 64

/* inflight_queue_bytes() - memory one queue of @size entries takes */
static inline size_t inflight_queue_bytes(uint16_t size)
{
	size_t bytes = sizeof(struct inflight_queue) + size * sizeof(struct inflight_desc);

	return (bytes + INFLIGHT_ALIGN - 1) & ~(size_t)(INFLIGHT_ALIGN - 1);
}

/* inflight_take() - @head was taken; before anything is done for it */
static inline void inflight_take(struct inflight_queue *inflight, uint16_t head, uint64_t counter)
{
	if (!inflight)
		return;
	store_once(&inflight->desc[head].counter, counter);
	__atomic_store_n(&inflight->desc[head].inflight, 1, __ATOMIC_RELEASE);
}

/* inflight_put() - @head was pushed into the used ring, not yet published */
static inline void inflight_put(struct inflight_queue *inflight, uint16_t head)
{
	if (!inflight)
		return;
	store_once(&inflight->desc[head].next, inflight->last_batch_head);
	__atomic_store_n(&inflight->last_batch_head, head, __ATOMIC_RELEASE);
}

/* inflight_publish() - the used index became @used_idx; @heads are what it announced */
static inline void inflight_publish(struct inflight_queue *inflight, const uint16_t *heads,
				    uint16_t count, uint16_t used_idx)
{
	if (!inflight)
		return;
	for (uint16_t i = 0; i < count; i++)
		store_once(&inflight->desc[heads[i]].inflight, 0);
	__atomic_store_n(&inflight->used_idx, used_idx, __ATOMIC_RELEASE);
}

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
uint16_t inflight_recover(struct inflight_queue *inflight, uint16_t size, uint16_t used_idx,
			  uint16_t *ret_heads, uint64_t *ret_counter);

#endif
