// SPDX-License-Identifier: GPL-2.0-only
/* `nvring set`: change what a running daemon does. */
#include <argp.h>
#include <string.h>

#include "base/json_add.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/io_max.h"
#include "disk/target.h"
#include "engine/vm.h"

#define SWITCHES 4
#define LIMITS	 2 /* --iops, --bw */

/* As options, and as the VM's process has them. */
static const struct {
	const char *option, *name;
} switches[SWITCHES] = {
	{ "moderation", "moderation" },
	{ "patience", "patience" },
	{ "wake-halted", "wake_halted" },
	{ "placement", "placement" },
};

static const char *const limits[LIMITS] = { "iops", "bw" };

struct settings {
	struct target target;
	const char *engine;
	int queue;		    /* -1: all */
	int spin_us;		    /* -1: as it is */
	const char *on[SWITCHES];   /* "on" or "off"; NULL: as it is */
	const char *limits[LIMITS]; /* likewise */
};

enum option_key {
	OPT_ENGINE = 0x100,
	OPT_QUEUE,
	OPT_SPIN_US,
	OPT_IOPS,
	OPT_BW,
	OPT_SWITCH, /* and those behind it */
};

static const struct argp_option options[] = {
	{ "engine", OPT_ENGINE, "NAME", 0, "what serves: worker, poller, loop or auto", 0 },
	{ "queue", OPT_QUEUE, "N", 0, "with --engine: this queue alone (all, those to come, too)",
	  0 },
	{ "moderation", OPT_SWITCH, "on|off", 0, "interrupts for several completions", 0 },
	{ "patience", OPT_SWITCH + 1, "on|off", 0, "for longer, where that costs no time", 0 },
	{ "wake-halted", OPT_SWITCH + 2, "on|off", 0, "else not when the vCPU is halted", 0 },
	{ "placement", OPT_SWITCH + 3, "on|off", 0, "threads keep off the CPUs of the VM's vCPUs",
	  0 },
	{ "spin-us", OPT_SPIN_US, "N", 0, "microseconds to look for more work, at most", 0 },
	{ "iops", OPT_IOPS, "READS[:WRITES]", 0, "at most so many a second, or max", 0 },
	{ "bw", OPT_BW, "READS[:WRITES]", 0, "likewise bytes a second (K, M, G, T)", 0 },
	{ 0 },
};

static void check(struct argp_state *state, const struct settings *settings)
{
	bool others = settings->spin_us >= 0;

	for (int i = 0; i < SWITCHES; i++)
		others |= settings->on[i] != NULL;
	for (int i = 0; i < LIMITS; i++)
		others |= settings->limits[i] != NULL;
	if (!settings->engine && !others)
		argp_error(state, "--engine, --moderation, --patience, --wake-halted, "
				  "--placement, "
				  "--spin-us, --iops or --bw is wanted");
	if (settings->queue >= 0 && (!settings->engine || others))
		argp_error(state, "--queue goes with --engine alone");
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;
	uint64_t per_second[LIMIT_KINDS];
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
		settings->queue = (int)cmd_number(state, "--queue", argument, 0, VM_QUEUES_MAX - 1);
		return 0;
	case OPT_SWITCH ... OPT_SWITCH + SWITCHES - 1:
		settings->on[key - OPT_SWITCH] = argument;
		if (strcmp(argument, "on") != 0 && strcmp(argument, "off") != 0)
			argp_error(state, "--%s %s: on or off is wanted",
				   switches[key - OPT_SWITCH].option, argument);
		return 0;
	case OPT_SPIN_US:
		settings->spin_us =
			(int)cmd_number(state, "--spin-us", argument, 0, VM_SPIN_US_MAX);
		return 0;
	case OPT_IOPS:
	case OPT_BW:
		settings->limits[key - OPT_IOPS] = argument;
		if (io_max_pair(argument, key == OPT_BW, per_second))
			argp_error(state, "--%s %s: READS or READS:WRITES a second is wanted",
				   limits[key - OPT_IOPS], argument);
		return 0;
	case ARGP_KEY_END:
		check(state, settings);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_set(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_one_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.children = children,
		.doc = "Change how a VM is served, until its process starts again. A queue in use "
		       "moves between two requests: the guest notices a pause, nothing else.",
	};
	struct settings settings = { .queue = -1, .spin_us = -1 };
	struct json_object *params, *result = NULL;
	char name[] = "nvring set";
	int err;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	params = json_object_new_object();
	if (settings.engine)
		json_add_text(params, "engine", settings.engine);
	for (int i = 0; i < SWITCHES; i++)
		if (settings.on[i])
			json_add_bool(params, switches[i].name, !strcmp(settings.on[i], "on"));
	if (settings.spin_us >= 0)
		json_add_number(params, "spin_us", (uint64_t)settings.spin_us);
	for (int i = 0; i < LIMITS; i++)
		if (settings.limits[i])
			json_add_text(params, limits[i], settings.limits[i]);
	if (settings.queue >= 0)
		json_add_number(params, "queue", (uint64_t)settings.queue);
	err = rpc_call(target_socket(&settings.target), "set", params, &result);
	json_object_put(result);
	return err ? 1 : 0;
}
