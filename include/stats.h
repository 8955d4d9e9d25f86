/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is counted of a queue, whatever serves it, from the daemon's start to its end.
 *
 * It lives in a BPF map that the daemon has mapped and that `bpftool map dump` shows by these names
 * (bpf/stats_map.h), or in plain memory where the kernel allows no BPF. Each part has one writer at
 * a time; readers take each number as it is at the moment.
 */
#ifndef NVRING_STATS_H
#define NVRING_STATS_H

#include <linux/virtio_blk.h>

#include "histogram.h"
#include "trace.h"

struct queue_counters {
	__u64 requests;	  /* taken from the avail ring */
	__u64 completed;  /* put into the used ring */
	__u64 errors;	  /* of those, with a status other than OK */
	__u64 bytes_read; /* payload of successful reads */
	__u64 bytes_written;
	__u64 kicks;	   /* doorbells seen */
	__u64 interrupts;  /* call eventfd writes */
	__u64 commands;	   /* commands sent to the back-end */
	__u64 retries;	   /* of those, sent again after a passing error */
	__u64 bounced;	   /* of those, through a bounce buffer */
	__u64 resubmitted; /* requests taken over from a process that died */
	__u64 held;	   /* interrupts that were held back, include/coalesce.h */
	__u64 patient;	   /* of those, for long, and also from a halted vCPU */
	__u64 halted;	   /* interrupts that were not, as the vCPU was halted */
};

/* queue_counters_add() - @sum grows by @counters, which may be changing */
NVR_INLINE void queue_counters_add(struct queue_counters *sum,
				   const struct queue_counters *counters)
{
	__u64 *to = &sum->requests;
	const __u64 *from = &counters->requests;

	for (__u32 i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += load_once(&from[i]);
}

/* Why a head was handed to the worker. */
enum direct_reason {
	DIRECT_REASON_FAULT,	/* pages of guest memory not present, or a shape BPF cannot read */
	DIRECT_REASON_STATUS,	/* answered at once with an error status or data */
	DIRECT_REASON_COMMANDS, /* takes several commands, or a bounce buffer */
	DIRECT_REASON_POOL,	/* too many requests in many segments at a time */
	DIRECT_REASON_ERROR,	/* its command failed or came back short: the worker repeats it */
	DIRECT_REASON_COUNT,
};

/* Named one by one for bpftool; what was handed to the worker by enum direct_reason, in its order.
 */
struct direct_counters {
	__u64 runs; /* of BPF for this queue */
	__u64 busy; /* of these, which found another one at work */
	__u64 handed_fault;
	__u64 handed_status;
	__u64 handed_commands;
	__u64 handed_pool;
	__u64 handed_error;
	__u64 status_writes; /* READ SQEs for status bytes */
	__u64 missed;	     /* completions seen by a later run only */
	__u64 polls;	     /* kick polls that ended by themselves */
	__u64 stray;	     /* completions of nothing */
	__u64 by_vcpu;	     /* requests started by the vCPU that rang (dispatch) */
};

/* direct_handed() - [DIRECT_REASON_COUNT] */
NVR_INLINE __u64 *direct_handed(const struct direct_counters *counters)
{
	return (__u64 *)&counters->handed_fault;
}

#define STATS_ENGINE_BYTES 16
#define STATS_WHY_BYTES	   256

struct queue_stats {
	char engine[STATS_ENGINE_BYTES]; /* that serves the queue, empty while it is stopped */
	char engine_why[STATS_WHY_BYTES];
	struct queue_counters counters; /* of the engine */
	struct queue_counters helper;	/* of the worker, in what BPF handed to it: to be added */
	struct direct_counters direct;	/* of BPF */
	struct histogram read_latency;	/* ns from avail ring to used ring; all requests are in */
	struct histogram write_latency; /* one of these, so their counts are what completed */
	struct histogram other_latency; /* flush, discard, write zeroes, identity, unknown */
	struct histogram kick_latency;
	struct histogram interrupt_latency;
	struct trace trace;
};

/*
 * Two times that the engines take once for a turn at the queue, not for a request; ns.
 *
 * kick_latency is from a doorbell to when what it announced was submitted: one value for each turn
 * that saw a doorbell and took requests. It begins when the engine takes the doorbell's completion
 * (with vCPU dispatch: when the vCPU's write reaches KVM), which is as early as we know of it, and
 * ends
 *   worker: when io_uring_enter() that submits them is back;
 *   loop:   when the kernel has taken the SQEs, within the same run;
 *   poller: when the SQEs are in the ring, whose thread submits them as soon as the run is over.
 * A doorbell for requests that a turn before it took has no value, nor has one that finds the VM's
 * limits in the way.
 *
 * interrupt_latency is from a completion to the interrupt that tells of it, for the oldest one that
 * the interrupt is for: as many values as there are interrupts. With moderation it has the time
 * that the interrupt was held. It begins when the engine takes the request's CQE, and ends worker:
 * when the write to the call eventfd is back; loop:   when the kernel has taken the SQE that writes
 * it; poller: with the run, after which the kernel writes it as it posts the CQE.
 */

/* stats_time() - a time from one look at the clock to another; those of two CPUs may differ a bit
 */
NVR_INLINE void stats_time(struct histogram *histogram, __u64 from, __u64 now)
{
	histogram_add(histogram, now > from ? now - from : 0);
}

/**
 * stats_latency() - a request is put into the used ring
 * @stats: its queue's
 * @type: VIRTIO_BLK_T_*, or anything else for other
 * @started: clock when it was taken from the avail ring, ns
 * @now: clock, ns; clocks of two CPUs may differ a little
 */
NVR_INLINE void stats_latency(struct queue_stats *stats, __u32 type, __u64 started, __u64 now)
{
	if (type == VIRTIO_BLK_T_IN)
		stats_time(&stats->read_latency, started, now);
	else if (type == VIRTIO_BLK_T_OUT)
		stats_time(&stats->write_latency, started, now);
	else
		stats_time(&stats->other_latency, started, now);
}

#endif
