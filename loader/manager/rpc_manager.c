// SPDX-License-Identifier: GPL-2.0-only
#include "rpc_manager.h"

#include <string.h>

#include "base/json_add.h"
#include "base/rpc.h"
#include "manager.h"
#include "serve/disk_options.h"

static const char *vm_param(struct json_object *params, struct rpc_answer *answer)
{
	const char *name = rpc_text(params, "vm");

	if (!name)
		rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"vm\" is wanted, a VM's name");
	return name;
}

/* The VM that is named, when nobody else is waiting for it. */
static struct vm_process *known_vm(struct manager *manager, struct json_object *params,
				   struct rpc_answer *answer)
{
	static const char *const known[] = { "vm", NULL };
	const char *name = vm_param(params, answer);
	struct vm_process *vm;

	if (!name || !rpc_only_known(params, known, answer))
		return NULL;
	vm = manager_find(manager, name);
	if (!vm)
		rpc_fail(answer, RPC_REFUSED, "%.64s is not attached; `nvring list` shows what is",
			 name);
	else if (vm->waiter || vm->leaving)
		rpc_fail(answer, RPC_REFUSED, "%s: another command is at it; try again", name);
	else if (vm_process_frozen(vm))
		rpc_fail(answer, RPC_REFUSED,
			 "%s: its process is frozen with its cgroup; thaw that", name);
	else
		return vm;
	return NULL;
}

static struct json_object *options_param(struct json_object *params, struct rpc_answer *answer)
{
	struct json_object *given = json_object_object_get(params, "options");
	char why[DISK_OPTION_WHY];
	struct disk_options options;

	if (!json_object_is_type(given, json_type_object))
		rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"options\" is wanted, an object");
	else if (disk_options_parse(given, &options, why))
		rpc_fail(answer, RPC_INVALID_PARAMS, "%s", why);
	else
		return disk_options_json(&options);
	return NULL;
}

/* The first of @options that @others have not, or have otherwise; NULL when there is none. */
static const char *difference(struct json_object *options, struct json_object *others,
			      struct json_object **ret_other)
{
	json_object_object_foreach(options, name, value) {
		*ret_other = json_object_object_get(others, name);
		if (!json_object_equal(value, *ret_other))
			return name;
	}
	return NULL;
}

/* "--queues=2" or "without --queues". */
static char *in_words(const char *name, struct json_object *value)
{
	char *text;

	if (value)
		return disk_options_argument(name, json_object_get_string(value));
	return asprintf(&text, "without --%s", name) < 0 ? NULL : text;
}

static void attach_again(struct vm_process *vm, struct json_object *options,
			 struct rpc_answer *answer)
{
	struct json_object *had = vm->changed ? vm->changed : vm->options, *value = NULL, *json;
	_cleanup_free_ char *have = NULL, *want = NULL;
	const char *name = difference(options, had, &value);

	if (!name)
		name = difference(had, options, &value);
	if (!name && vm->state == VM_WAITING) {
		rpc_fail(answer, RPC_REFUSED,
			 "%s is attached, but not served: %s; it is tried again", vm->name,
			 vm->cause);
		return;
	}
	if (!name) {
		json = vm_process_json(vm);
		json_add_bool(json, "already", true);
		rpc_result(answer, json);
		return;
	}
	have = in_words(name, json_object_object_get(had, name));
	want = in_words(name, json_object_object_get(options, name));
	rpc_fail(answer, RPC_REFUSED, "%s is attached with other settings: %s, not %s; %s%s",
		 vm->name, have ? have : name, want ? want : "that",
		 vm->file ? "change its file and restart it: " : "`nvring detach` it first",
		 vm->file ? vm->file : "");
}

static void method_attach(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { "vm", "options", NULL };
	const char *name = vm_param(params, answer);
	struct json_object *options = NULL;
	struct manager *manager = target;
	char why[VM_DIR_WHY];
	struct vm_process *vm;

	if (!name || !rpc_only_known(params, known, answer))
		return;
	if (vm_name_check(name, why)) {
		rpc_fail(answer, RPC_INVALID_PARAMS, "%s", why);
		return;
	}
	options = options_param(params, answer);
	if (!options)
		return;
	vm = manager_find(manager, name);
	if (vm && (vm->waiter || vm->leaving)) {
		rpc_fail(answer, RPC_REFUSED, "%s: another command is at it; try again", name);
	} else if (vm) {
		attach_again(vm, options, answer);
	} else {
		vm = manager_add(manager, name, options, NULL, why);
		if (vm) {
			vm->fresh = true;
			vm->waiter = rpc_defer(answer);
		} else {
			rpc_fail(answer, RPC_REFUSED, "%s", why);
		}
	}
	json_object_put(options);
}

/* What is not attached is as asked: repeating the command is safe. */
static bool already_detached(struct manager *manager, struct json_object *params,
			     struct rpc_answer *answer)
{
	const char *name = rpc_text(params, "vm");
	struct json_object *json;

	if (!name || manager_find(manager, name) || json_object_object_length(params) > 1)
		return false;
	json = json_object_new_object();
	json_add_text(json, "vm", name);
	json_add_bool(json, "already", true);
	rpc_result(answer, json);
	return true;
}

static void method_detach(void *target, struct json_object *params, struct rpc_answer *answer)
{
	struct rpc_later *later;
	struct vm_process *vm;

	if (already_detached(target, params, answer))
		return;
	vm = known_vm(target, params, answer);
	later = vm ? rpc_defer(answer) : NULL;
	if (later)
		vm_process_detach(vm, later);
}

static void method_restart(void *target, struct json_object *params, struct rpc_answer *answer)
{
	struct vm_process *vm = known_vm(target, params, answer);
	struct rpc_later *later = vm ? rpc_defer(answer) : NULL;

	if (later)
		vm_process_restart(vm, later);
}

static void method_list(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { NULL };
	const struct manager *manager = target;
	struct json_object *vms;

	if (!rpc_only_known(params, known, answer))
		return;
	vms = json_object_new_array();
	for (const struct vm_process *vm = manager->vms; vm; vm = vm->next)
		json_object_array_add(vms, vm_process_json(vm));
	rpc_result(answer, vms);
}

static void method_reload(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { NULL };

	if (rpc_only_known(params, known, answer))
		rpc_result(answer, manager_apply_config(target));
}

static void method_events(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { NULL };
	struct manager *manager = target;

	if (!rpc_only_known(params, known, answer))
		return;
	for (size_t i = 0; i < MANAGER_FOLLOWERS_MAX; i++) {
		if (manager->followers[i] && !rpc_gone(manager->followers[i]))
			continue;
		rpc_finish(steal_pointer(&manager->followers[i]), NULL);
		manager->followers[i] = rpc_defer(answer);
		return;
	}
	rpc_fail(answer, RPC_REFUSED, "%d clients follow already", MANAGER_FOLLOWERS_MAX);
}

static const struct rpc_method methods[] = {
	{ "attach", method_attach }, { "detach", method_detach }, { "restart", method_restart },
	{ "list", method_list },     { "reload", method_reload }, { "events", method_events },
};

void rpc_manager_service(struct manager *manager, struct rpc_service *ret_service)
{
	*ret_service = (struct rpc_service){
		.methods = methods,
		.count = ARRAY_SIZE(methods),
		.target = manager,
	};
}

static struct json_object *event_json(const char *vm, const char *what, const char *detail)
{
	struct json_object *json = json_object_new_object();
	char date[32], time_text[48];
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(date, sizeof(date), "%FT%T", &utc);
	snprintf(time_text, sizeof(time_text), "%s.%03ldZ", date, now.tv_nsec / 1000000);
	json_add_text(json, "time", time_text);
	json_add_text(json, "vm", vm);
	json_add_text(json, "event", what);
	if (detail)
		json_add_text(json, "detail", detail);
	return json;
}

void rpc_manager_event(struct manager *manager, const char *vm, const char *what,
		       const char *detail)
{
	for (size_t i = 0; i < MANAGER_FOLLOWERS_MAX; i++)
		if (manager->followers[i])
			rpc_notify(manager->followers[i], "event", event_json(vm, what, detail));
}

void rpc_manager_end(struct manager *manager)
{
	for (size_t i = 0; i < MANAGER_FOLLOWERS_MAX; i++)
		rpc_finish(steal_pointer(&manager->followers[i]), NULL);
	for (struct vm_process *vm = manager->vms; vm; vm = vm->next)
		rpc_finish_failed(steal_pointer(&vm->waiter), "the manager ends");
}
