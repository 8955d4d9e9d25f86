// SPDX-License-Identifier: GPL-2.0-only
/* `nvring events`: what happens to VMs, a line of JSON each. */
#include <argp.h>
#include <json.h>

#include "base/log.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/target.h"

static const struct argp_option options[] = {
	{ "follow", 'f', NULL, 0, "until the manager ends; there is no other way yet", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case 'f':
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print(struct json_object *event)
{
	puts(json_object_to_json_string_ext(event, JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!fflush(stdout))
		return;
	log_error("events: stdout: %m");
	exit(1);
}

int cmd_events(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_manager_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Show what happens to VMs, as it happens, a line of JSON each, until the "
		       "manager ends.",
		.children = children,
	};
	struct target target = { 0 };
	char name[] = "nvring events";

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &target);
	return rpc_follow(target_manager(&target), "events", print) ? 1 : 0;
}
