// SPDX-License-Identifier: GPL-2.0-only
/* `nvring attach`: have the manager serve a VM's disk. */
#include <argp.h>
#include <inttypes.h>

#include "base/json_add.h"
#include "base/json_get.h"
#include "base/log.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/target.h"
#include "serve/disk_options.h"

struct settings {
	struct target target;
	struct disk_options disk;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->target;
		state->child_inputs[1] = &settings->disk;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The manager's directory is another one than ours. */
static int make_absolute(struct json_object *options, const char *name)
{
	const char *path = rpc_text(options, name);
	_cleanup_free_ char *here = NULL, *text = NULL;

	if (!path || *path == '/')
		return 0;
	here = get_current_dir_name();
	if (!here || asprintf(&text, "%s/%s", here, path) < 0) {
		log_error("--%s %s: the working directory cannot be told: %m", name, path);
		return -errno;
	}
	json_add_text(options, name, text);
	return 0;
}

static void report(struct json_object *vm)
{
	bool already = json_get_bool(vm, "already");

	printf("%s: %sserved at %s, process %" PRIu64 "\n", rpc_text(vm, "vm"),
	       already ? "attached already with these settings; " : "", rpc_text(vm, "socket"),
	       json_get_number(vm, "pid"));
}

static int attach(struct settings *settings)
{
	struct json_object *params = json_object_new_object(), *result = NULL;
	struct json_object *options = disk_options_json(&settings->disk);

	json_add_text(params, "vm", settings->target.vm);
	json_object_object_add(params, "options", options);
	if (make_absolute(options, "image") || make_absolute(options, "device")) {
		json_object_put(params);
		return 1;
	}
	if (rpc_call(target_manager(&settings->target), "attach", params, &result))
		return 1;
	report(result);
	json_object_put(result);
	return 0;
}

int cmd_attach(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_vm_argp },
						      { .argp = &disk_options_argp },
						      { 0 } };
	const struct argp argp = {
		.parser = parse_option,
		.doc = "Have the manager (`nvring daemon`) serve a VM's disk, until it is "
		       "detached. "
		       "The VM's front-end connects to the socket that is named in the answer.",
		.children = children,
	};
	struct settings settings = { 0 };
	char name[] = "nvring attach";

	disk_options_init(&settings.disk);
	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	return attach(&settings);
}
