// SPDX-License-Identifier: GPL-2.0-only
#include "inflight.h"

#include <stdlib.h>

struct recovered {
	__u64 counter;
	__u16 head;
};

static int by_counter(const void *left, const void *right)
{
	const struct recovered *a = left, *b = right;

	return a->counter < b->counter ? -1 : a->counter > b->counter;
}

/* The last batch reached the driver, but its heads were not all cleared. */
static void clear_last_batch(struct inflight_queue *inflight, __u16 size, __u16 used_idx)
{
	__u16 batch = used_idx - load_once(&inflight->used_idx);
	__u16 head = load_once(&inflight->last_batch_head);

	for (__u16 i = 0; i < batch && i < size && head < size; i++) {
		store_once(&inflight->desc[head].inflight, 0);
		head = load_once(&inflight->desc[head].next);
	}
	__atomic_store_n(&inflight->used_idx, used_idx, __ATOMIC_RELEASE);
}

__u16 inflight_recover(struct inflight_queue *inflight, __u16 size, __u16 used_idx,
		       __u16 *ret_heads, __u64 *ret_counter)
{
	struct recovered found[QUEUE_SIZE_MAX];
	__u16 count = 0;

	if (load_once(&inflight->used_idx) != used_idx)
		clear_last_batch(inflight, size, used_idx);
	for (__u16 head = 0; head < size; head++) {
		if (load_once(&inflight->desc[head].inflight) != 1)
			continue;
		found[count].counter = load_once(&inflight->desc[head].counter);
		found[count++].head = head;
	}
	// cppcheck-suppress uninitvar
	qsort(found, count, sizeof(found[0]), by_counter);
	for (__u16 i = 0; i < count; i++)
		ret_heads[i] = found[i].head;
	*ret_counter = count ? found[count - 1].counter + 1 : 0;
	return count;
}
