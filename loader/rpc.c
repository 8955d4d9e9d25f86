// SPDX-License-Identifier: GPL-2.0-only
#include "rpc.h"

#include <stdarg.h>
#include <string.h>

#include "control.h"
#include "json_add.h"
#include "log.h"
#include "status.h"

#define DEPTH_MAX 16 /* of a request's nesting */

struct answer {
	struct json_object *result; /* or NULL with an error */
	int code;
	char message[512];
};

static void _printf_(3, 4) fail(struct answer *answer, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(answer->message, sizeof(answer->message), format, args);
	va_end(args);
	answer->code = code;
}

/* Members that are not known are mistakes: nothing is done then. */
static bool only_known(struct json_object *params, const char *const *known, struct answer *answer)
{
	json_object_object_foreach(params, key, value) {
		size_t i = 0;

		(void)value;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		fail(answer, RPC_INVALID_PARAMS, "params: no member \"%s\" is known", key);
		return false;
	}
	return true;
}

static void method_status(struct vm *vm, struct json_object *params, struct answer *answer)
{
	static const char *const known[] = { NULL };

	if (only_known(params, known, answer))
		answer->result = status_json(vm);
}

static bool engine_param(struct json_object *params, enum engine *ret_engine, struct answer *answer)
{
	struct json_object *value = json_object_object_get(params, "engine");

	if (json_object_is_type(value, json_type_string) &&
	    !engine_parse(json_object_get_string(value), ret_engine))
		return true;
	fail(answer, RPC_INVALID_PARAMS,
	     "params: \"engine\" is wanted: \"worker\", \"poller\", \"loop\" or \"auto\"");
	return false;
}

/* The queue that is named, or NULL for all. */
static bool queue_param(struct vm *vm, struct json_object *params, struct vhost_queue **ret_queue,
			struct answer *answer)
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
	fail(answer, RPC_INVALID_PARAMS, "params: \"queue\" is a number from 0 to %u",
	     vm->options.queues - 1);
	return false;
}

static void method_set(struct vm *vm, struct json_object *params, struct answer *answer)
{
	static const char *const known[] = { "engine", "queue", NULL };
	char why[ENGINE_SENTENCE_BYTES];
	struct vhost_queue *queue;
	enum engine engine;
	int err;

	if (!only_known(params, known, answer) || !engine_param(params, &engine, answer) ||
	    !queue_param(vm, params, &queue, answer))
		return;
	err = queue ? engine_ask(queue, engine, why) : engine_ask_all(vm, engine, why);
	if (err)
		fail(answer, RPC_REFUSED, "%s", why);
	else
		answer->result = json_object_new_object();
}

static const struct {
	const char *name;
	void (*run)(struct vm *vm, struct json_object *params, struct answer *answer);
} methods[] = {
	{ "status", method_status },
	{ "set", method_set },
};

static void call(struct vm *vm, const char *name, struct json_object *params, struct answer *answer)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (strcmp(methods[i].name, name) != 0)
			continue;
		methods[i].run(vm, params, answer);
		return;
	}
	fail(answer, RPC_METHOD_NOT_FOUND, "no method \"%.64s\": \"status\" and \"set\" are known",
	     name);
}

static bool valid_id(struct json_object *id)
{
	return !id || json_object_is_type(id, json_type_string) ||
	       json_object_is_type(id, json_type_int) || json_object_is_type(id, json_type_double);
}

static void act(struct vm *vm, struct json_object *request, struct answer *answer)
{
	struct json_object *version = json_object_object_get(request, "jsonrpc");
	struct json_object *method = json_object_object_get(request, "method");
	struct json_object *params = json_object_object_get(request, "params"), *none;

	if (!json_object_is_type(version, json_type_string) ||
	    strcmp(json_object_get_string(version), "2.0") != 0 ||
	    !json_object_is_type(method, json_type_string)) {
		fail(answer, RPC_INVALID_REQUEST,
		     "\"jsonrpc\": \"2.0\" and a \"method\" are wanted");
		return;
	}
	if (params && !json_object_is_type(params, json_type_object)) {
		fail(answer, RPC_INVALID_PARAMS, "params: an object with named members is wanted");
		return;
	}
	none = params ? NULL : json_object_new_object();
	call(vm, json_object_get_string(method), params ? params : none, answer);
	json_object_put(none);
}

/* The answer's text; takes over its result and a reference of @id. */
static char *answer_text(struct answer *answer, struct json_object *id)
{
	struct json_object *top = json_object_new_object(), *error;
	char *text;

	json_add_text(top, "jsonrpc", "2.0");
	json_object_object_add(top, "id", id);
	if (answer->code) {
		error = json_object_new_object();
		json_object_object_add(error, "code", json_object_new_int(answer->code));
		json_add_text(error, "message", answer->message);
		json_object_object_add(top, "error", error);
	} else {
		json_object_object_add(top, "result", answer->result);
	}
	text = strdup(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PLAIN |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
	return text;
}

static struct json_object *parse(const char *text, size_t length, struct answer *answer)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *request;
	enum json_tokener_error err;
	size_t end;

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	request = json_tokener_parse_ex(tokener, text, (int)length);
	err = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	while (end < length && text[end] && strchr(" \t\r\n", text[end]))
		end++;
	if (err == json_tokener_success && end < length)
		err = json_tokener_error_parse_unexpected;
	if (err == json_tokener_success && json_object_is_type(request, json_type_object)) {
		json_tokener_free(tokener);
		return request;
	}
	if (err == json_tokener_success)
		fail(answer, RPC_INVALID_REQUEST, "one object a line is wanted");
	else
		fail(answer, RPC_PARSE_ERROR, "no JSON: %s",
		     err == json_tokener_continue ? "it has no end" : json_tokener_error_desc(err));
	json_object_put(request);
	json_tokener_free(tokener);
	return NULL;
}

char *rpc_answer(struct vm *vm, const char *text, size_t length)
{
	struct json_object *request, *id = NULL;
	struct answer answer = { 0 };
	bool wanted = true; /* no answer to a notification */

	request = parse(text, length, &answer);
	if (request) {
		wanted = json_object_object_get_ex(request, "id", &id);
		if (valid_id(id)) {
			act(vm, request, &answer);
		} else {
			id = NULL;
			fail(&answer, RPC_INVALID_REQUEST, "\"id\" is a string or a number");
		}
	}
	if (answer.code == RPC_INVALID_REQUEST)
		wanted = true;
	if (!wanted) {
		json_object_put(answer.result);
		json_object_put(request);
		return NULL;
	}
	text = answer_text(&answer, json_object_get(id));
	json_object_put(request);
	return (char *)text;
}

char *rpc_too_long(void)
{
	struct answer answer = { 0 };

	fail(&answer, RPC_INVALID_REQUEST, "a request is at most %d bytes, with its newline",
	     CONTROL_LINE_MAX);
	return answer_text(&answer, NULL);
}
