// SPDX-License-Identifier: GPL-2.0-only
#include "inflight.h"

#include <stdlib.h>

struct recovered {
	uint64_t counter;
	uint16_t head;
};

static int by_counter(const void *left, const void *right)
{
	const struct recovered *a = left, *b = right;

	return a->counter < b->counter ? -1 : a->counter > b->counter;
}

/* The last batch reached the driver, but its heads were not all cleared. */
static void clear_last_batch(struct inflight_queue *inflight, uint16_t size, uint16_t used_idx)
{
	uint16_t batch = used_idx - load_once(&inflight->used_idx);
	uint16_t head = load_once(&inflight->last_batch_head);

	for (uint16_t i = 0; i < batch && i < size && head < size; i++) {
		store_once(&inflight->desc[head].inflight, 0);
		head = load_once(&inflight->desc[head].next);
	}
	__atomic_store_n(&inflight->used_idx, used_idx, __ATOMIC_RELEASE);
}

uint16_t inflight_recover(struct inflight_queue *inflight, uint16_t size, uint16_t used_idx,
			  uint16_t *ret_heads, uint64_t *ret_counter)
{
	struct recovered found[QUEUE_SIZE_MAX];
	uint16_t count = 0;

	if (load_once(&inflight->used_idx) != used_idx)
		clear_last_batch(inflight, size, used_idx);
	for (uint16_t head = 0; head < size; head++) {
		if (load_once(&inflight->desc[head].inflight) != 1)
			continue;
		found[count].counter = load_once(&inflight->desc[head].counter);
		found[count++].head = head;
	}
	// cppcheck-suppress uninitvar
	qsort(found, count, sizeof(found[0]), by_counter);
	for (uint16_t i = 0; i < count; i++)
		ret_heads[i] = found[i].head;
	*ret_counter = count ? found[count - 1].counter + 1 : 0;
	return count;
}
