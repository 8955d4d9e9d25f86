// SPDX-License-Identifier: GPL-2.0-only
#include "choose.h"

#include <string.h>

#include "base/util.h"

static double rate(const struct choose_tick *tick)
{
	return tick->ns ? (double)tick->requests * 1e9 / (double)tick->ns : 0;
}

/* Nanoseconds of CPU time a request. */
static double cost(const struct choose_tick *tick)
{
	return tick->requests ? (double)tick->cpu_ns / (double)tick->requests : 0;
}

static void add(struct choose_window *window, const struct choose_tick *tick)
{
	bool first = !window->sum.ns;

	window->sum.ns += tick->ns;
	window->sum.requests += tick->requests;
	window->sum.cpu_ns += tick->cpu_ns;
	window->rate_low = first ? rate(tick) : min(window->rate_low, rate(tick));
	window->rate_high = first ? rate(tick) : max(window->rate_high, rate(tick));
	window->cost_low = first ? cost(tick) : min(window->cost_low, cost(tick));
	window->cost_high = first ? cost(tick) : max(window->cost_high, cost(tick));
}

static struct choose_window window_of(const struct choose_tick *ticks, uint32_t count)
{
	struct choose_window window = { 0 };

	for (uint32_t i = 0; i < count; i++)
		add(&window, &ticks[i]);
	return window;
}

void choose_init(struct choose *choose, enum engine first, const char *reason)
{
	*choose = (struct choose){ .current = first, .other = first, .wait_ns = CHOOSE_WAIT_NS };
	choose->can[ENGINE_WORKER] = true;
	choose->can[first] = true;
	snprintf(choose->reason, sizeof(choose->reason), "%s", reason);
}

void choose_allow(struct choose *choose, enum engine engine)
{
	choose->can[engine] = true;
}

static void enter(struct choose *choose, enum choose_phase phase)
{
	choose->phase = phase;
	choose->ticks = 0;
	choose->history_count = 0;
}

/* A trial is over; the next one is as far away again as this one was. */
static void end_trial(struct choose *choose, uint64_t now_ns)
{
	choose->wait_ns = min(choose->wait_ns * 2, CHOOSE_WAIT_MAX_NS);
	choose->next_ns = now_ns + choose->wait_ns;
	enter(choose, CHOOSE_WATCH);
}

void choose_restart(struct choose *choose)
{
	if (choose->phase != CHOOSE_WATCH)
		end_trial(choose, choose->last.now_ns);
	choose->history_count = 0;
	choose->has_last = false;
	choose->busy = false;
}

void choose_drop(struct choose *choose, enum engine engine, const char *reason)
{
	choose->can[engine] = false;
	if (choose->current == engine) {
		choose->current = ENGINE_WORKER;
		choose->measured_ns = 0;
		snprintf(choose->reason, sizeof(choose->reason), "%s", reason);
	}
	choose_restart(choose);
}

enum engine choose_engine(const struct choose *choose)
{
	if (choose->phase == CHOOSE_TRY)
		return choose->other;
	return choose->current;
}

uint64_t choose_delay_ns(const struct choose *choose)
{
	return choose->busy || choose->phase != CHOOSE_WATCH ? CHOOSE_TICK_NS : CHOOSE_IDLE_NS;
}

/* The candidate whose turn it is, or the current engine when there is none. */
static enum engine next_other(const struct choose *choose)
{
	enum engine other = choose->other;

	for (int i = 0; i < ENGINE_AUTO; i++) {
		other = (enum engine)((other + 1) % ENGINE_AUTO);
		if (choose->can[other] && other != choose->current)
			return other;
	}
	return choose->current;
}

static bool steady(const struct choose *choose)
{
	struct choose_window window = window_of(choose->history, choose->history_count);
	double mean = rate(&window.sum);

	return choose->history_count == CHOOSE_STEADY_TICKS &&
	       window.rate_low >= mean * (1 - CHOOSE_STEADY_SHARE) &&
	       window.rate_high <= mean * (1 + CHOOSE_STEADY_SHARE);
}

static void remember(struct choose *choose, const struct choose_tick *tick)
{
	choose->busy = rate(tick) >= CHOOSE_RATE_MIN;
	if (!choose->busy) {
		choose->history_count = 0;
		return;
	}
	if (choose->history_count == CHOOSE_STEADY_TICKS) {
		memmove(choose->history, choose->history + 1,
			(CHOOSE_STEADY_TICKS - 1) * sizeof(*tick));
		choose->history_count--;
	}
	choose->history[choose->history_count++] = *tick;
}

static void watch(struct choose *choose, const struct choose_tick *tick, uint64_t now_ns)
{
	enum engine other = next_other(choose);

	remember(choose, tick);
	if (now_ns < choose->next_ns || other == choose->current || !steady(choose))
		return;
	choose->before = window_of(choose->history + CHOOSE_STEADY_TICKS - CHOOSE_WINDOW_TICKS,
				   CHOOSE_WINDOW_TICKS);
	choose->during = choose->after = (struct choose_window){ 0 };
	choose->other = other;
	enter(choose, CHOOSE_TRY);
}

/* "412 k" */
static void rate_text(double value, char ret_text[16])
{
	if (value < 1e4)
		snprintf(ret_text, 16, "%.0f", value);
	else if (value < 1e6)
		snprintf(ret_text, 16, "%.0f k", value / 1e3);
	else
		snprintf(ret_text, 16, "%.2f M", value / 1e6);
}

/* Why @kept serves and not @left. */
static void explain(struct choose *choose, const struct choose_tick *kept,
		    const struct choose_tick *left, enum engine left_engine)
{
	double more = rate(kept), less = rate(left);
	char more_text[16], less_text[16];

	rate_text(more, more_text);
	rate_text(less, less_text);
	if (less < more * (1 - CHOOSE_RATE_TOLERANCE))
		snprintf(choose->reason, sizeof(choose->reason),
			 "%s requests/s against the %s's %s", more_text, engine_name(left_engine),
			 less_text);
	else
		snprintf(choose->reason, sizeof(choose->reason),
			 "%s requests/s, %.2f us of CPU each, and the %s is %s: %s and %.2f us",
			 more_text, cost(kept) / 1e3, engine_name(left_engine),
			 cost(left) > cost(kept) * (1 + CHOOSE_CPU_MARGIN) ? "worse" : "no better",
			 less_text, cost(left) / 1e3);
}

/* By a margin, and the worst moment of it by any. */
static bool better(const struct choose_window *other, const struct choose_window *current)
{
	double had = rate(&current->sum), has = rate(&other->sum);

	if (has >= had * (1 + CHOOSE_RATE_MARGIN) && other->rate_low > current->rate_high)
		return true;
	return has >= had * (1 - CHOOSE_RATE_TOLERANCE) &&
	       cost(&other->sum) <= cost(&current->sum) * (1 - CHOOSE_CPU_MARGIN) &&
	       other->cost_high < current->cost_low;
}

/* So far behind that the guest need not be kept waiting for the rest of the window. */
static bool hopeless(const struct choose *choose, const struct choose_tick *tick)
{
	double had = rate(&choose->before.sum), has = rate(tick);

	if (has * CHOOSE_HOPELESS < had)
		return true;
	return has < had * (1 + CHOOSE_RATE_MARGIN) &&
	       cost(tick) > cost(&choose->before.sum) * CHOOSE_HOPELESS;
}

static void try_on(struct choose *choose, const struct choose_tick *tick)
{
	if (choose->ticks++ < CHOOSE_SETTLE_TICKS)
		return;
	add(&choose->during, tick);
	if (hopeless(choose, tick) || choose->ticks == CHOOSE_SETTLE_TICKS + CHOOSE_WINDOW_TICKS)
		enter(choose, CHOOSE_BACK);
}

static void decide(struct choose *choose, uint64_t now_ns)
{
	const struct choose_window *before = &choose->before, *during = &choose->during;
	const struct choose_window *after = &choose->after;
	double first = rate(&before->sum), last = rate(&after->sum);
	enum engine had = choose->current;

	if (min(first, last) < max(first, last) * (1 - CHOOSE_SAME_SHARE))
		return; /* the load changed: that proves nothing */
	choose->measured_ns = now_ns;
	if (better(during, before) && better(during, after)) {
		choose->current = choose->other;
		choose->other = had;
		explain(choose, &during->sum, &after->sum, had);
	} else {
		explain(choose, &after->sum, &during->sum, choose->other);
	}
}

static void back(struct choose *choose, const struct choose_tick *tick, uint64_t now_ns)
{
	if (choose->ticks++ < CHOOSE_SETTLE_TICKS)
		return;
	add(&choose->after, tick);
	if (choose->ticks < CHOOSE_SETTLE_TICKS + CHOOSE_WINDOW_TICKS)
		return;
	decide(choose, now_ns);
	end_trial(choose, now_ns);
}

enum engine choose_step(struct choose *choose, const struct choose_sample *sample)
{
	const struct choose_tick tick = {
		.ns = sample->now_ns - choose->last.now_ns,
		.requests = sample->completed - choose->last.completed,
		.cpu_ns = sample->cpu_ns - choose->last.cpu_ns,
	};
	bool first = !choose->has_last;

	choose->last = *sample;
	choose->has_last = true;
	if (!choose->next_ns)
		choose->next_ns = sample->now_ns + choose->wait_ns;
	if (first)
		return choose_engine(choose);
	if (choose->phase == CHOOSE_WATCH)
		watch(choose, &tick, sample->now_ns);
	else if (choose->phase == CHOOSE_TRY)
		try_on(choose, &tick);
	else
		back(choose, &tick, sample->now_ns);
	return choose_engine(choose);
}
