// SPDX-License-Identifier: GPL-2.0-only
#include "rpc_ask.h"

#include <json.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "unix_socket.h"

struct rpc_ask {
	int fd;
	sd_event_source *io;
	void (*answered)(void *data, struct json_object *result, bool gone);
	void *data;
	bool due;
	char line[RPC_ASK_MAX + 1];
	size_t bytes;
};

/* The connection is of no use any more; it is not looked at until it is closed. */
static int lost(struct rpc_ask *ask)
{
	sd_event_source_set_enabled(ask->io, SD_EVENT_OFF);
	ask->answered(ask->data, NULL, true);
	return 0;
}

static int on_bytes(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct rpc_ask *ask = data;
	struct json_object *top;
	ssize_t received;
	char *end;

	(void)source, (void)events;
	received = recv(fd, ask->line + ask->bytes, RPC_ASK_MAX - ask->bytes, MSG_DONTWAIT);
	if (received < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (received <= 0)
		return lost(ask);
	ask->bytes += (size_t)received;
	end = memchr(ask->line, '\n', ask->bytes);
	if (!end)
		return ask->bytes < RPC_ASK_MAX ? 0 : lost(ask);
	*end = '\0';
	ask->bytes = 0; /* nothing is behind it: one request at a time */
	ask->due = false;
	top = json_tokener_parse(ask->line);
	ask->answered(ask->data, json_object_object_get(top, "result"), false);
	json_object_put(top);
	return 0;
}

int rpc_ask_open(sd_event *event, const char *path,
		 void (*answered)(void *data, struct json_object *result, bool gone), void *data,
		 struct rpc_ask **ret_ask)
{
	struct rpc_ask *ask = calloc(1, sizeof(*ask));
	int err;

	if (!ask)
		return -ENOMEM;
	ask->answered = answered;
	ask->data = data;
	ask->fd = unix_socket_connect(path, 0);
	err = ask->fd;
	if (err >= 0)
		err = sd_event_add_io(event, &ask->io, ask->fd, EPOLLIN, on_bytes, ask);
	if (err < 0) {
		rpc_ask_close(ask);
		return err;
	}
	*ret_ask = ask;
	return 0;
}

int rpc_ask(struct rpc_ask *ask, const char *method, struct json_object *params)
{
	size_t length;
	_cleanup_free_ char *text = rpc_request(method, params, &length);
	ssize_t sent;

	if (!text)
		return -ENOMEM;
	if (ask->due)
		return -EBUSY;
	/* All or nothing is sent: there is room, as what was sent before was read. */
	sent = send(ask->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent != (ssize_t)length)
		return sent < 0 ? -errno : -EPIPE;
	ask->due = true;
	return 0;
}

void rpc_ask_close(struct rpc_ask *ask)
{
	if (!ask)
		return;
	sd_event_source_disable_unref(ask->io);
	fd_close(ask->fd);
	free(ask);
}
