// SPDX-License-Identifier: GPL-2.0-only
#include "rpc_vm.h"

#include <json.h>

#include "rpc.h"
#include "status.h"

static void method_status(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { NULL };

	if (rpc_only_known(params, known, answer))
		rpc_result(answer, status_json(target));
}

static bool engine_param(struct json_object *params, enum engine *ret_engine,
			 struct rpc_answer *answer)
{
	struct json_object *value = json_object_object_get(params, "engine");

	if (json_object_is_type(value, json_type_string) &&
	    !engine_parse(json_object_get_string(value), ret_engine))
		return true;
	rpc_fail(answer, RPC_INVALID_PARAMS,
		 "params: \"engine\" is wanted: \"worker\", \"poller\", \"loop\" or \"auto\"");
	return false;
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

static void method_set(void *target, struct json_object *params, struct rpc_answer *answer)
{
	static const char *const known[] = { "engine", "queue", NULL };
	char why[ENGINE_SENTENCE_BYTES];
	struct vhost_queue *queue;
	struct vm *vm = target;
	enum engine engine;
	int err;

	if (!rpc_only_known(params, known, answer) || !engine_param(params, &engine, answer) ||
	    !queue_param(vm, params, &queue, answer))
		return;
	err = queue ? engine_ask(queue, engine, why) : engine_ask_all(vm, engine, why);
	if (err)
		rpc_fail(answer, RPC_REFUSED, "%s", why);
	else
		rpc_result(answer, json_object_new_object());
}

static const struct rpc_method methods[] = {
	{ "status", method_status },
	{ "set", method_set },
};

void rpc_vm_service(struct vm *vm, struct rpc_service *ret_service)
{
	*ret_service = (struct rpc_service){
		.methods = methods,
		.count = ARRAY_SIZE(methods),
		.target = vm,
	};
}
