/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client's side of JSON-RPC for an event loop: one daemon is asked again and again on one
 * connection, and nobody waits for it. Short answers only.
 */
#ifndef NVRING_RPC_ASK_H
#define NVRING_RPC_ASK_H

#include <systemd/sd-event.h>

#include "rpc.h"

#define RPC_ASK_MAX 4096 /* bytes of an answer */

struct rpc_ask;

/**
 * rpc_ask_open() - connect
 * @event: the event loop
 * @path: the daemon's control socket
 * @answered: called with each result; NULL: it refused, or is gone (@gone); may close @ask
 * @data: passed on
 * @ret_ask: set; free with rpc_ask_close()
 *
 * Return: 0, -EAGAIN when too many wait there already, or -errno.
 */
int rpc_ask_open(sd_event *event, const char *path,
		 void (*answered)(void *data, struct json_object *result, bool gone), void *data,
		 struct rpc_ask **ret_ask);

/**
 * rpc_ask() - send a request
 * @ask: the connection
 * @method: name
 * @params: object, taken over; or NULL
 *
 * Return: 0; -EBUSY while the answer to the last one is due; or -errno: it is gone, or hangs.
 */
int rpc_ask(struct rpc_ask *ask, const char *method, struct json_object *params);

/* rpc_ask_close() - @ask may be NULL */
void rpc_ask_close(struct rpc_ask *ask);

#endif
