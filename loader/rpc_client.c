// SPDX-License-Identifier: GPL-2.0-only
/* The client's side of JSON-RPC. */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "json_add.h"
#include "log.h"
#include "rpc.h"
#include "unix_socket.h"

#define ANSWER_S   60	     /* a switch waits for the device's slowest request */
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

/* One line. Return: 0 or -errno. */
static int receive_line(int fd, char **ret_line)
{
	_cleanup_free_ char *line = malloc(ANSWER_MAX);
	size_t bytes = 0;
	ssize_t received;

	if (!line)
		return -ENOMEM;
	while (bytes < ANSWER_MAX) {
		received = recv(fd, line + bytes, ANSWER_MAX - bytes, 0);
		if (received < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!received)
			return -ECONNRESET;
		bytes += (size_t)received;
		if (line[bytes - 1] != '\n')
			continue;
		line[bytes - 1] = '\0';
		*ret_line = steal_pointer(&line);
		return 0;
	}
	return -EMSGSIZE;
}

static int take_result(const char *line, struct json_object **ret_result)
{
	struct json_object *top = json_tokener_parse(line), *error, *result;

	if (json_object_object_get_ex(top, "result", &result)) {
		*ret_result = json_object_get(result);
		json_object_put(top);
		return 0;
	}
	error = json_object_object_get(json_object_object_get(top, "error"), "message");
	log_error("%s", error ? json_object_get_string(error) : "the answer is no JSON-RPC");
	json_object_put(top);
	return -EREMOTEIO;
}

int rpc_call(const char *path, const char *method, struct json_object *params,
	     struct json_object **ret_result)
{
	const struct timeval patience = { .tv_sec = ANSWER_S };
	_cleanup_close_ int fd = unix_socket_connect(path);
	_cleanup_free_ char *line = NULL;
	int err;

	if (fd < 0) {
		json_object_put(params);
		log_error("--control %s: %s%s", path, strerror(-fd),
			  fd == -ECONNREFUSED || fd == -ENOENT
				  ? "; a daemon listens there when it has this option, too"
				  : "");
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = send_request(fd, method, params);
	if (!err)
		err = receive_line(fd, &line);
	if (!err)
		return take_result(line, ret_result);
	log_error("--control %s: %s%s", path, strerror(-err),
		  err == -ECONNRESET || err == -EPIPE
			  ? "; only root and the daemon's own user are served"
			  : "");
	return err;
}
