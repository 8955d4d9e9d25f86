// SPDX-License-Identifier: GPL-2.0-only
/* `nvring list`: the VMs that are attached, by what the manager and each of them say. */
#include <argp.h>
#include <inttypes.h>
#include <string.h>

#include "base/json_get.h"
#include "base/rpc.h"
#include "base/util.h"
#include "cmd.h"
#include "disk/target.h"

struct settings {
	struct target target;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "print JSON", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->target;
		return 0;
	case 'j':
		settings->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *text_of(struct json_object *object, const char *key)
{
	const char *text = rpc_text(object, key);

	return text ? text : "-";
}

/* What its own process says of it, as "status", null when that does not answer. */
static void add_status(struct json_object *vm)
{
	struct json_object *status = NULL;

	if (!strcmp(text_of(vm, "state"), "serving"))
		rpc_try(text_of(vm, "control"), "status", &status);
	if (status)
		json_object_object_del(status, "queues"); /* `nvring status` has them */
	json_object_object_add(vm, "status", status);
}

static void print_notes(struct json_object *vm)
{
	const char *name = text_of(vm, "vm");

	if (rpc_text(vm, "cause"))
		printf("  %s\n", rpc_text(vm, "cause"));
	if (json_object_object_get(vm, "changed"))
		printf("  its settings changed: `nvring restart --vm %s` applies them\n", name);
	else if (json_get_bool(vm, "outdated"))
		printf("  another version of nvring serves it: `nvring restart --vm %s`\n", name);
}

static void print_vm(struct json_object *vm, int width)
{
	struct json_object *status = json_object_object_get(vm, "status");
	struct json_object *disk = json_object_object_get(status, "disk");

	printf("%-*s  %-10s  %7" PRIu64 "  %-9s  %-6s  %8" PRIu64 "  %s\n", width,
	       text_of(vm, "vm"), text_of(vm, "state"), json_get_number(vm, "pid"),
	       !status				    ? "-"
	       : json_get_bool(status, "connected") ? "connected"
						    : "none",
	       text_of(status, "engine"), json_get_number(vm, "restarts"),
	       text_of(disk, "description"));
	print_notes(vm);
}

static void print_all(struct json_object *vms)
{
	size_t count = json_object_array_length(vms);
	int width = 4;

	for (size_t i = 0; i < count; i++)
		width = max(width, (int)strlen(text_of(json_object_array_get_idx(vms, i), "vm")));
	printf("%-*s  %-10s  %7s  %-9s  %-6s  %8s  %s\n", width, "VM", "STATE", "PROCESS",
	       "FRONT-END", "ENGINE", "RESTARTS", "DISK");
	for (size_t i = 0; i < count; i++)
		print_vm(json_object_array_get_idx(vms, i), width);
}

int cmd_list(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_manager_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Show which VMs are attached, and whether they are served.",
		.children = children,
	};
	struct settings settings = { 0 };
	struct json_object *vms = NULL;
	char name[] = "nvring list";

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (rpc_call(target_manager(&settings.target), "list", NULL, &vms))
		return 1;
	for (size_t i = 0; i < json_object_array_length(vms); i++)
		add_status(json_object_array_get_idx(vms, i));
	if (settings.json)
		cmd_print_json(vms);
	else
		print_all(vms);
	json_object_put(vms);
	return cmd_printed("list", 0);
}
