// SPDX-License-Identifier: GPL-2.0-only
#include "target.h"

#include <string.h>

#include "base/json_add.h"
#include "base/log.h"
#include "base/rpc.h"
#include "base/util.h"

enum option_key {
	OPT_RUNTIME_DIR = 0x300,
	OPT_VM,
	OPT_ALL,
	OPT_CONTROL,
};

#define ROW_RUNTIME_DIR \
	{ "runtime-dir", OPT_RUNTIME_DIR, "DIR", 0, "the manager's (" RUNTIME_DIR ")", 9 }
#define ROW_VM { "vm", OPT_VM, "NAME", 0, "the VM", 1 }

static const struct argp_option manager_rows[] = { ROW_RUNTIME_DIR, { 0 } };
static const struct argp_option vm_rows[] = { ROW_VM, ROW_RUNTIME_DIR, { 0 } };
static const struct argp_option vms_rows[] = {
	ROW_VM,
	{ "all", OPT_ALL, NULL, 0, "all VMs, one after another", 1 },
	ROW_RUNTIME_DIR,
	{ 0 },
};
static const struct argp_option any_rows[] = {
	ROW_VM,
	{ "control", OPT_CONTROL, "PATH", 0, "control socket of a daemon that is not managed", 1 },
	ROW_RUNTIME_DIR,
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct target *target = state->input;
	char why[VM_DIR_WHY];

	switch (key) {
	case ARGP_KEY_INIT:
		target->runtime_dir = RUNTIME_DIR;
		return 0;
	case OPT_RUNTIME_DIR:
		target->runtime_dir = argument;
		return 0;
	case OPT_VM:
		target->vm = argument;
		if (vm_name_check(argument, why))
			argp_error(state, "--vm: %s", why);
		return 0;
	case OPT_ALL:
		target->all = true;
		return 0;
	case OPT_CONTROL:
		target->control = argument;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", argument);
		return 0;
	case ARGP_KEY_END:
		if (target->vm && (target->control || target->all))
			argp_error(state, "--vm names one VM: no other option does");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_vms_option(int key, char *argument, struct argp_state *state)
{
	const struct target *target = state->input;

	if (key == ARGP_KEY_END && !target->vm && !target->all)
		argp_error(state, "--vm NAME or --all is wanted");
	return parse_option(key, argument, state);
}

static error_t parse_one_option(int key, char *argument, struct argp_state *state)
{
	const struct target *target = state->input;

	if (key == ARGP_KEY_END && !target->vm && !target->control)
		argp_error(state, "--vm NAME or --control PATH is wanted");
	return parse_option(key, argument, state);
}

static error_t parse_vm_option(int key, char *argument, struct argp_state *state)
{
	const struct target *target = state->input;

	if (key == ARGP_KEY_END && !target->vm)
		argp_error(state, "--vm NAME is wanted");
	return parse_option(key, argument, state);
}

const struct argp target_manager_argp = { .options = manager_rows, .parser = parse_option };
const struct argp target_vm_argp = { .options = vm_rows, .parser = parse_vm_option };
const struct argp target_vms_argp = { .options = vms_rows, .parser = parse_vms_option };
const struct argp target_any_argp = { .options = any_rows, .parser = parse_option };
const struct argp target_one_argp = { .options = any_rows, .parser = parse_one_option };

const char *target_manager(struct target *target)
{
	if (snprintf(target->path, sizeof(target->path), "%s/control", target->runtime_dir) <
	    (int)sizeof(target->path))
		return target->path;
	log_error("--runtime-dir %s: too long", target->runtime_dir);
	exit(1);
}

const char *target_vm(struct target *target, const char *vm)
{
	char why[VM_DIR_WHY];
	struct vm_dir dir;

	if (vm_dir_init(&dir, target->runtime_dir, vm, why)) {
		log_error("%s", why);
		exit(1);
	}
	memcpy(target->path, dir.control, sizeof(target->path));
	return target->path;
}

const char *target_socket(struct target *target)
{
	return target->control ? target->control : target_vm(target, target->vm);
}

static int ask(struct target *target, const char *method, const char *vm,
	       void (*report)(const char *vm, struct json_object *result))
{
	struct json_object *params = json_object_new_object(), *result = NULL;

	json_add_text(params, "vm", vm);
	if (rpc_call(target_manager(target), method, params, &result))
		return 1;
	report(vm, result);
	json_object_put(result);
	return 0;
}

int target_each(struct target *target, const char *method,
		void (*report)(const char *vm, struct json_object *result))
{
	struct json_object *vms = NULL;
	int status = 0;

	if (!target->all)
		return ask(target, method, target->vm, report);
	if (rpc_call(target_manager(target), "list", NULL, &vms))
		return 1;
	for (size_t i = 0; i < json_object_array_length(vms); i++)
		status |= ask(target, method, rpc_text(json_object_array_get_idx(vms, i), "vm"),
			      report);
	json_object_put(vms);
	return status;
}
