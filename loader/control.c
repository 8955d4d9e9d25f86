// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "log.h"
#include "rpc.h"

struct client {
	struct control *control;
	int fd;			/* -1: this place is free */
	sd_event_source *io;	/* reads, or writes while an answer waits */
	sd_event_source *timer; /* what is left of our patience */
	char line[CONTROL_LINE_MAX];
	size_t line_bytes; /* received and not yet answered */
	char *answer;	   /* not yet read by the client, or NULL */
	size_t answer_bytes, answer_sent;
	bool last; /* drop it once the answer is sent */
};

struct control {
	sd_event *event;
	sd_event_source *listening; /* off while all places are taken */
	struct vm *vm;
	struct client clients[CONTROL_CLIENTS_MAX];
};

static void drop(struct client *client)
{
	client->io = sd_event_source_disable_unref(client->io);
	client->timer = sd_event_source_disable_unref(client->timer);
	client->fd = fd_close(client->fd);
	free(client->answer);
	client->answer = NULL;
	client->line_bytes = 0;
	client->last = false;
	sd_event_source_set_enabled(client->control->listening, SD_EVENT_ON);
}

static void be_patient(struct client *client)
{
	sd_event_source_set_time_relative(client->timer, CONTROL_PATIENCE_S * 1000000ULL);
}

/* Send what waits. Return: 0, or -errno when the client is gone. */
static int flush(struct client *client)
{
	ssize_t sent;

	while (client->answer_sent < client->answer_bytes) {
		sent = send(client->fd, client->answer + client->answer_sent,
			    client->answer_bytes - client->answer_sent,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		client->answer_sent += (size_t)sent;
	}
	free(client->answer);
	client->answer = NULL;
	be_patient(client);
	return 0;
}

/* @text is ours from now on; its newline takes the place of its terminator. */
static int answer(struct client *client, char *text)
{
	if (!text)
		return 0;
	client->answer = text;
	client->answer_bytes = strlen(text) + 1;
	client->answer_sent = 0;
	text[client->answer_bytes - 1] = '\n';
	return flush(client);
}

/* Answer whole lines, as long as their answers are read. */
static int serve_lines(struct client *client)
{
	int err = 0;

	while (!err && !client->answer && client->line_bytes) {
		char *end = memchr(client->line, '\n', client->line_bytes);
		size_t length = end ? (size_t)(end - client->line) + 1 : 0;

		if (!end)
			break;
		be_patient(client);
		err = answer(client, rpc_answer(client->control->vm, client->line, length));
		client->line_bytes -= length;
		memmove(client->line, end + 1, client->line_bytes);
	}
	if (err || client->answer || client->line_bytes < sizeof(client->line))
		return err;
	client->last = true;
	client->line_bytes = 0;
	return answer(client, rpc_too_long());
}

static int receive(struct client *client)
{
	ssize_t received;

	received = recv(client->fd, client->line + client->line_bytes,
			sizeof(client->line) - client->line_bytes, MSG_DONTWAIT);
	if (received < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!received)
		client->last = true; /* it may still read */
	client->line_bytes += (size_t)received;
	return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct client *client = data;
	int err = 0;

	(void)fd;
	if (client->answer)
		err = flush(client);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		err = receive(client);
	if (!err)
		err = serve_lines(client);
	if (err || (client->last && !client->answer)) {
		drop(client);
		return 0;
	}
	sd_event_source_set_io_events(source, client->answer ? EPOLLOUT : EPOLLIN);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	drop(data);
	return 0;
}

static bool may_control(int fd, struct ucred *ret_peer)
{
	socklen_t size = sizeof(*ret_peer);

	*ret_peer = (struct ucred){ .uid = (uid_t)-1 };
	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) &&
	       (!ret_peer->uid || ret_peer->uid == geteuid());
}

static struct client *free_place(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	return NULL;
}

static int welcome(struct control *control, struct client *client)
{
	int err;

	err = sd_event_add_io(control->event, &client->io, client->fd, EPOLLIN, on_client, client);
	if (err >= 0)
		err = sd_event_add_time_relative(control->event, &client->timer, CLOCK_MONOTONIC,
						 CONTROL_PATIENCE_S * 1000000ULL, 0, on_timer,
						 client);
	if (err >= 0)
		err = sd_event_source_set_enabled(client->timer, SD_EVENT_ON);
	return err;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *data)
{
	static struct log_limit limit;
	struct control *control = data;
	struct client *client = free_place(control);
	struct ucred peer;

	(void)events;
	if (!client) {
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return 0;
	}
	client->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client->fd < 0)
		return 0;
	if (may_control(client->fd, &peer) && welcome(control, client) >= 0)
		return 0;
	if (log_limit_pass(&limit))
		log_warn("control client refused: process %d of user %d", (int)peer.pid,
			 (int)peer.uid);
	drop(client);
	return 0;
}

int control_open(sd_event *event, struct vm *vm, int listen_fd, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return -ENOMEM;
	control->event = event;
	control->vm = vm;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		control->clients[i].control = control;
		control->clients[i].fd = -1;
	}
	err = sd_event_add_io(event, &control->listening, listen_fd, EPOLLIN, on_connection,
			      control);
	if (err < 0) {
		free(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			drop(&control->clients[i]);
	sd_event_source_disable_unref(control->listening);
	free(control);
}
