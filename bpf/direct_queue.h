/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue as a run of a direct engine holds it: what belongs to it, the lock that keeps contexts
 * apart, and the books of its requests.
 */
#ifndef NVRING_DIRECT_QUEUE_H
#define NVRING_DIRECT_QUEUE_H

#include "direct_maps.h"
#include "stats_map.h"
#include "used.h"
#include "vring.h"

/*
 * A function of its own. What one leaves on the stack is gone with its frame; what an inlined one
 * leaves there the verifier takes, before Linux 7, for a part of the state, and looks at all that
 * follows once more for each difference: six times as much in all.
 */
#define DIRECT_APART static __attribute__((noinline, unused))

struct direct_run {
	struct direct_queue *queue;
	struct queue_stats *stats;
	struct direct_vm *vm;
	struct inflight_queue *inflight; /* used when queue->tracked */
	struct vring_memory vring;
	struct direct_sq *sq;
	struct direct_cq *cq;
};

/* direct_inflight() - where a queue's requests are tracked */
static __always_inline struct inflight_queue *direct_inflight(__u32 index)
{
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&nvr_inflights, &zero);

	return map ? bpf_map_lookup_elem(map, &index) : (void *)0;
}

/* direct_clock() - CLOCK_MONOTONIC, read once for all that a run does at a time */
static __always_inline __u64 direct_clock(struct direct_queue *queue)
{
	if (!queue->now)
		queue->now = bpf_ktime_get_ns();
	return queue->now;
}

/* direct_word() - one of the ring's indices or flags */
static __always_inline volatile __u32 *direct_word(struct direct_cq *cq, __u32 offset)
{
	return (volatile __u32 *)&cq->byte[offset & (DIRECT_PAGE - sizeof(__u32))];
}

/* direct_call_worker() - there is something for user space: handed heads, a broken queue */
static __always_inline void direct_call_worker(struct direct_queue *queue)
{
	struct direct_call call = { .queue = queue->index };

	if (__sync_lock_test_and_set(&queue->attention, 1))
		return;
	bpf_ringbuf_output(&nvr_calls, &call, sizeof(call), BPF_RB_FORCE_WAKEUP);
}

/* direct_enter() - whether this context may serve the queue; the one that does goes on for it */
static __always_inline int direct_enter(struct direct_queue *queue, struct queue_stats *stats)
{
	stats->direct.runs++;
	if (!(__sync_fetch_and_or(&queue->lock, DIRECT_HELD | DIRECT_AGAIN) & DIRECT_HELD))
		return 1;
	stats->direct.busy++;
	return 0;
}

/* direct_begin() - before each turn: what comes from now on asks for another one */
static __always_inline void direct_begin(struct direct_queue *queue)
{
	__sync_fetch_and_and(&queue->lock, ~DIRECT_AGAIN);
}

/* direct_leave() - let go of the queue, unless another turn was asked for */
static __always_inline int direct_leave(struct direct_queue *queue)
{
	return __sync_val_compare_and_swap(&queue->lock, DIRECT_HELD, 0) == DIRECT_HELD;
}

static __always_inline void direct_hand(struct direct_queue *queue, struct queue_stats *stats,
					__u16 head, enum direct_reason reason)
{
	struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];

	slot->state = DIRECT_SLOT_HANDED;
	if (trace_follows(&stats->trace, head))
		stats->trace.now.handed = 1;
	queue->handed[queue->handed_tail & (QUEUE_SIZE_MAX - 1)] = head;
	store_release(&queue->handed_tail, queue->handed_tail + 1);
	direct_handed(&stats->direct)[reason]++;
	direct_call_worker(queue);
}

/* direct_release() - the kernel reads the request's segments no more */
static __always_inline void direct_release(struct direct_queue *queue, struct direct_slot *slot)
{
	if (!slot->pool)
		return;
	queue->pool_free[queue->pool_count & (DIRECT_POOL - 1)] = slot->pool - 1;
	queue->pool_count++;
	slot->pool = 0;
}

/* direct_latency() - stats_latency(), verified once */
NVR_GLOBAL int direct_latency(struct queue_stats *stats NVR_NONNULL, __u32 type, __u64 started,
			      __u64 now)
{
	stats_latency(stats, type, started, now);
	return 0;
}

/* direct_time() - the run is over: what a doorbell, or the interrupt, took */
NVR_GLOBAL int direct_time(struct direct_queue *queue NVR_NONNULL,
			   struct queue_stats *stats NVR_NONNULL)
{
	__u64 now = bpf_ktime_get_ns();

	if (queue->kicked_at && (__u16)(queue->state.last_avail - queue->begun))
		stats_time(&stats->kick_latency, queue->kicked_at, now);
	queue->kicked_at = 0;
	if (queue->told) /* what never left took no time that the clock would tell */
		stats_time(&stats->interrupt_latency, queue->told_at ? queue->told_at : now, now);
	queue->told = 0;
	if (stats->trace.active) {
		trace_submitted(&stats->trace, now);
		trace_interrupted(&stats->trace, now);
	}
	return 0;
}

/* direct_timed() - the same, when there was either, or a request is followed */
static __always_inline void direct_timed(const struct direct_run *run)
{
	if (run->queue->kicked_at || run->queue->told || run->stats->trace.active)
		direct_time(run->queue, run->stats);
}

/* direct_trace() - the request at @head was taken, and some are to be followed */
NVR_GLOBAL int direct_trace(struct direct_queue *queue NVR_NONNULL,
			    struct queue_stats *stats NVR_NONNULL, __u16 head)
{
	trace_begin(&stats->trace, head, queue->kicked_at, direct_clock(queue));
	if (trace_follows(&stats->trace, head))
		stats->trace.now.by_bpf = 1;
	return 0;
}

/* direct_traced() - the one that is followed completed */
NVR_GLOBAL int direct_traced(struct direct_queue *queue NVR_NONNULL,
			     struct queue_stats *stats NVR_NONNULL,
			     const struct direct_slot *slot NVR_NONNULL)
{
	struct trace_record *record = &stats->trace.now;

	record->completed_at = direct_clock(queue);
	record->type = slot->type;
	if (!record->handed)
		record->bytes = slot->bytes;
	return 0;
}

/* direct_give_back() - the request at @head is over and its status byte written */
static __always_inline void direct_give_back(const struct direct_run *run, __u16 head,
					     struct direct_slot *slot)
{
	struct direct_queue *queue = run->queue;

	slot->state = DIRECT_SLOT_FREE;
	if (trace_follows(&run->stats->trace, head))
		direct_traced(queue, run->stats, slot);
	used_push(&queue->state, &run->vring, head, slot->used_len);
	direct_latency(run->stats, slot->type, slot->started, queue->now);
	if (!queue->tracked)
		return;
	inflight_put(run->inflight, head);
	queue->batch[queue->batch_count & (QUEUE_SIZE_MAX - 1)] = head;
	queue->batch_count++;
}

/* direct_drop() - the request at @head broke the queue: it is not given back */
static __always_inline void direct_drop(const struct direct_run *run, __u16 head,
					struct direct_slot *slot)
{
	slot->state = DIRECT_SLOT_FREE;
	trace_forget(&run->stats->trace, head);
	run->queue->state.in_flight--;
	if (run->queue->tracked)
		inflight_drop(run->inflight, head);
}

/* direct_succeeded() - the request at @head did all that was wanted */
static __always_inline void direct_succeeded(const struct direct_run *run, __u16 head,
					     struct direct_slot *slot)
{
	struct queue_counters *counters = &run->stats->counters;

	if (slot->type == VIRTIO_BLK_T_IN)
		counters->bytes_read += slot->bytes;
	else if (slot->type == VIRTIO_BLK_T_OUT)
		counters->bytes_written += slot->bytes;
	direct_give_back(run, head, slot);
}

#endif
