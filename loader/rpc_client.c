// SPDX-License-Identifier: GPL-2.0-only
/* The client's side of JSON-RPC. */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "json_add.h"
#include "log.h"
#include "rpc.h"
#include "unix_socket.h"

#define ANSWER_S   60 /* a switch waits for the device's slowest request */
#define TRY_S	   2
#define ANSWER_MAX (4 << 20) /* bytes; 256 queues have a megabyte */

static int send_request(int fd, const char *method, struct json_object *params)
{
	struct json_object *request = json_object_new_object();
	_cleanup_free_ char *text = NULL;
	ssize_t sent = -1;
	int length;

	json_add_text(request, "jsonrpc", "2.0");
	json_add_number(request, "id", 1);
	json_add_text(request, "method", method);
	if (params)
		json_object_object_add(request, "params", params);
	length = asprintf(&text, "%s\n",
			  json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
	json_object_put(request);
	if (length >= 0)
		sent = send(fd, text, (size_t)length, MSG_NOSIGNAL);
	return sent == length ? 0 : -EPIPE;
}

/* What was received and not yet taken. */
struct lines {
	int fd;
	char *data;
	size_t bytes;
};

/* One line, without its newline; good until the next call. Return: 0 or -errno. */
static int next_line(struct lines *lines, size_t *taken, char **ret_line)
{
	ssize_t received;
	char *end;

	lines->bytes -= *taken;
	memmove(lines->data, lines->data + *taken, lines->bytes);
	*taken = 0;
	while (!(end = memchr(lines->data, '\n', lines->bytes))) {
		if (lines->bytes == ANSWER_MAX)
			return -EMSGSIZE;
		received =
			recv(lines->fd, lines->data + lines->bytes, ANSWER_MAX - lines->bytes, 0);
		if (received < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!received)
			return -ECONNRESET;
		lines->bytes += (size_t)received;
	}
	*end = '\0';
	*taken = (size_t)(end - lines->data) + 1;
	*ret_line = lines->data;
	return 0;
}

static int take_result(struct json_object *top, struct json_object **ret_result)
{
	struct json_object *error, *result;

	if (json_object_object_get_ex(top, "result", &result)) {
		*ret_result = json_object_get(result);
		return 0;
	}
	error = json_object_object_get(json_object_object_get(top, "error"), "message");
	log_error("%s", error ? json_object_get_string(error) : "the answer is no JSON-RPC");
	return -EREMOTEIO;
}

/* Notifications until the answer. */
static int receive(int fd, void (*on_event)(struct json_object *params),
		   struct json_object **ret_result)
{
	_cleanup_free_ char *data = malloc(ANSWER_MAX);
	struct lines lines = { .fd = fd, .data = data };
	size_t taken = 0;
	char *line = NULL;
	int err;

	if (!data)
		return -ENOMEM;
	for (;;) {
		struct json_object *top;

		err = next_line(&lines, &taken, &line);
		if (err)
			return err;
		top = json_tokener_parse(line);
		if (on_event && json_object_object_get_ex(top, "method", NULL)) {
			on_event(json_object_object_get(top, "params"));
			json_object_put(top);
			continue;
		}
		err = take_result(top, ret_result);
		json_object_put(top);
		return err;
	}
}

struct talk {
	const char *path, *method;
	struct json_object *params; /* taken over */
	void (*on_event)(struct json_object *params);
	int patience_s; /* for each line; 0: without end */
	bool quiet;
};

static int talk(const struct talk *talk, struct json_object **ret_result)
{
	const struct timeval patience = { .tv_sec = talk->patience_s };
	_cleanup_close_ int fd = unix_socket_connect(talk->path);
	int err;

	if (fd < 0) {
		json_object_put(talk->params);
		if (!talk->quiet)
			log_error("control socket %s: %s%s", talk->path, strerror(-fd),
				  fd == -ECONNREFUSED || fd == -ENOENT ? "; no daemon listens there"
								       : "");
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = send_request(fd, talk->method, talk->params);
	if (!err)
		err = receive(fd, talk->on_event, ret_result);
	if (err && err != -EREMOTEIO && !talk->quiet)
		log_error("control socket %s: %s%s", talk->path, strerror(-err),
			  err == -ECONNRESET || err == -EPIPE
				  ? "; only root and the daemon's own user are served"
			  : err == -ETIMEDOUT ? "; what was asked for may still be done"
					      : "");
	return err;
}

int rpc_call(const char *path, const char *method, struct json_object *params,
	     struct json_object **ret_result)
{
	const struct talk call = {
		.path = path,
		.method = method,
		.params = params,
		.patience_s = ANSWER_S,
	};

	return talk(&call, ret_result);
}

int rpc_try(const char *path, const char *method, struct json_object **ret_result)
{
	const struct talk call = {
		.path = path,
		.method = method,
		.patience_s = TRY_S,
		.quiet = true,
	};

	return talk(&call, ret_result);
}

int rpc_follow(const char *path, const char *method, void (*on_event)(struct json_object *params))
{
	const struct talk call = { .path = path, .method = method, .on_event = on_event };
	struct json_object *result = NULL;
	int err = talk(&call, &result);

	json_object_put(result);
	return err;
}
