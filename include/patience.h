/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patience: whether interrupts may be held for long, also for a vCPU that is halted, which is
 * decided by what that costs.
 *
 * A guest whose device is busy in any case loses nothing when it is told of several completions at
 * once; one whose device would do more, were it only asked, does. Both vCPUs are halted meanwhile,
 * so they look alike from here. So both ways are tried on the same load, a window of completions
 * each, one after the other, and compared by Little's law, without a look at the clock for each
 * request: the time that a request takes is the requests under way, by the completions in a time.
 *
 * Which are under way? Those that the driver waits for, and those that it is about to send in the
 * place of others, of which it is told late in the one case, and soon in the other. So it is the
 * most that were waited for at once that counts, while the load turned over twice: all that a guest
 * sends that sends one for each that completes; then the comparison is one of throughputs. Where
 * requests come at times of their own, there are more at once when each takes longer.
 */
#ifndef NVRING_PATIENCE_H
#define NVRING_PATIENCE_H

#include "arch.h"

#define PATIENCE_TURN	    2U	     /* a turn is so many completions for each request under way */
#define PATIENCE_WINDOW	    128U     /* completions in a window, at least, */
#define PATIENCE_WINDOW_NS  5000000U /* and so long, as short ones differ by chance */
#define PATIENCE_PROOF	    8U	     /* comparisons before they decide; no window is in between */
#define PATIENCE_CYCLE	    8U	     /* windows, two of which are compared, */
#define PATIENCE_CYCLE_BAD  32U	     /* and where patience costs far too much */
#define PATIENCE_COST	    32	     /* 1024ths of the time: more is too much, */
#define PATIENCE_COST_BAD   64	     /* and this far too much */
#define PATIENCE_COST_MAX   96	     /* and this is all that is kept: loads change */
#define PATIENCE_SHIFT	    2	     /* a comparison counts for so little, 2^-n, */
#define PATIENCE_STEP	    8	     /* which moves it by so much at most, */
#define PATIENCE_STEP_PROOF 32	     /* and before it decides */
#define PATIENCE_HOLD_MAX   5000000U /* ns, whatever the device */

struct patience {
	__u32 off;	/* 1: never. Another thread may change it */
	__u32 window;	/* its number: 0 is prompt, 1 patient, the others as is decided */
	__u32 pairs;	/* compared, 0..PATIENCE_PROOF */
	__s32 cost;	/* 1024ths that patience adds to a request's time; below 0: saves */
	__u32 high;	/* in this turn: the most requests that the driver waited for at once, */
	__u32 turned;	/* and completions */
	__u32 settled;	/* 1: the first turn is over, which the last window shows in */
	__u32 done;	/* completions in the others */
	__u64 begun_ns; /* CLOCK_MONOTONIC of this turn's begin, 0: it has not begun */
	__u64 last_ns;	/* the same when it was last looked at */
	__u64 spent;	/* ns: how long this window's turns took, */
	__u64 waited;	/* and requests × ns */
	__u64 prompt;	/* ns: what a request took in the last window 0, 0: none was */
};

/* patience_on() - whether to be patient now */
NVR_INLINE int patience_on(const struct patience *patience)
{
	if (load_once(&patience->off))
		return 0;
	return patience->window == 1 || (patience->window > 1 && patience->cost <= PATIENCE_COST);
}

/* patience_within() - @value, or @most or -@most where it is beyond that */
NVR_INLINE __s32 patience_within(__s64 value, __s32 most)
{
	if (value > most)
		return most;
	return value < -most ? -most : (__s32)value;
}

/*
 * patience_compare() - a prompt window and the patient one after it are over; a request of the
 * latter took @each, ns
 *
 * Drives have bursts, and a host has other work: the odd comparison is of two loads. So none counts
 * by how far it is off: the cost goes its way by a step at most, and stays near the middle of them.
 */
NVR_INLINE void patience_compare(struct patience *patience, __u64 each)
{
	__s64 more = (__s64)(each * 1024 / patience->prompt) - 1024;
	__s32 step = PATIENCE_STEP;

	if (patience->pairs < PATIENCE_PROOF) {
		patience->pairs++;
		step = PATIENCE_STEP_PROOF;
	}
	patience->cost += patience_within((more - patience->cost) >> PATIENCE_SHIFT, step);
	patience->cost = patience_within(patience->cost, PATIENCE_COST_MAX);
}

/* patience_cycle() - so many windows until two are compared again */
NVR_INLINE __u32 patience_cycle(const struct patience *patience)
{
	if (patience->pairs < PATIENCE_PROOF)
		return 2;
	return patience->cost > PATIENCE_COST_BAD ? PATIENCE_CYCLE_BAD : PATIENCE_CYCLE;
}

/* patience_next() - a window is over, and another begins */
NVR_INLINE void patience_next(struct patience *patience)
{
	__u64 each = patience->waited / patience->done;

	if (patience->window == 0)
		patience->prompt = each;
	else if (patience->window == 1 && patience->prompt)
		patience_compare(patience, each);
	patience->window++;
	if (patience->window >= patience_cycle(patience))
		patience->window = 0;
	patience->settled = 0;
	patience->done = 0;
	patience->spent = 0;
	patience->waited = 0;
}

/* patience_turned() - a turn is over: the load turned over, or few requests are left */
NVR_INLINE void patience_turned(struct patience *patience)
{
	__u64 took = patience->last_ns - patience->begun_ns;

	if (patience->settled) {
		patience->spent += took;
		patience->waited += took * patience->high;
		patience->done += patience->turned;
	}
	patience->settled = 1;
	patience->begun_ns = 0;
	if (patience->done >= PATIENCE_WINDOW && patience->spent >= PATIENCE_WINDOW_NS)
		patience_next(patience);
}

/**
 * patience_completed() - requests completed, or may have
 * @patience: of the queue
 * @now: CLOCK_MONOTONIC, ns
 * @count: of them, 0 or more
 * @waiting: requests that the driver waits for: under way, or completed and not taken by it
 */
NVR_INLINE void patience_completed(struct patience *patience, __u64 now, __u32 count, __u32 waiting)
{
	if (load_once(&patience->off)) { /* all windows are prompt: nothing to compare */
		patience->begun_ns = 0;
		return;
	}
	if (patience->begun_ns) {
		patience->last_ns = now;
		patience->turned += count;
		if (waiting > patience->high)
			patience->high = waiting;
		if (patience->turned < PATIENCE_TURN * patience->high)
			return;
		patience_turned(patience);
	}
	patience->begun_ns = now;
	patience->last_ns = now;
	patience->turned = 0;
	patience->high = waiting;
}

/* patience_rest() - few requests are under way: that time does not count */
NVR_INLINE void patience_rest(struct patience *patience)
{
	if (patience->begun_ns)
		patience_turned(patience);
}

#endif
