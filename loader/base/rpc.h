/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON-RPC 2.0 (jsonrpc.org/specification): requests to a daemon, their answers, and the client's
 * side. What there is to ask for is a table of methods: of one VM (rpc_vm.c), of the manager of
 * many (rpc_manager.c).
 */
#ifndef NVRING_RPC_H
#define NVRING_RPC_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

struct json_object;

/* error.code */
#define RPC_PARSE_ERROR	     (-32700)
#define RPC_INVALID_REQUEST  (-32600)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS   (-32602)
#define RPC_REFUSED	     (-32000) /* understood, but it cannot be done: the message says why */

struct rpc_answer; /* being made */
struct rpc_later;  /* one that is still due */

struct rpc_method {
	const char *name;
	/* Calls one of rpc_result(), rpc_fail() and rpc_defer(), once; @params is an object. */
	void (*run)(void *target, struct json_object *params, struct rpc_answer *answer);
};

struct rpc_service {
	const struct rpc_method *methods;
	size_t count;
	void *target; /* what they act on */
};

/* rpc_result() - the request is done; @result is taken over */
void rpc_result(struct rpc_answer *answer, struct json_object *result);

/* rpc_fail() - it is not; @format ends as a sentence for the operator, without a full stop */
void rpc_fail(struct rpc_answer *answer, int code, const char *format, ...) _printf_(3, 4);

/**
 * rpc_defer() - answer later
 * @answer: of the method that runs
 *
 * The client's further requests wait until then.
 * Return: to be ended by rpc_finish() or rpc_finish_failed(); NULL without memory, @answer failed.
 */
struct rpc_later *rpc_defer(struct rpc_answer *answer);

/* rpc_finish() - the deferred answer: done; @result is taken over. @later may be NULL. */
void rpc_finish(struct rpc_later *later, struct json_object *result);

/* rpc_finish_failed() - or not done (RPC_REFUSED). @later may be NULL. */
void rpc_finish_failed(struct rpc_later *later, const char *format, ...) _printf_(2, 3);

/* rpc_notify() - a notification to a client whose answer is due; @params is taken over */
void rpc_notify(struct rpc_later *later, const char *method, struct json_object *params);

/* rpc_gone() - whether that client has left: nobody will read the answer */
bool rpc_gone(const struct rpc_later *later);

/**
 * rpc_only_known() - members that are not known are mistakes: nothing is done then
 * @params: of the request
 * @known: names, NULL behind the last
 * @answer: failed when there is another
 *
 * Return: true to go on.
 */
bool rpc_only_known(struct json_object *params, const char *const *known,
		    struct rpc_answer *answer);

/* rpc_text() - a member that is a text, or NULL */
const char *rpc_text(struct json_object *params, const char *key);

/**
 * rpc_answer() - act on one request
 * @service: the methods
 * @text: the request, a line
 * @length: its bytes, the newline included
 * @ret_later: set when the answer comes later, else NULL; before returning to the event loop say
 *	where it goes by rpc_deliver_to()
 *
 * Return: the answer's text without a newline, to be freed, or NULL when none is due now.
 */
char *rpc_answer(const struct rpc_service *service, const char *text, size_t length,
		 struct rpc_later **ret_later);

/**
 * rpc_deliver_to() - where an answer goes that is due
 * @later: the answer
 * @deliver: takes a line's text (to be freed; NULL when none is wanted); @last: @later ends with
 *	it. Not called any more once @client is NULL.
 * @client: passed on
 */
void rpc_deliver_to(struct rpc_later *later, void (*deliver)(void *client, char *text, bool last),
		    void *client);

/* rpc_too_long() - the answer to a line that has no end */
char *rpc_too_long(void);

/**
 * rpc_request() - the client's side: the text of a request
 * @method: name
 * @params: object, taken over; or NULL
 * @ret_length: its bytes, the newline included
 *
 * Return: the text, to be freed, or NULL without memory.
 */
char *rpc_request(const char *method, struct json_object *params, size_t *ret_length);

/**
 * rpc_call() - the client's side: have a daemon do something
 * @path: its control socket
 * @method: name
 * @params: object, taken over; or NULL
 * @ret_result: set, the caller's
 *
 * Return: 0 or -errno; the cause is logged.
 */
int rpc_call(const char *path, const char *method, struct json_object *params,
	     struct json_object **ret_result);

/* rpc_try() - the same where no answer is an answer, too: not logged, and nobody waits for long */
int rpc_try(const char *path, const char *method, struct json_object **ret_result);

/**
 * rpc_follow() - the same, for a method that notifies until it ends
 * @path: its control socket
 * @method: name
 * @on_event: called with each notification's params
 *
 * Return: 0 when it ended, or -errno; the cause is logged.
 */
int rpc_follow(const char *path, const char *method, void (*on_event)(struct json_object *params));

#endif
