// SPDX-License-Identifier: GPL-2.0-only
/* `nvring metrics`: what daemons count, for Prometheus. */
#include <argp.h>

#include "cmd.h"
#include "metrics.h"
#include "util.h"

#define CONTROLS_MAX 1024

struct settings {
	const char *controls[CONTROLS_MAX];
	size_t count;
};

enum option_key {
	OPT_CONTROL = 0x100,
};

static const struct argp_option options[] = {
	{ "control", OPT_CONTROL, "PATH", 0, "a daemon's control socket; may be repeated", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case OPT_CONTROL:
		if (settings->count == CONTROLS_MAX)
			argp_error(state, "--control: at most %d", CONTROLS_MAX);
		settings->controls[settings->count++] = argument;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", argument);
		return 0;
	case ARGP_KEY_END:
		if (!settings->count)
			argp_error(state, "--control PATH is wanted");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_metrics(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Print what daemons count in the text format of Prometheus.\v"
		       "For the textfile collector of node_exporter: write to a file beside the "
		       "one it reads and rename that. A daemon that does not answer is left out, "
		       "and the exit status is 1.",
	};
	static struct settings settings;
	static struct sample *samples[CONTROLS_MAX];
	char name[] = "nvring metrics";
	size_t count = 0;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	for (size_t i = 0; i < settings.count; i++) {
		samples[count] = sample_take(settings.controls[i]);
		count += samples[count] != NULL;
	}
	metrics_print(stdout, samples, count);
	for (size_t i = 0; i < count; i++)
		free(samples[i]);
	return count < settings.count || fflush(stdout) ? 1 : 0;
}
