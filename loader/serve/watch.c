// SPDX-License-Identifier: GPL-2.0-only
#include "watch.h"

#include <string.h>

#include "base/json_add.h"
#include "base/rpc.h"
#include "base/util.h"

enum option_key {
	OPT_CONTROL = 0x400,
};

static const struct argp_option rows[] = {
	{ "control", OPT_CONTROL, "PATH", 0,
	  "control socket of a daemon that is not managed; may be repeated", 1 },
	{ 0 },
};

static void take(struct argp_state *state, const char **list, size_t *count, const char *argument)
{
	if (*count == WATCH_MAX)
		argp_error(state, "%s: at most %d can be watched", argument, WATCH_MAX);
	list[(*count)++] = argument;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct watch *watch = state->input;
	char why[VM_DIR_WHY];

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &watch->target;
		return 0;
	case ARGP_KEY_ARG:
		if (vm_name_check(argument, why))
			argp_error(state, "%s", why);
		take(state, watch->vms, &watch->vm_count, argument);
		return 0;
	case OPT_CONTROL:
		take(state, watch->controls, &watch->control_count, argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { .argp = &target_manager_argp }, { 0 } };

const struct argp watch_argp = {
	.options = rows,
	.parser = parse_option,
	.args_doc = "[VM...]",
	.children = children,
};

static void add(char **paths, int *count, const char *path)
{
	if (*count == WATCH_MAX)
		return;
	paths[*count] = strdup(path);
	*count += paths[*count] != NULL;
}

/* All VMs of the manager. */
static int add_list(struct watch *watch, char **paths, int *count)
{
	struct json_object *vms = NULL;
	int err = rpc_call(target_manager(&watch->target), "list", NULL, &vms);

	if (err)
		return err;
	for (size_t i = 0; i < json_object_array_length(vms); i++)
		add(paths, count, rpc_text(json_object_array_get_idx(vms, i), "control"));
	json_object_put(vms);
	return 0;
}

int watch_paths(struct watch *watch, char ***ret_paths)
{
	char **paths = calloc(WATCH_MAX, sizeof(*paths));
	int count = 0, err = 0;

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < watch->vm_count; i++)
		add(paths, &count, target_vm(&watch->target, watch->vms[i]));
	for (size_t i = 0; i < watch->control_count; i++)
		add(paths, &count, watch->controls[i]);
	if (!watch->vm_count && !watch->control_count)
		err = add_list(watch, paths, &count);
	if (err) {
		watch_free_paths(paths, count);
		return err;
	}
	*ret_paths = paths;
	return count;
}

void watch_free_paths(char **paths, int count)
{
	for (int i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
}
