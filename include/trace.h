/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One request's life, stage by stage, for `nvring trace`: one in so many is followed, one at a time
 * in each queue.
 *
 * The engine that has the queue writes all of it but every and until, which are user space's, who
 * asks again before until, and reads records behind tail. While every is 0, following costs a look
 * at a word of memory that stays as it is.
 */
#ifndef NVRING_TRACE_H
#define NVRING_TRACE_H

#include "arch.h"

#define TRACE_RECORDS 16U /* a power of two */

/* Times are CLOCK_MONOTONIC ns, 0 where the request was not at that stage. */
struct trace_record {
	__u64 kicked_at; /* the doorbell that brought the turn; where none did, 0 */
	__u64 taken_at;	 /* from the avail ring */
	__u64 submitted_at;
	__u64 completed_at;   /* its CQE was taken, the last one where there are several */
	__u64 published_at;   /* it is in the used ring, its status is written */
	__u64 interrupted_at; /* an interrupt was sent; 0 also where the driver wants none */
	__u64 sector;	      /* of the guest's disk */
	__u32 bytes;	      /* payload */
	__u32 type;	      /* VIRTIO_BLK_T_* */
	__u16 head;
	__u8 by_bpf; /* a direct engine took it */
	__u8 handed; /* BPF handed it to the worker */
	__u32 reserved;
};

struct trace {
	__u32 every;  /* one request in so many is followed, 0: none */
	__u32 active; /* 1 + head of the one that is, or 0 */
	__u32 passed; /* since the last one */
	__u32 tail;   /* records so far */
	__u64 until;  /* CLOCK_MONOTONIC ns; later, nobody asks any more */
	struct trace_record now;
	struct trace_record done[TRACE_RECORDS];
};

#define TRACE_PENDING 1 /* of interrupted_at: as soon as it is sent */

/* trace_follows() - whether this head's request is followed */
NVR_INLINE int trace_follows(const struct trace *trace, __u16 head)
{
	return trace->active == head + 1U;
}

/* trace_begin() - the request at @head was taken at @now: perhaps it is to be followed */
NVR_INLINE void trace_begin(struct trace *trace, __u16 head, __u64 kicked_at, __u64 now)
{
	struct trace_record *record = &trace->now;

	if (trace->active || ++trace->passed < load_once(&trace->every))
		return;
	trace->passed = 0;
	if (now > trace->until) {
		trace->every = 0;
		return;
	}
	trace->active = head + 1U;
	record->kicked_at = kicked_at;
	record->taken_at = now;
	record->submitted_at = 0;
	record->completed_at = 0;
	record->published_at = 0;
	record->interrupted_at = 0;
	record->sector = 0;
	record->bytes = 0;
	record->type = 0;
	record->head = head;
	record->by_bpf = 0;
	record->handed = 0;
}

/* trace_end() - nothing more happens to the one that is followed */
NVR_INLINE void trace_end(struct trace *trace)
{
	trace->done[trace->tail & (TRACE_RECORDS - 1)] = trace->now;
	store_release(&trace->tail, trace->tail + 1);
	trace->active = 0;
}

/* trace_forget() - the one at @head is not followed any more: it goes back, or its queue broke */
NVR_INLINE void trace_forget(struct trace *trace, __u16 head)
{
	if (trace_follows(trace, head))
		trace->active = 0;
}

/* trace_submitted() - what was taken before @now is submitted */
NVR_INLINE void trace_submitted(struct trace *trace, __u64 now)
{
	if (!trace->now.submitted_at && !trace->now.completed_at && !trace->now.handed)
		trace->now.submitted_at = now;
}

/* trace_told() - what is in the used ring is announced: @wanted: by an interrupt, or not at all */
NVR_INLINE void trace_told(struct trace *trace, int wanted)
{
	if (!trace->active || !trace->now.published_at)
		return;
	if (wanted)
		trace->now.interrupted_at = TRACE_PENDING;
	else
		trace_end(trace);
}

/* trace_interrupted() - interrupts that were wanted are sent */
NVR_INLINE void trace_interrupted(struct trace *trace, __u64 now)
{
	if (!trace->active || trace->now.interrupted_at != TRACE_PENDING)
		return;
	trace->now.interrupted_at = now;
	trace_end(trace);
}

#endif
