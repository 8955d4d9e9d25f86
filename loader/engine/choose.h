/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which engine is best for a load, by trying: the decisions of --engine auto. What is measured and
 * what follows from a decision is chooser.c's.
 *
 * A load that is steady and worth it is given another engine for a short time, and the one it had
 * again: three windows side by side. The other one wins when it did more requests than in both
 * windows around it, or as many with less CPU time: by a margin, and at any moment. Each trial
 * doubles the time to the next one. So a load that changes or is noisy proves nothing, and nothing
 * can flap.
 */
#ifndef NVRING_CHOOSE_H
#define NVRING_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

#define CHOOSE_TICK_NS	      100000000ULL   /* between samples of a load */
#define CHOOSE_IDLE_NS	      1000000000ULL  /* while there is none worth a trial */
#define CHOOSE_RATE_MIN	      5000	     /* requests/s that are */
#define CHOOSE_STEADY_TICKS   20	     /* with about the same rate make it steady */
#define CHOOSE_STEADY_SHARE   0.5	     /* of their mean, at most, off it */
#define CHOOSE_SETTLE_TICKS   1		     /* after a switch that count for nothing */
#define CHOOSE_WINDOW_TICKS   5		     /* that are compared */
#define CHOOSE_SAME_SHARE     0.15	     /* the windows before and after differ by less */
#define CHOOSE_RATE_MARGIN    0.10	     /* more requests: better */
#define CHOOSE_RATE_TOLERANCE 0.05	     /* fewer: as many, if less CPU time is spent */
#define CHOOSE_CPU_MARGIN     0.20	     /* so much less */
#define CHOOSE_HOPELESS	      2.0	     /* a tick so much worse ends a trial */
#define CHOOSE_WAIT_NS	      10000000000ULL /* to the first trial, doubled with each */
#define CHOOSE_WAIT_MAX_NS    (CHOOSE_WAIT_NS << 6)

/* Totals so far. */
struct choose_sample {
	uint64_t now_ns;
	uint64_t completed; /* requests */
	uint64_t cpu_ns;    /* of all threads that serve */
};

/* What happened in a tick. */
struct choose_tick {
	uint64_t ns;
	uint64_t requests;
	uint64_t cpu_ns;
};

/* Several of them. */
struct choose_window {
	struct choose_tick sum;
	double rate_low, rate_high; /* requests/s of the slowest and the fastest tick */
	double cost_low, cost_high; /* CPU time of a request, ns, likewise */
};

enum choose_phase {
	CHOOSE_WATCH, /* the load */
	CHOOSE_TRY,   /* another engine */
	CHOOSE_BACK,  /* the one it had, again */
};

struct choose {
	bool can[ENGINE_AUTO]; /* engines that are left to choose from */
	enum engine current;
	enum engine other; /* tried now, or last */
	enum choose_phase phase;
	uint32_t ticks; /* in this phase */
	struct choose_sample last;
	bool has_last;
	bool busy; /* the last tick had a load worth it */
	struct choose_tick history[CHOOSE_STEADY_TICKS];
	uint32_t history_count; /* so many of the last ticks, the newest at index count - 1 */
	struct choose_window before, during, after;
	uint64_t next_ns; /* no trial before; 0 until the first sample */
	uint64_t wait_ns;
	uint64_t measured_ns; /* when the reason was found, 0 for never */
	char reason[ENGINE_SENTENCE_BYTES];
};

/**
 * choose_init() - begin with an engine
 * @choose: filled
 * @first: that is believed best
 * @reason: why, a sentence
 *
 * The others are candidates once choose_allow() says so.
 */
void choose_init(struct choose *choose, enum engine first, const char *reason);

/* choose_allow() - an engine may be tried */
void choose_allow(struct choose *choose, enum engine engine);

/**
 * choose_drop() - an engine cannot be had: it is not tried again
 * @choose: when it is the current one, the worker is from now on
 * @engine: not the worker
 * @reason: a sentence
 */
void choose_drop(struct choose *choose, enum engine engine, const char *reason);

/* choose_restart() - what was observed so far is of no use: queues came, went or moved */
void choose_restart(struct choose *choose);

/**
 * choose_step() - decide, after the time that choose_delay_ns() said
 * @choose: initialised
 * @sample: totals now
 *
 * Return: the engine that is to serve until the next step.
 */
enum engine choose_step(struct choose *choose, const struct choose_sample *sample);

/* choose_engine() - the engine that is to serve now */
enum engine choose_engine(const struct choose *choose);

/* choose_delay_ns() - time to the next sample */
uint64_t choose_delay_ns(const struct choose *choose);

#endif
