// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "log.h"

struct client {
	struct control *control;
	int fd;			/* -1: this place is free */
	sd_event_source *io;	/* reads, or writes while an answer waits */
	sd_event_source *timer; /* what is left of our patience */
	char line[CONTROL_LINE_MAX];
	size_t line_bytes; /* received and not yet answered */
	char *unread;	   /* answers and notifications that the client is yet to read, or NULL */
	size_t unread_bytes, unread_sent;
	struct rpc_later *later; /* an answer that is not made yet, or NULL */
	bool last;		 /* drop it once all is sent */
};

struct control {
	sd_event *event;
	sd_event_source *listening; /* off while all places are taken */
	struct rpc_service service;
	struct client clients[CONTROL_CLIENTS_MAX];
};

static void drop(struct client *client)
{
	client->io = sd_event_source_disable_unref(client->io);
	client->timer = sd_event_source_disable_unref(client->timer);
	client->fd = fd_close(client->fd);
	free(client->unread);
	client->unread = NULL;
	if (client->later)
		rpc_deliver_to(client->later, NULL, NULL);
	client->later = NULL;
	client->line_bytes = 0;
	client->last = false;
	sd_event_source_set_enabled(client->control->listening, SD_EVENT_ON);
}

static void be_patient(struct client *client)
{
	sd_event_source_set_time_relative(client->timer, CONTROL_PATIENCE_S * 1000000ULL);
}

/* Whose turn it is: while an answer is being made it is ours, and nobody's patience runs out. */
static void await(struct client *client)
{
	bool ours = client->later && !client->unread;

	sd_event_source_set_io_events(client->io, client->unread  ? EPOLLOUT
						  : client->later ? 0
								  : EPOLLIN);
	sd_event_source_set_enabled(client->timer, ours ? SD_EVENT_OFF : SD_EVENT_ON);
}

/* Send what waits. Return: 0, or -errno when the client is gone. */
static int flush(struct client *client)
{
	ssize_t sent;

	while (client->unread_sent < client->unread_bytes) {
		sent = send(client->fd, client->unread + client->unread_sent,
			    client->unread_bytes - client->unread_sent,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		client->unread_sent += (size_t)sent;
	}
	free(client->unread);
	client->unread = NULL;
	be_patient(client);
	return 0;
}

/* Have the client told a line; @text is ours from now on. */
static int tell(struct client *client, char *text)
{
	_cleanup_free_ char *line = text;
	size_t bytes = client->unread ? client->unread_bytes : 0;
	char *unread;

	if (!text)
		return 0;
	if (bytes > CONTROL_UNREAD_MAX)
		return -ENOBUFS;
	unread = realloc(client->unread, bytes + strlen(text) + 1);
	if (!unread)
		return -ENOMEM;
	if (!client->unread) {
		client->unread_sent = 0;
		be_patient(client);
	}
	client->unread = unread;
	client->unread_bytes = bytes + strlen(text) + 1;
	*stpcpy(unread + bytes, text) = '\n';
	return flush(client);
}

static void on_later(void *data, char *text, bool last);

/* Answer whole lines, as long as their answers are made and read. */
static int serve_lines(struct client *client)
{
	int err = 0;

	while (!err && !client->unread && !client->later && client->line_bytes) {
		char *end = memchr(client->line, '\n', client->line_bytes);
		size_t length = end ? (size_t)(end - client->line) + 1 : 0;

		if (!end)
			break;
		be_patient(client);
		err = tell(client, rpc_answer(&client->control->service, client->line, length,
					      &client->later));
		if (client->later)
			rpc_deliver_to(client->later, on_later, client);
		client->line_bytes -= length;
		memmove(client->line, end + 1, client->line_bytes);
	}
	if (err || client->unread || client->later || client->line_bytes < sizeof(client->line))
		return err;
	client->last = true;
	client->line_bytes = 0;
	return tell(client, rpc_too_long());
}

/* What came or went was dealt with. */
static void go_on(struct client *client, int err)
{
	if (!err)
		err = serve_lines(client);
	if (err || (client->last && !client->unread && !client->later))
		drop(client);
	else
		await(client);
}

/* From within a method: further requests are taken up from the event loop, which EPOLLOUT asks. */
static void on_later(void *data, char *text, bool last)
{
	struct client *client = data;

	if (last)
		client->later = NULL;
	if (tell(client, text)) {
		drop(client);
		return;
	}
	await(client);
	if (last)
		sd_event_source_set_io_events(client->io, EPOLLOUT);
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

	(void)source, (void)fd;
	if (client->unread)
		err = flush(client);
	else if (client->later)
		err = events & (EPOLLHUP | EPOLLERR) ? -ECONNRESET : 0;
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		err = receive(client);
	go_on(client, err);
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

int control_open(sd_event *event, const struct rpc_service *service, int listen_fd,
		 struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return -ENOMEM;
	control->event = event;
	control->service = *service;
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
