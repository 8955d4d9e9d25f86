// SPDX-License-Identifier: GPL-2.0-only
/* `nvring metrics`: what daemons count, for Prometheus. */
#include <argp.h>

#include "cmd.h"
#include "metrics.h"
#include "target.h"
#include "util.h"

#define CONTROLS_MAX 1024

struct settings {
	struct target target;
	const char *controls[CONTROLS_MAX], *names[CONTROLS_MAX];
	size_t count, name_count;
};

enum option_key {
	OPT_CONTROL = 0x100,
};

static const struct argp_option options[] = {
	{ "control", OPT_CONTROL, "PATH", 0,
	  "control socket of a daemon that is not managed; may be repeated", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->target;
		return 0;
	case OPT_CONTROL:
		if (settings->count == CONTROLS_MAX)
			argp_error(state, "--control: at most %d", CONTROLS_MAX);
		settings->controls[settings->count++] = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (settings->name_count == CONTROLS_MAX)
			argp_error(state, "at most %d VMs", CONTROLS_MAX);
		settings->names[settings->name_count++] = argument;
		return 0;
	case ARGP_KEY_END:
		if (settings->count && settings->name_count)
			argp_error(state, "VMs' names, or --control PATH");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_metrics(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_manager_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "[VM...]",
		.children = children,
		.doc = "Print what is counted for VMs, all that are attached by default, in the "
		       "text format of Prometheus.\v"
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
	if (!settings.count)
		settings.count =
			target_controls(&settings.target, settings.names, settings.name_count,
					settings.controls, CONTROLS_MAX);
	if (!settings.count)
		return 1;
	for (size_t i = 0; i < settings.count; i++) {
		samples[count] = sample_take(settings.controls[i]);
		count += samples[count] != NULL;
	}
	metrics_print(stdout, samples, count);
	for (size_t i = 0; i < count; i++)
		free(samples[i]);
	return count < settings.count || fflush(stdout) ? 1 : 0;
}
