/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patience: whether interrupts may be held for long, also for a vCPU that is halted, which is
 * decided by what that costs.
 *
 * A guest whose device is busy in any case loses nothing when it is told of several completions at
 * once; one whose device would do more, were it only asked, does. Both vCPUs are halted meanwhile,
 * so they look alike from here. So both ways are tried on the same load, a window of completions
 * each, one after the other, and the mean latencies compared. These are had without a look at the
 * clock for each request, by Little's law: requests that the driver waits for, summed up over time,
 * for each completion.
 */
#ifndef NVRING_PATIENCE_H
#define NVRING_PATIENCE_H

#include "arch.h"

#define PATIENCE_WINDOW	   128	    /* completions in a window, at least, */
#define PATIENCE_WINDOW_NS 5000000U /* and so long, as short ones differ by chance, */
#define PATIENCE_TURNS	   4	    /* and so many times what is under way */
#define PATIENCE_CYCLE	   16U	    /* windows: two that are compared, and those in between */
#define PATIENCE_PROOF	   8U	    /* comparisons before they decide; no window is in between */
#define PATIENCE_COST	   32	    /* 1024ths of the latency: more is too much */
#define PATIENCE_HOLD_MAX  5000000U /* ns, whatever the device */

struct patience {
	__u32 off;     /* 1: never. Another thread may change it */
	__u32 window;  /* its number: 0 is prompt, 1 patient, the others as is decided */
	__u32 pairs;   /* compared, 0..PATIENCE_PROOF */
	__s32 cost;    /* 1024ths that patience adds to the latency, mean; below 0: saves */
	__u32 waiting; /* requests that the driver waits for, since last_ns */
	__s32 done;    /* completions in this window; below 0 what the last one began is left out */
	__u64 begun_ns; /* CLOCK_MONOTONIC of this window's first completion, 0: it had none */
	__u64 last_ns;	/* CLOCK_MONOTONIC, 0: few requests were under way since */
	__u64 waited;	/* in this window: requests × ns */
	__u64 prompt;	/* ns: mean latency in the last window 0, 0: none was */
};

/* patience_on() - whether to be patient now */
NVR_INLINE int patience_on(const struct patience *patience)
{
	if (load_once(&patience->off))
		return 0;
	return patience->window == 1 || (patience->window > 1 && patience->cost <= PATIENCE_COST);
}

/* patience_compare() - a prompt window and the patient one after it are over, in which the mean
 * latency was @latency, ns */
NVR_INLINE void patience_compare(struct patience *patience, __u64 latency)
{
	__u64 ratio = latency * 1024 / patience->prompt;
	__u32 shift = (patience->pairs + 1) / 2; /* the first ones weigh more */

	if (shift > 3)
		shift = 3;
	if (ratio > 2048)
		ratio = 2048; /* one bad window is not to decide for long */
	patience->cost += ((__s32)ratio - 1024 - patience->cost) >> shift;
	if (patience->pairs < PATIENCE_PROOF)
		patience->pairs++;
}

/* patience_next() - a window is over, and another begins */
NVR_INLINE void patience_next(struct patience *patience)
{
	__u64 latency = patience->waited / (__u32)patience->done;

	if (patience->window == 0)
		patience->prompt = latency;
	else if (patience->window == 1 && patience->prompt)
		patience_compare(patience, latency);
	patience->window++;
	if (patience->window >= (patience->pairs < PATIENCE_PROOF ? 2 : PATIENCE_CYCLE))
		patience->window = 0;
	patience->done = -(__s32)patience->waiting;
	patience->waited = 0;
	patience->begun_ns = 0;
}

/* patience_completed() - @count requests completed at @now, 0 or more */
NVR_INLINE void patience_completed(struct patience *patience, __u64 now, __u32 count)
{
	if (load_once(&patience->off)) { /* all windows are prompt: nothing to compare */
		patience->last_ns = 0;
		return;
	}
	if (patience->last_ns && patience->done >= 0)
		patience->waited += (now - patience->last_ns) * patience->waiting;
	patience->last_ns = now;
	if (!patience->begun_ns)
		patience->begun_ns = now;
	patience->done += (__s32)count;
	if (patience->done >= PATIENCE_WINDOW && now - patience->begun_ns >= PATIENCE_WINDOW_NS &&
	    patience->done >= (__s32)patience->waiting * PATIENCE_TURNS)
		patience_next(patience);
}

/* patience_waits() - from now on the driver waits for @waiting requests */
NVR_INLINE void patience_waits(struct patience *patience, __u32 waiting)
{
	patience->waiting = waiting;
}

/* patience_rest() - few requests are under way: that time does not count */
NVR_INLINE void patience_rest(struct patience *patience)
{
	patience->last_ns = 0;
}

#endif
