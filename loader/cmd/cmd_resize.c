// SPDX-License-Identifier: GPL-2.0-only
/* `nvring resize`: a disk grows while it is served. */
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/json_add.h"
#include "base/json_get.h"
#include "base/parse.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/target.h"

struct settings {
	struct target target;
	uint64_t size; /* bytes, 0: as it is by now */
};

enum option_key { OPT_SIZE = 0x100 };

static const struct argp_option options[] = {
	{ "size", OPT_SIZE, "SIZE", 0, "make a file so long first (K, M, G, T)", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->target;
		return 0;
	case OPT_SIZE:
		if (parse_size(argument, &settings->size))
			argp_error(state,
				   "--size %s: bytes are wanted, a multiple of 512, or a number "
				   "with K, M, G or T",
				   argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_resize(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_one_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.children = children,
		.doc = "Serve all that a VM's file or block device has grown to, and tell the "
		       "guest, "
		       "which goes on meanwhile. Nothing shrinks.",
	};
	struct json_object *params, *result = NULL;
	struct settings settings = { 0 };
	char name[] = "nvring resize";
	int err;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	params = json_object_new_object();
	if (settings.size)
		json_add_number(params, "bytes", settings.size);
	err = rpc_call(target_socket(&settings.target), "resize", params, &result);
	if (!err)
		printf("%" PRIu64 " bytes%s\n", json_get_number(result, "bytes"),
		       json_get_bool(result, "told") ? "; the guest was told" : "");
	json_object_put(result);
	return cmd_printed("resize", err ? 1 : 0);
}
