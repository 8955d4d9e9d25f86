// SPDX-License-Identifier: GPL-2.0-only
/* The client's side of JSON-RPC. */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "cgroup.h"
#include "json_add.h"
#include "log.h"
#include "rpc.h"
#include "unix_socket.h"

#define ANSWER_S   60 /* a switch waits for the device's slowest request */
#define TRY_S	   2
#define LOOK_S	   1	     /* between looks whether the daemon is frozen */
#define ANSWER_MAX (4 << 20) /* bytes; 256 queues have a megabyte */

char *rpc_request(const char *method, struct json_object *params, size_t *ret_length)
{
	struct json_object *request = json_object_new_object();
	char *text = NULL;
	int length;

	json_add_text(request, "jsonrpc", "2.0");
	json_add_number(request, "id", 1);
	json_add_text(request, "method", method);
	if (params)
		json_object_object_add(request, "params", params);
	length = asprintf(&text, "%s\n",
			  json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
	json_object_put(request);
	*ret_length = (size_t)length;
	return length < 0 ? NULL : text;
}

static int send_request(int fd, const char *method, struct json_object *params)
{
	size_t length;
	_cleanup_free_ char *text = rpc_request(method, params, &length);

	return text && send(fd, text, length, MSG_NOSIGNAL) == (ssize_t)length ? 0 : -EPIPE;
}

/* What was received and not yet taken. */
struct lines {
	int fd;
	pid_t pid;	/* who is to send them */
	int patience_s; /* for each line; 0: without end */
	char *data;
	size_t bytes;
};

/* Wait for more bytes; a frozen daemon sends none, and is not waited for. 0 or -errno. */
static int receive_some(struct lines *lines)
{
	char cgroup[PATH_MAX];

	for (int waited_s = 0;; waited_s += LOOK_S) {
		ssize_t received =
			recv(lines->fd, lines->data + lines->bytes, ANSWER_MAX - lines->bytes, 0);

		if (received > 0) {
			lines->bytes += (size_t)received;
			return 0;
		}
		if (!received)
			return -ECONNRESET;
		if (errno != EAGAIN)
			return -errno;
		if (lines->patience_s &&
		    (waited_s + LOOK_S >= lines->patience_s || cgroup_frozen(lines->pid, cgroup)))
			return -ETIMEDOUT;
	}
}

/* One line, without its newline; good until the next call. Return: 0 or -errno. */
static int next_line(struct lines *lines, size_t *taken, char **ret_line)
{
	char *end;
	int err;

	lines->bytes -= *taken;
	memmove(lines->data, lines->data + *taken, lines->bytes);
	*taken = 0;
	while (!(end = memchr(lines->data, '\n', lines->bytes))) {
		if (lines->bytes == ANSWER_MAX)
			return -EMSGSIZE;
		err = receive_some(lines);
		if (err)
			return err;
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
static int receive(struct lines *lines, void (*on_event)(struct json_object *params),
		   struct json_object **ret_result)
{
	_cleanup_free_ char *data = malloc(ANSWER_MAX);
	size_t taken = 0;
	char *line = NULL;
	int err;

	if (!data)
		return -ENOMEM;
	lines->data = data;
	for (;;) {
		struct json_object *top;

		err = next_line(lines, &taken, &line);
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

/* Say why there is no answer. */
static void complain(const struct talk *talk, pid_t pid, int err)
{
	char cgroup[PATH_MAX];

	if (err == -ETIMEDOUT && cgroup_frozen(pid, cgroup))
		log_error("control socket %s: process %d is frozen with its cgroup, %s; thaw that",
			  talk->path, (int)pid, cgroup);
	else
		log_error("control socket %s: %s%s", talk->path, strerror(-err),
			  err == -ECONNREFUSED || err == -ENOENT ? "; no daemon listens there"
			  : err == -EAGAIN ? "; the daemon there hangs, or is frozen"
			  : err == -ECONNRESET || err == -EPIPE
				  ? "; only root and the daemon's own user are served"
			  : err == -ETIMEDOUT ? "; what was asked for may still be done"
					      : "");
}

/* Nothing is asked of a daemon that is frozen: it would be done when nobody expects it any more. */
static int exchange(const struct talk *talk, struct lines *lines, struct json_object **ret_result)
{
	const struct timeval look = { .tv_sec = talk->patience_s ? LOOK_S : 0 };
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	char cgroup[PATH_MAX];
	int err;

	getsockopt(lines->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size); /* who listens */
	setsockopt(lines->fd, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look));
	lines->pid = peer.pid;
	lines->patience_s = talk->patience_s;
	if (cgroup_frozen(peer.pid, cgroup)) {
		json_object_put(talk->params);
		return -ETIMEDOUT;
	}
	err = send_request(lines->fd, talk->method, talk->params);
	return err ? err : receive(lines, talk->on_event, ret_result);
}

static int talk(const struct talk *talk, struct json_object **ret_result)
{
	_cleanup_close_ int fd = unix_socket_connect(talk->path, TRY_S * 1000);
	struct lines lines = { .fd = fd };
	int err = fd;

	if (fd < 0)
		json_object_put(talk->params);
	else
		err = exchange(talk, &lines, ret_result);
	if (err < 0 && err != -EREMOTEIO && !talk->quiet)
		complain(talk, lines.pid, err);
	return min(err, 0);
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
