// SPDX-License-Identifier: GPL-2.0-only
#include "rpc.h"

#include <stdarg.h>
#include <string.h>

#include "control.h"
#include "json_add.h"

#define DEPTH_MAX 16 /* of a request's nesting */

struct rpc_answer {
	struct json_object *result; /* or NULL with an error */
	struct rpc_later *later;    /* or it comes later */
	int code;
	char message[1024];
};

struct rpc_later {
	struct rpc_answer answer;
	struct json_object *id;
	bool wanted;
	void (*deliver)(void *client, char *text, bool last);
	void *client; /* NULL: it is gone */
};

void rpc_result(struct rpc_answer *answer, struct json_object *result)
{
	answer->result = result;
}

void rpc_fail(struct rpc_answer *answer, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(answer->message, sizeof(answer->message), format, args);
	va_end(args);
	answer->code = code;
}

struct rpc_later *rpc_defer(struct rpc_answer *answer)
{
	answer->later = calloc(1, sizeof(*answer->later));
	if (!answer->later)
		rpc_fail(answer, RPC_REFUSED, "%s", strerror(ENOMEM));
	return answer->later;
}

bool rpc_only_known(struct json_object *params, const char *const *known, struct rpc_answer *answer)
{
	json_object_object_foreach(params, key, value) {
		size_t i = 0;

		(void)value;
		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		rpc_fail(answer, RPC_INVALID_PARAMS, "params: no member \"%.64s\" is known", key);
		return false;
	}
	return true;
}

const char *rpc_text(struct json_object *params, const char *key)
{
	struct json_object *value = json_object_object_get(params, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static void no_method(const struct rpc_service *service, const char *name,
		      struct rpc_answer *answer)
{
	char known[256];
	int used = 0;

	for (size_t i = 0; i < service->count && used < (int)sizeof(known); i++)
		used += snprintf(known + used, sizeof(known) - (size_t)used, "%s\"%s\"",
				 !i			   ? ""
				 : i == service->count - 1 ? " and "
							   : ", ",
				 service->methods[i].name);
	rpc_fail(answer, RPC_METHOD_NOT_FOUND, "no method \"%.64s\": %s are known", name, known);
}

static void call(const struct rpc_service *service, const char *name, struct json_object *params,
		 struct rpc_answer *answer)
{
	for (size_t i = 0; i < service->count; i++) {
		if (strcmp(service->methods[i].name, name) != 0)
			continue;
		service->methods[i].run(service->target, params, answer);
		return;
	}
	no_method(service, name, answer);
}

static bool valid_id(struct json_object *id)
{
	return !id || json_object_is_type(id, json_type_string) ||
	       json_object_is_type(id, json_type_int) || json_object_is_type(id, json_type_double);
}

static void act(const struct rpc_service *service, struct json_object *request,
		struct rpc_answer *answer)
{
	struct json_object *version = json_object_object_get(request, "jsonrpc");
	struct json_object *method = json_object_object_get(request, "method");
	struct json_object *params = json_object_object_get(request, "params"), *none;

	if (!json_object_is_type(version, json_type_string) ||
	    strcmp(json_object_get_string(version), "2.0") != 0 ||
	    !json_object_is_type(method, json_type_string)) {
		rpc_fail(answer, RPC_INVALID_REQUEST,
			 "\"jsonrpc\": \"2.0\" and a \"method\" are wanted");
		return;
	}
	if (params && !json_object_is_type(params, json_type_object)) {
		rpc_fail(answer, RPC_INVALID_PARAMS,
			 "params: an object with named members is wanted");
		return;
	}
	none = params ? NULL : json_object_new_object();
	call(service, json_object_get_string(method), params ? params : none, answer);
	json_object_put(none);
}

static char *line_text(struct json_object *top)
{
	return strdup(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PLAIN |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* The answer's text; takes over its result and a reference of @id. */
static char *answer_text(struct rpc_answer *answer, struct json_object *id)
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
	text = line_text(top);
	json_object_put(top);
	return text;
}

static struct json_object *parse(const char *text, size_t length, struct rpc_answer *answer)
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
		rpc_fail(answer, RPC_INVALID_REQUEST, "one object a line is wanted");
	else
		rpc_fail(answer, RPC_PARSE_ERROR, "no JSON: %s",
			 err == json_tokener_continue ? "it has no end"
						      : json_tokener_error_desc(err));
	json_object_put(request);
	json_tokener_free(tokener);
	return NULL;
}

static void defer(struct rpc_later *later, struct json_object *id, bool wanted)
{
	later->id = json_object_get(id);
	later->wanted = wanted;
}

char *rpc_answer(const struct rpc_service *service, const char *text, size_t length,
		 struct rpc_later **ret_later)
{
	struct json_object *request, *id = NULL;
	struct rpc_answer answer = { 0 };
	bool wanted = true; /* no answer to a notification */
	char *line = NULL;

	request = parse(text, length, &answer);
	if (request) {
		wanted = json_object_object_get_ex(request, "id", &id);
		if (valid_id(id)) {
			act(service, request, &answer);
		} else {
			id = NULL;
			rpc_fail(&answer, RPC_INVALID_REQUEST, "\"id\" is a string or a number");
		}
	}
	if (answer.code == RPC_INVALID_REQUEST)
		wanted = true;
	*ret_later = answer.later;
	if (answer.later)
		defer(answer.later, id, wanted);
	else if (wanted)
		line = answer_text(&answer, json_object_get(id));
	else
		json_object_put(answer.result);
	json_object_put(request);
	return line;
}

void rpc_deliver_to(struct rpc_later *later, void (*deliver)(void *client, char *text, bool last),
		    void *client)
{
	later->deliver = deliver;
	later->client = client;
}

bool rpc_gone(const struct rpc_later *later)
{
	return !later->client;
}

void rpc_notify(struct rpc_later *later, const char *method, struct json_object *params)
{
	struct json_object *top = json_object_new_object();

	json_add_text(top, "jsonrpc", "2.0");
	json_add_text(top, "method", method);
	json_object_object_add(top, "params", params);
	if (later->client)
		later->deliver(later->client, line_text(top), false);
	json_object_put(top);
}

static void finish(struct rpc_later *later)
{
	char *text = NULL;

	if (later->wanted && later->client)
		text = answer_text(&later->answer, json_object_get(later->id));
	else
		json_object_put(later->answer.result);
	if (later->client)
		later->deliver(later->client, text, true);
	json_object_put(later->id);
	free(later);
}

void rpc_finish(struct rpc_later *later, struct json_object *result)
{
	if (!later) {
		json_object_put(result);
		return;
	}
	rpc_result(&later->answer, result);
	finish(later);
}

void rpc_finish_failed(struct rpc_later *later, const char *format, ...)
{
	va_list args;

	if (!later)
		return;
	va_start(args, format);
	vsnprintf(later->answer.message, sizeof(later->answer.message), format, args);
	va_end(args);
	later->answer.code = RPC_REFUSED;
	finish(later);
}

char *rpc_too_long(void)
{
	struct rpc_answer answer = { 0 };

	rpc_fail(&answer, RPC_INVALID_REQUEST, "a request is at most %d bytes, with its newline",
		 CONTROL_LINE_MAX);
	return answer_text(&answer, NULL);
}
