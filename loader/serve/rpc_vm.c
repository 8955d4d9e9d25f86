// SPDX-License-Identifier: GPL-2.0-only
#include "rpc_vm.h"

#include <json.h>
#include <string.h>

#include "base/json_add.h"
#include "base/rpc.h"
#include "disk/io_max.h"
#include "engine/steer.h"
#include "engine/vm_limits.h"
#include "engine/vm_share.h"
#include "resize.h"
#include "status.h"
#include "trace_json.h"

static void method_status(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { NULL };

	if (rpc_only_known(params, known, answer))
		rpc_result(answer, status_json(target));
}

/* What is on or off. */
static const struct {
	const char *name;
	void (*set)(struct vm *vm, bool on);
} switches[] = {
	{ "moderation", vm_set_moderation },
	{ "patience", vm_set_patience },
	{ "wake_halted", steer_set_wake_halted },
	{ "placement", steer_set_placement },
};

/* What `set` is to change. */
struct changes {
	bool has_engine, has_spin, has_switch, has_limits;
	enum engine engine;
	struct vhost_queue *queue; /* NULL: all */
	uint32_t spin_us;
	uint64_t per_second[LIMIT_KINDS];
	int on[ARRAY_SIZE(switches)]; /* -1: as it is */
};

static bool engine_param(struct json_object *params, struct changes *changes,
			 struct rpc_answer *answer)
{
	struct json_object *value;

	changes->has_engine = json_object_object_get_ex(params, "engine", &value);
	if (!changes->has_engine ||
	    (json_object_is_type(value, json_type_string) &&
	     !engine_parse(json_object_get_string(value), &changes->engine)))
		return true;
	rpc_fail(answer, RPC_INVALID_PARAMS,
		 "params: \"engine\" is \"worker\", \"poller\", \"loop\" or \"auto\"");
	return false;
}

static bool switch_params(struct json_object *params, struct changes *changes,
			  struct rpc_answer *answer)
{
	struct json_object *value;

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		changes->on[i] = -1;
		if (!json_object_object_get_ex(params, switches[i].name, &value))
			continue;
		changes->has_switch = true;
		changes->on[i] = json_object_get_boolean(value);
		if (json_object_is_type(value, json_type_boolean))
			continue;
		rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"%s\" is true or false",
			 switches[i].name);
		return false;
	}
	return true;
}

static bool spin_param(struct json_object *params, struct changes *changes,
		       struct rpc_answer *answer)
{
	struct json_object *value;
	int64_t spin_us;

	changes->has_spin = json_object_object_get_ex(params, "spin_us", &value);
	if (!changes->has_spin)
		return true;
	spin_us = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
	changes->spin_us = (uint32_t)spin_us;
	if (spin_us >= 0 && spin_us <= VM_SPIN_US_MAX)
		return true;
	rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"spin_us\" is a number from 0 to %d",
		 VM_SPIN_US_MAX);
	return false;
}

static bool limit_params(const struct vm *vm, struct json_object *params, struct changes *changes,
			 struct rpc_answer *answer)
{
	static const char *const names[] = { "iops", "bw" };

	memcpy(changes->per_second, vm->options.per_second, sizeof(changes->per_second));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct json_object *value;

		if (!json_object_object_get_ex(params, names[i], &value))
			continue;
		changes->has_limits = true;
		if (json_object_is_type(value, json_type_string) &&
		    !io_max_pair(json_object_get_string(value), i == 1, changes->per_second))
			continue;
		rpc_fail(answer, RPC_INVALID_PARAMS,
			 "params: \"%s\" is a text such as \"%s\" or \"max\"", names[i],
			 i == 1 ? "200M:50M" : "5000:1000");
		return false;
	}
	return true;
}

/* The queue that is named, or NULL for all. */
static bool queue_param(struct vm *vm, struct json_object *params, struct vhost_queue **ret_queue,
			struct rpc_answer *answer)
{
	struct json_object *value;
	int64_t index;

	*ret_queue = NULL;
	if (!json_object_object_get_ex(params, "queue", &value))
		return true;
	index = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
	if (index >= 0 && index < vm->options.queues) {
		*ret_queue = &vm->queues[index];
		return true;
	}
	rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"queue\" is a number from 0 to %u",
		 vm->options.queues - 1);
	return false;
}

static bool changes_params(struct vm *vm, struct json_object *params, struct changes *changes,
			   struct rpc_answer *answer)
{
	static const char *const known[] = { "engine",	 "queue",	"spin_us",   "moderation",
					     "patience", "wake_halted", "placement", "iops",
					     "bw",	 NULL };
	bool others;

	if (!rpc_only_known(params, known, answer) || !engine_param(params, changes, answer) ||
	    !queue_param(vm, params, &changes->queue, answer) ||
	    !switch_params(params, changes, answer) || !spin_param(params, changes, answer) ||
	    !limit_params(vm, params, changes, answer))
		return false;
	others = changes->has_switch || changes->has_spin || changes->has_limits;
	if (changes->queue ? changes->has_engine && !others : changes->has_engine || others)
		return true;
	rpc_fail(answer, RPC_INVALID_PARAMS,
		 "params: \"engine\", a switch such as \"moderation\", \"spin_us\", \"iops\" or "
		 "\"bw\" is wanted; "
		 "of a \"queue\" alone, \"engine\"");
	return false;
}

static void method_set(void *target, struct json_object *params, struct rpc_answer *answer)
{
	char why[ENGINE_SENTENCE_BYTES];
	struct changes changes = { 0 };
	struct vm *vm = target;
	int err = 0;

	if (!changes_params(vm, params, &changes, answer))
		return;
	/* First what may be refused: then nothing changes. */
	if (changes.has_engine)
		err = changes.queue ? engine_ask(changes.queue, changes.engine, why)
				    : engine_ask_all(vm, changes.engine, why);
	if (err) {
		rpc_fail(answer, RPC_REFUSED, "%s", why);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (changes.on[i] >= 0)
			switches[i].set(vm, changes.on[i]);
	if (changes.has_spin)
		vm_set_spin_us(vm, changes.spin_us);
	if (changes.has_limits)
		vm_limits_set(vm, changes.per_second);
	rpc_result(answer, json_object_new_object());
}

static void method_trace(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { "every", NULL };
	struct json_object *value = json_object_object_get(params, "every");
	int64_t every =
		json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;

	if (!rpc_only_known(params, known, answer))
		return;
	if (every >= 0 && every <= TRACE_EVERY_MAX)
		rpc_result(answer, trace_json(target, (uint32_t)every));
	else
		rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"every\" is a number from 0 to %d",
			 TRACE_EVERY_MAX);
}

static void method_resize(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { "bytes", NULL };
	struct json_object *value, *result;
	char why[RESIZE_WHY_BYTES];
	struct vm *vm = target;
	int64_t bytes = 0;
	bool told;

	if (!rpc_only_known(params, known, answer))
		return;
	if (json_object_object_get_ex(params, "bytes", &value))
		bytes = json_object_is_type(value, json_type_int) ? json_object_get_int64(value)
								  : -1;
	if (bytes < 0) {
		rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"bytes\" is a number from 0 on");
		return;
	}
	if (resize(vm, (uint64_t)bytes, &told, why)) {
		rpc_fail(answer, RPC_REFUSED, "%s", why);
		return;
	}
	result = json_object_new_object();
	json_add_number(result, "bytes", vm->backend.disk.sectors << NVR_SECTOR_SHIFT);
	json_add_bool(result, "told", told);
	rpc_result(answer, result);
}

/* A member that is a number from 0 to @most, or is not there: 0. */
static bool amount_param(struct json_object *params, const char *key, double most,
			 double *ret_value, struct rpc_answer *answer)
{
	struct json_object *value;

	*ret_value = 0;
	if (!json_object_object_get_ex(params, key, &value))
		return true;
	*ret_value = json_object_is_type(value, json_type_double) ||
				     json_object_is_type(value, json_type_int)
			     ? json_object_get_double(value)
			     : -1;
	if (*ret_value >= 0 && *ret_value <= most)
		return true;
	rpc_fail(answer, RPC_INVALID_PARAMS, "params: \"%s\" is a number from 0 to %g", key, most);
	return false;
}

static void method_share(void *target, struct json_object *params, struct rpc_answer *answer)
{
	const char *known[LIMIT_KINDS + 2] = { "percent" };
	double percent, ns[LIMIT_KINDS];

	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		known[kind + 1] = io_max_name(kind);
	if (!rpc_only_known(params, known, answer) ||
	    !amount_param(params, "percent", 100, &percent, answer))
		return;
	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		if (!amount_param(params, io_max_name(kind), UINT32_MAX, &ns[kind], answer))
			return;
	vm_share_set(target, percent, ns);
	rpc_result(answer, vm_share_report(target));
}

static const struct rpc_method methods[] = {
	{ "status", method_status }, { "set", method_set },	{ "trace", method_trace },
	{ "resize", method_resize }, { "share", method_share },
};

void rpc_vm_service(struct vm *vm, struct rpc_service *ret_service)
{
	*ret_service = (struct rpc_service){
		.methods = methods,
		.count = ARRAY_SIZE(methods),
		.target = vm,
	};
}
