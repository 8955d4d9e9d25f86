/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt moderation: while many requests are under way, the driver is told of completions in
 * batches, as each interrupt costs it a VM exit and a turn of its handler.
 *
 * What is held is in the used ring already; a driver that looks finds it. The rest is Little's law:
 * a share of the requests under way completes within that share of the device's service time. So
 * no interrupt is held for more completions than a quarter of them, nor longer than twice the time
 * in which these are to be expected, which is half the service time, nor than a limit, which
 * include/patience.h sets. With few requests under way, and for the last of them, none is held.
 */
#ifndef NVRING_MODERATE_H
#define NVRING_MODERATE_H

#include "arch.h"

#define MODERATE_SHARE	  4	    /* one part in so many of what is under way may be held */
#define MODERATE_LEAST	  8U	    /* with fewer requests under way or held, none is */
#define MODERATE_WEIGHT	  8	    /* of the mean in its next value, less one for the sample */
#define MODERATE_HOLD_MAX 500000U   /* ns, whatever the device, without patience */
#define MODERATE_PAUSE	  20000000U /* ns: a longer gap is none */

struct moderation {
	__u32 off;	/* 1: never hold */
	__u32 gap_ns;	/* mean time between completions, while many requests are under way */
	__u64 last_ns;	/* CLOCK_MONOTONIC when completions were last taken, 0: long ago */
	__u64 since_ns; /* the same when the first that is held was, 0: none is */
	__u64 until_ns; /* the same when it is to be told of, with or without others */
};

/* moderate_applies() - whether it is worth a look at the clock: this many are under way or held */
NVR_INLINE int moderate_applies(const struct moderation *moderation, __u32 requests)
{
	return !moderation->off && requests >= MODERATE_LEAST;
}

/* moderate_completed() - @count requests completed, above 0, at @now */
NVR_INLINE void moderate_completed(struct moderation *moderation, __u64 now, __u32 count)
{
	__u64 last = moderation->last_ns, gap;

	moderation->last_ns = now;
	if (!moderation->since_ns)
		moderation->since_ns = now;
	if (!last || now - last > MODERATE_PAUSE)
		return;
	gap = (now - last) / count;
	moderation->gap_ns =
		(__u32)((moderation->gap_ns * (MODERATE_WEIGHT - 1ULL) + gap) / MODERATE_WEIGHT);
}

/**
 * moderate_holds() - whether to hold the interrupt for what the driver was not told of
 * @moderation: moderate_applies() said yes
 * @now: CLOCK_MONOTONIC, ns
 * @in_flight: requests under way, which will complete
 * @owed: completions the driver was not told of, above 0
 * @most: ns, the limit
 *
 * Return: 1: ask again at the next completion, and soon; 0: the time has come.
 */
NVR_INLINE int moderate_holds(struct moderation *moderation, __u64 now, __u32 in_flight, __u32 owed,
			      __u64 most)
{
	__u64 limit = (in_flight + owed) / MODERATE_SHARE, longest;

	longest = 2 * limit * moderation->gap_ns;
	if (longest > most)
		longest = most;
	moderation->until_ns = moderation->since_ns + longest;
	if (!in_flight || owed >= limit || now >= moderation->until_ns) {
		moderation->since_ns = 0;
		return 0;
	}
	return 1;
}

/* moderate_rest() - few requests are under way: the next gap is none */
NVR_INLINE void moderate_rest(struct moderation *moderation)
{
	moderation->last_ns = 0;
	moderation->since_ns = 0;
}

#endif
