// SPDX-License-Identifier: GPL-2.0-only
/* `nvring top`: what VMs do, live; lines where nobody looks at a terminal. */
#include <argp.h>
#include <string.h>
#include <syslog.h>

#include "base/log.h"
#include "base/util.h"
#include "cmd.h"
#include "screen.h"
#include "serve/watch.h"
#include "top.h"

#define NS_PER_S	     1000000000ULL
#define DELAY_MAX_S	     3600
#define ITERATIONS_MAX	     1000000000
#define LOG_LESS_THAN_ERRORS LOG_CRIT

struct settings {
	struct watch watch;
	char **paths; /* [path_count] control sockets that were watched last */
	int path_count;
	struct top top;
	uint64_t delay_ns;
	uint64_t iterations; /* 0: without end */
	bool batch;
};

enum option_key {
	OPT_ONCE = 0x100,
	OPT_STEERING,
};

static const struct argp_option options[] = {
	{ "delay", 'd', "SECONDS", 0, "between two samples (1)", 0 },
	{ "batch", 'b', NULL, 0, "plain lines, as when stdout is no terminal", 0 },
	{ "iterations", 'n', "N", 0, "end after N views", 0 },
	{ "once", OPT_ONCE, NULL, 0, "-b -n 1", 0 },
	{ "steering", OPT_STEERING, NULL, 0,
	  "vCPUs, what is made of them, and CPUs, in place of what is done", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->watch;
		return 0;
	case 'd':
		settings->delay_ns =
			cmd_number(state, "--delay", argument, 1, DELAY_MAX_S) * NS_PER_S;
		return 0;
	case 'n':
		settings->iterations =
			cmd_number(state, "--iterations", argument, 1, ITERATIONS_MAX);
		return 0;
	case 'b':
		settings->batch = true;
		return 0;
	case OPT_STEERING:
		settings->top.steering = true;
		return 0;
	case OPT_ONCE:
		settings->batch = true;
		settings->iterations = 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Ask all that is to be watched now, or was while the manager is away; 0 or -errno. */
static int sample_all(struct settings *settings)
{
	char **paths;
	int count = watch_paths(&settings->watch, &paths);

	if (count < 0 && !settings->paths)
		return count;
	if (count >= 0) {
		watch_free_paths(settings->paths, settings->path_count);
		settings->paths = paths;
		settings->path_count = count;
	}
	return top_sample(&settings->top, settings->paths, (size_t)settings->path_count);
}

/* The view without the line of keys, a second after second. */
static int run_batch(struct settings *settings)
{
	struct timespec delay = { .tv_sec = (time_t)(settings->delay_ns / NS_PER_S) };

	if (sample_all(settings))
		return 1;
	for (uint64_t i = 0; !settings->iterations || i < settings->iterations; i++) {
		_cleanup_free_ char *text = NULL;

		nanosleep(&delay, NULL);
		if (sample_all(settings))
			return 1;
		text = top_text(&settings->top);
		if (!text || printf("%s%s", i ? "\n" : "", strchr(text, '\n') + 1) < 0 ||
		    fflush(stdout))
			return 1;
	}
	for (size_t i = 0; i < settings->top.count; i++)
		if (!settings->top.vms[i].now)
			return 1;
	return 0;
}

/* Act on a key; false to end. */
static bool act(struct top *top, int key)
{
	switch (key) {
	case 'q':
	case -1:
		return false;
	case 'n':
	case 'i':
		top->by_name = key == 'n';
		return true;
	case 's':
		top->steering = !top->steering;
		return true;
	case 'u':
		top->queues = !top->queues;
		return true;
	default:
		return true;
	}
}

/* Draw, and again for what keys and the terminal's size change; false to end. */
static bool show(struct top *top, uint64_t until_ns)
{
	bool go_on = true;

	while (go_on && clock_ns(CLOCK_MONOTONIC) < until_ns) {
		_cleanup_free_ char *text = top_text(top);

		if (!text)
			return false;
		screen_draw(text);
		go_on = act(top, screen_wait(until_ns));
	}
	return go_on;
}

static int run_screen(struct settings *settings)
{
	uint64_t next = clock_ns(CLOCK_MONOTONIC), left = settings->iterations;

	if (sample_all(settings))
		return 1;
	log_set_level(LOG_LESS_THAN_ERRORS); /* the view says it */
	screen_open();
	do {
		sample_all(settings);
		next = max(next + settings->delay_ns, clock_ns(CLOCK_MONOTONIC));
		/* The first view has no rates and does not count. */
	} while (show(&settings->top, next) && (!settings->iterations || left--));
	screen_close();
	return 0;
}

int cmd_top(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &watch_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.children = children,
		.doc = "Watch what VMs do, all that are attached by default: requests and bytes a "
		       "second, latencies "
		       "from the avail "
		       "ring to the used ring, requests in flight, doorbells and interrupts per "
		       "request, and the engine of each queue with the reason.",
	};
	static struct settings settings = { .top = { .queues = true }, .delay_ns = NS_PER_S };
	char name[] = "nvring top";
	int result;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	result = settings.batch || !isatty(STDOUT_FILENO) ? run_batch(&settings)
							  : run_screen(&settings);
	top_sample(&settings.top, NULL, 0);
	watch_free_paths(settings.paths, settings.path_count);
	return result;
}
