// SPDX-License-Identifier: GPL-2.0-only
/* `nvring set`: change what a running daemon does. */
#include <argp.h>

#include "cmd.h"
#include "json_add.h"
#include "parse.h"
#include "rpc.h"
#include "target.h"
#include "vm.h"

struct settings {
	struct target target;
	const char *engine;
	int queue; /* -1: all */
};

enum option_key {
	OPT_ENGINE = 0x100,
	OPT_QUEUE,
};

static const struct argp_option options[] = {
	{ "engine", OPT_ENGINE, "NAME", 0, "what serves: worker, poller, loop or auto", 0 },
	{ "queue", OPT_QUEUE, "N", 0, "this queue alone (all, also those to come)", 0 },
	{ 0 },
};

static int queue_number(struct argp_state *state, const char *text)
{
	uint64_t value = 0;

	if (parse_number(text, VM_QUEUES_MAX - 1, &value))
		argp_error(state, "--queue %s: a number from 0 to %d is wanted", text,
			   VM_QUEUES_MAX - 1);
	return (int)value;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;
	enum engine engine;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->target;
		return 0;
	case OPT_ENGINE:
		settings->engine = argument;
		if (engine_parse(argument, &engine))
			argp_error(state, "--engine %s: worker, poller, loop or auto is wanted",
				   argument);
		return 0;
	case OPT_QUEUE:
		settings->queue = queue_number(state, argument);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", argument);
		return 0;
	case ARGP_KEY_END:
		if (!settings->engine)
			argp_error(state, "--engine NAME is wanted");
		if (!settings->target.control && !settings->target.vm)
			argp_error(state, "--vm NAME or --control PATH is wanted");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_set(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_any_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.children = children,
		.doc = "Change what serves a VM's queues. A queue in use moves "
		       "between two requests: the guest notices a pause, nothing else.",
	};
	struct settings settings = { .queue = -1 };
	struct json_object *params, *result = NULL;
	char name[] = "nvring set";
	int err;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	params = json_object_new_object();
	json_add_text(params, "engine", settings.engine);
	if (settings.queue >= 0)
		json_add_number(params, "queue", (uint64_t)settings.queue);
	err = rpc_call(target_socket(&settings.target), "set", params, &result);
	json_object_put(result);
	return err ? 1 : 0;
}
