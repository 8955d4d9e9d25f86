/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long to look for work before sleeping. As KVM's halt polling: what came within the budget
 * would have been worth waiting for. But a guest that often has nothing to do is not: to look
 * through the device's time of a request, and in vain for the next one, costs more than two sleeps.
 * So a long sleep has to be followed by short ones.
 */
#ifndef NVRING_SPIN_H
#define NVRING_SPIN_H

#include "arch.h"

#define SPIN_FIRST_NS 4000U /* what looking starts with when it seems worth it */
#define SPIN_PROOF    8U    /* short sleeps in a row before it grows */

struct spin {
	__u64 budget_ns; /* 0: never look. Another thread may change it */
	__u64 time_ns;	 /* adapted to what sleeps turned out to be; may be above a new budget */
	__u32 short_sleeps;
	__u32 reserved;
};

/* spin_time() - ns to look for before the next sleep, 0..budget */
NVR_INLINE __u64 spin_time(const struct spin *spin)
{
	__u64 budget = load_once(&spin->budget_ns);

	return spin->time_ns < budget ? spin->time_ns : budget;
}

/* spin_slept() - a sleep that work ended took @slept ns */
NVR_INLINE void spin_slept(struct spin *spin, __u64 slept)
{
	if (slept > load_once(&spin->budget_ns)) {
		spin->time_ns = spin->time_ns > SPIN_FIRST_NS ? spin->time_ns / 2 : 0;
		spin->short_sleeps = 0;
		return;
	}
	if (spin->short_sleeps < SPIN_PROOF) {
		spin->short_sleeps++;
		return;
	}
	spin->time_ns = spin->time_ns < SPIN_FIRST_NS ? SPIN_FIRST_NS : 2 * spin->time_ns;
	spin->time_ns = spin_time(spin);
}

#endif
