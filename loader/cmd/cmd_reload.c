// SPDX-License-Identifier: GPL-2.0-only
/* `nvring reload`: have the manager read its configuration directory again. */
#include <argp.h>
#include <json.h>

#include "base/log.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/target.h"

static void print_each(struct json_object *result, const char *key, const char *what)
{
	struct json_object *names = json_object_object_get(result, key);

	for (size_t i = 0; i < json_object_array_length(names); i++)
		printf("%s: %s\n", json_object_get_string(json_object_array_get_idx(names, i)),
		       what);
}

int cmd_reload(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_manager_argp }, { 0 } };
	const struct argp argp = {
		.parser = cmd_parse_child,
		.doc = "Have the manager read its configuration directory again: attach what is "
		       "new, "
		       "detach what is gone. What changed waits for `nvring restart`.",
		.children = children,
	};
	struct json_object *result = NULL, *errors;
	struct target target = { 0 };
	char name[] = "nvring reload";
	size_t count;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &target);
	if (rpc_call(target_manager(&target), "reload", NULL, &result))
		return 1;
	print_each(result, "attached", "attached");
	print_each(result, "detached", "being detached");
	print_each(result, "changed", "changed; `nvring restart` applies the new settings");
	errors = json_object_object_get(result, "errors");
	count = json_object_array_length(errors);
	for (size_t i = 0; i < count; i++)
		log_error("%s", json_object_get_string(json_object_array_get_idx(errors, i)));
	json_object_put(result);
	return count ? 1 : 0;
}
