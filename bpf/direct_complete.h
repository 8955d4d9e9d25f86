/* SPDX-License-Identifier: GPL-2.0-only */
/* The way back: CQEs → used ring → interrupt. */
#ifndef NVRING_DIRECT_COMPLETE_H
#define NVRING_DIRECT_COMPLETE_H

#include "direct_queue.h"
#include "notify.h"
#include "sqe.h"

static __always_inline void direct_completed(const struct direct_run *run, __u16 head, __s32 result)
{
	struct direct_queue *queue = run->queue;
	struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];

	if (slot->state != DIRECT_SLOT_SENT) {
		run->stats->direct.stray++;
		return;
	}
	direct_release(queue, slot);
	if (result != slot->expect) {
		direct_hand(queue, run->stats, head, DIRECT_REASON_ERROR);
		return;
	}
	queue->idle_since = 0;
	direct_succeeded(run, head, slot);
}

/* direct_take_cqe() - account one completion */
static __always_inline void direct_take_cqe(const struct direct_run *run,
					    const volatile struct io_uring_cqe *cqe)
{
	struct direct_queue *queue = run->queue;
	__u64 user_data = cqe->user_data, tag = sqe_tag(user_data);

	if (tag == SQE_TAG_DIRECT) {
		direct_completed(run, sqe_head(user_data), cqe->res);
	} else if (tag == SQE_TAG_DIRECT_KICK) {
		run->stats->counters.kicks++;
		queue->kicked_at = queue->now;
		if (!(cqe->flags & IORING_CQE_F_MORE)) {
			queue->kick_armed = 0;
			run->stats->direct.polls += queue->mode == DIRECT_ON;
		}
	} else if (tag == SQE_TAG_DIRECT_SWEEP) {
		queue->sweep_armed = 0;
		queue->sweep_busy = run->stats->direct.runs - queue->sweep_runs > 1;
		queue->sweep_runs = run->stats->direct.runs;
	} else if (tag == SQE_TAG_DIRECT_LOOK) {
		queue->look_armed = 0;
	} else if (tag == SQE_TAG_DIRECT_TURN) {
		queue->turn_armed = 0;
	} else if (tag == SQE_TAG_DIRECT_HOLD) {
		queue->hold_armed = 0;
	} else if (tag != SQE_TAG_DIRECT_CANCEL) {
		run->stats->direct.stray++;
	}
}

/* direct_reap() - take every completion the ring holds, which is filled up to index @seen */
DIRECT_APART void direct_reap(const struct direct_run *run, __u32 seen)
{
	struct direct_queue *queue = run->queue;
	__u32 next = queue->cq_next, count = seen - next, i;

	if (!count || count > DIRECT_CQ_ENTRIES)
		return;
	run->stats->direct.missed += count - 1;
	direct_clock(queue);
	nvr_for(i, 0, count) {
		__u32 at = queue->ring.cqes +
			   ((next + i) & (DIRECT_CQ_ENTRIES - 1)) * DIRECT_CQE_BYTES;

		if (at > DIRECT_CQ_BYTES - DIRECT_CQE_BYTES)
			break;
		direct_take_cqe(run, (void *)&run->cq->byte[at]);
	}
	queue->cq_next = next + count;
	*direct_word(run->cq, queue->ring.cq_head) = next + count;
}

/* direct_take_back() - what the worker finished for us */
DIRECT_APART void direct_take_back(const struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u32 from = queue->returned_head, count = load_once(&queue->returned_tail) - from, i;

	if (!count || count > QUEUE_SIZE_MAX)
		return;
	direct_clock(queue);
	nvr_for(i, 0, count) {
		__u16 head = load_once(&queue->returned[(from + i) & (QUEUE_SIZE_MAX - 1)]);
		struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];

		if (slot->state != DIRECT_SLOT_HANDED) {
			run->stats->direct.stray++;
		} else if (head & DIRECT_RETURN_DROPPED) {
			direct_drop(run, head & (QUEUE_SIZE_MAX - 1), slot);
		} else {
			direct_give_back(run, head, slot);
		}
	}
	queue->returned_head = from + count;
}

/* direct_published() - the driver sees what is followed, or tracked */
NVR_GLOBAL int direct_published(struct direct_queue *queue NVR_NONNULL,
				struct queue_stats *stats NVR_NONNULL,
				struct inflight_queue *inflight NVR_NONNULL)
{
	struct trace *trace = &stats->trace;

	if (trace->active && trace->now.completed_at && !trace->now.published_at)
		trace->now.published_at = bpf_ktime_get_ns();
	if (queue->tracked)
		inflight_publish(inflight, queue->batch, queue->batch_count,
				 queue->state.published);
	queue->batch_count = 0;
	return 0;
}

/* direct_publish() - let the driver see what was given back */
static __always_inline void direct_publish(const struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u16 count = queue->state.used_idx - queue->state.published;

	if (!count)
		return;
	run->stats->counters.completed += count; /* before the driver sees them */
	if (!queue->owed_at)
		queue->owed_at = queue->now;
	if (used_publish(&queue->state, &run->vring))
		run->stats->counters.completed -= count;
	else if (queue->tracked || run->stats->trace.active)
		direct_published(queue, run->stats, run->inflight);
}

/* direct_complete() - take completions up to index @seen and give requests back */
static __always_inline void direct_complete(const struct direct_run *run, __u32 seen)
{
	direct_reap(run, seen);
	direct_take_back(run);
	direct_publish(run);
}

/* direct_holds() - whether the driver can be told of completions later, with more of them; it did
 * not yet take @unseen of them */
NVR_GLOBAL int direct_holds(struct direct_queue *queue NVR_NONNULL,
			    struct queue_stats *stats NVR_NONNULL, __u32 unseen)
{
	int begins = !coalesce_holds(&queue->coalesce);
	enum coalesce_how how =
		coalesce_ask(&queue->coalesce, &queue->state, direct_clock(queue), unseen);

	/* One that is halted waits for nothing else. */
	if (how == COALESCE_SHORT && halted_at(queue->vcpu)) {
		stats->counters.halted++;
		coalesce_not(&queue->coalesce);
		how = COALESCE_NOT;
	}
	coalesce_count(&stats->counters, how, begins);
	return how != COALESCE_NOT;
}

/* direct_rest() - few requests are under way */
NVR_GLOBAL int direct_rest(struct direct_queue *queue NVR_NONNULL)
{
	coalesce_rest(&queue->coalesce);
	return 0;
}

/* direct_tell() - note whether the driver wants an interrupt now, where notify_look() said @word */
NVR_GLOBAL int direct_tell(struct direct_queue *queue NVR_NONNULL,
			   struct queue_stats *stats NVR_NONNULL, __u32 word)
{
	int wanted = notify_decide(&queue->state, (__u16)word);

	if (stats->trace.active)
		trace_told(&stats->trace, wanted);
	if (wanted) {
		queue->wanted = 1;
		if (!queue->told) {
			queue->told = 1;
			queue->told_at = queue->owed_at;
			stats->counters.interrupts++;
		}
	}
	queue->owed_at = 0;
	return 0;
}

/* direct_notify() - tell the driver of what was published, if it wants that; 1 when that is held
 * back */
static __always_inline int direct_notify(const struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u32 unseen;
	int holds = 0;

	if (queue->state.published == queue->state.signalled)
		return 0;
	unseen = coalesce_unseen(&queue->coalesce, &queue->state, &run->vring);
	if (queue->mode == DIRECT_ON && coalesce_applies(&queue->coalesce, &queue->state, unseen))
		holds = direct_holds(queue, run->stats, unseen);
	else if (coalesce_loaded(&queue->coalesce))
		direct_rest(queue);
	if (!holds)
		direct_tell(queue, run->stats, notify_look(&queue->state, &run->vring));
	return holds;
}

#endif
