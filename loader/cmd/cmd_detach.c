// SPDX-License-Identifier: GPL-2.0-only
/* `nvring detach` and `nvring restart`: the processes of one VM or of all are ended. */
#include <argp.h>
#include <inttypes.h>

#include "base/json_get.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/target.h"

static void detached(const char *vm, struct json_object *result)
{
	bool already = json_get_bool(result, "already");

	printf("%s: %s\n", vm, already ? "is not attached" : "detached");
}

static void restarted(const char *vm, struct json_object *result)
{
	printf("%s: process %" PRIu64 " serves it\n", vm, json_get_number(result, "pid"));
}

static int run(int argc, char **argv, const char *method, const char *doc,
	       void (*report)(const char *vm, struct json_object *result))
{
	static const struct argp_child children[] = { { .argp = &target_vms_argp }, { 0 } };
	const struct argp argp = { .parser = cmd_parse_child, .doc = doc, .children = children };
	struct target target = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "nvring %s", method);
	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &target);
	return target_each(&target, method, report);
}

int cmd_detach(int argc, char **argv)
{
	return run(argc, argv, "detach",
		   "End what serves a VM's disk, when the requests under way are done.\v"
		   "A VM with a file in the configuration directory is attached again when "
		   "that is next read.",
		   detached);
}

int cmd_restart(int argc, char **argv)
{
	return run(argc, argv, "restart",
		   "Start the process of a VM again: with this version of nvring, and with "
		   "settings that changed in its file. The guest notices a pause, nothing "
		   "else.",
		   restarted);
}
