/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON-RPC 2.0 (jsonrpc.org/specification): requests to a daemon, their answers, and the client's
 * side. Methods:
 *
 *   status                     the VM, its disk and its queues (status.h)
 *   set {"engine": NAME, "queue": N}   which engine serves queue N, or without "queue" all of them
 */
#ifndef NVRING_RPC_H
#define NVRING_RPC_H

#include <stddef.h>

#include "vm.h"

struct json_object;

/* error.code */
#define RPC_PARSE_ERROR	     (-32700)
#define RPC_INVALID_REQUEST  (-32600)
#define RPC_METHOD_NOT_FOUND (-32601)
#define RPC_INVALID_PARAMS   (-32602)
#define RPC_REFUSED	     (-32000) /* understood, but it cannot be done: the message says why */

/**
 * rpc_answer() - act on one request
 * @vm: what it acts on
 * @text: the request, a line
 * @length: its bytes, the newline included
 *
 * Return: the answer's text without a newline, to be freed, or NULL when none is due.
 */
char *rpc_answer(struct vm *vm, const char *text, size_t length);

/* rpc_too_long() - the answer to a line that has no end */
char *rpc_too_long(void);

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

#endif
