/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the driver is told of completions now, or later of more of them: what every engine asks
 * before an interrupt. How long may be waited is for include/moderate.h to say, and whether to wait
 * for long for include/patience.h.
 */
#ifndef NVRING_COALESCE_H
#define NVRING_COALESCE_H

#include "moderate.h"
#include "notify.h"
#include "patience.h"
#include "queue.h"
#include "stats.h"

struct coalesce {
	struct moderation moderation;
	struct patience patience;
	__u32 noted; /* state.published when completions were last counted, if coalesce_loaded() */
};

enum coalesce_how {
	COALESCE_NOT,	/* tell the driver now */
	COALESCE_SHORT, /* wait, but not for a vCPU that is halted */
	COALESCE_LONG,	/* wait, whatever the vCPU does */
};

/* coalesce_init() - nothing is known of the load */
NVR_INLINE void coalesce_init(struct coalesce *coalesce, int moderation, int patience)
{
	struct coalesce fresh = { .moderation = { .off = !moderation },
				  .patience = { .off = !patience } };

	*coalesce = fresh;
}

/* coalesce_loaded() - whether many requests were under way at the last look: only then is it worth
 * asking which of them the driver took */
NVR_INLINE int coalesce_loaded(const struct coalesce *coalesce)
{
	return !!coalesce->moderation.last_ns;
}

/* coalesce_holds() - whether the driver was not told of completions at the last look */
NVR_INLINE int coalesce_holds(const struct coalesce *coalesce)
{
	return !!coalesce->moderation.since_ns;
}

/* coalesce_unseen() - completions that the driver did not take yet; those it was not told of, where
 * nobody needs to know better */
NVR_INLINE __u32 coalesce_unseen(const struct coalesce *coalesce, const struct queue_state *state,
				 const struct vring_memory *vring)
{
	return coalesce_loaded(coalesce) ? notify_unseen(state, vring)
					 : (__u16)(state->published - state->signalled);
}

/* coalesce_applies() - whether many are, with @unseen completions that the driver did not take yet;
 * if not, tell the driver at once */
NVR_INLINE int coalesce_applies(const struct coalesce *coalesce, const struct queue_state *state,
				__u32 unseen)
{
	return !(state->flags & QUEUE_BROKEN) &&
	       moderate_applies(&coalesce->moderation, state->in_flight + unseen);
}

/**
 * coalesce_ask() - whether to wait for more completions
 * @coalesce: coalesce_applies() said yes
 * @state: of the queue; the driver was not told of all that is published
 * @now: CLOCK_MONOTONIC, ns
 * @unseen: completions that the driver did not take yet
 *
 * Return: how; unless it is COALESCE_NOT, ask again at the next completion, and at
 * moderation.until_ns.
 */
NVR_INLINE enum coalesce_how coalesce_ask(struct coalesce *coalesce,
					  const struct queue_state *state, __u64 now, __u32 unseen)
{
	__u32 owed = (__u16)(state->published - state->signalled);
	__u32 fresh = (__u16)(state->published - coalesce->noted);
	int patient;

	coalesce->noted = state->published;
	if (fresh)
		moderate_completed(&coalesce->moderation, now, fresh);
	patience_completed(&coalesce->patience, now, fresh, state->in_flight + unseen);
	patient = patience_on(&coalesce->patience);
	if (!moderate_holds(&coalesce->moderation, now, state->in_flight, owed,
			    patient ? PATIENCE_HOLD_MAX : MODERATE_HOLD_MAX))
		return COALESCE_NOT;
	return patient ? COALESCE_LONG : COALESCE_SHORT;
}

/* coalesce_not() - the interrupt goes now, whatever coalesce_ask() said */
NVR_INLINE void coalesce_not(struct coalesce *coalesce)
{
	coalesce->moderation.since_ns = 0;
}

/* coalesce_count() - what was decided, @how; @begins: nothing was held before */
NVR_INLINE void coalesce_count(struct queue_counters *counters, enum coalesce_how how, int begins)
{
	counters->held += begins && how != COALESCE_NOT;
	counters->patient += begins && how == COALESCE_LONG;
}

/* coalesce_rest() - few requests are under way */
NVR_INLINE void coalesce_rest(struct coalesce *coalesce)
{
	moderate_rest(&coalesce->moderation);
	patience_rest(&coalesce->patience);
}

#endif
