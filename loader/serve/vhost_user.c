// SPDX-License-Identifier: GPL-2.0-only
/* The connection: whole messages out of a byte stream, and replies. */
#include "vhost_user.h"

#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "engine/vm.h"

_Static_assert(sizeof(struct vhost_user_header) == 12, "wire layout");
_Static_assert(sizeof(struct vhost_user_region) == 32, "wire layout");
_Static_assert(offsetof(struct vhost_user_message, payload) >= sizeof(struct vhost_user_header),
	       "payload is received apart from the header");

#define HEADER_BYTES sizeof(struct vhost_user_header)

static void close_fds(struct vhost_user_message *message)
{
	for (uint32_t i = 0; i < VHOST_USER_FDS_MAX; i++)
		message->fds[i] = fd_close(message->fds[i]);
	message->fd_count = 0;
}

static void next_message(struct vhost_user *connection)
{
	close_fds(&connection->message);
	memset(&connection->message.header, 0, HEADER_BYTES);
	memset(&connection->message.payload, 0, sizeof(connection->message.payload));
	connection->received = 0;
}

void vhost_user_init(struct vhost_user *connection, struct vm *vm)
{
	*connection = (struct vhost_user){ .vm = vm, .fd = -1, .backend_fd = -1 };
	for (uint32_t i = 0; i < VHOST_USER_FDS_MAX; i++)
		connection->message.fds[i] = -1;
}

void vhost_user_connect(struct vhost_user *connection, int fd)
{
	connection->fd = fd;
	connection->protocol = 0;
	connection->vm->front = connection;
	next_message(connection);
}

void vhost_user_disconnect(struct vhost_user *connection)
{
	if (connection->fd < 0)
		return;
	vm_reset(connection->vm, VM_RESET_GONE);
	connection->vm->front = NULL;
	next_message(connection);
	connection->fd = fd_close(connection->fd);
	connection->backend_fd = fd_close(connection->backend_fd);
}

/* Keep the descriptors that came along, close those beyond what any message carries. */
static int take_fds(struct vhost_user_message *message, struct msghdr *msg)
{
	bool too_many = msg->msg_flags & MSG_CTRUNC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (message->fd_count < VHOST_USER_FDS_MAX) {
				message->fds[message->fd_count++] = fd;
				continue;
			}
			fd_close(fd);
			too_many = true;
		}
	}
	return too_many ? -E2BIG : 0;
}

/*
 * Receive up to @bytes. A stream has no message borders, so never more than what is missing.
 * Return: bytes, 0 when there is nothing yet, or -errno.
 */
static ssize_t receive_some(struct vhost_user *connection, void *to, size_t bytes)
{
	char control[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))];
	struct iovec iov = { .iov_base = to, .iov_len = bytes };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t received;
	int err;

	received = recvmsg(connection->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (received < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	err = take_fds(&connection->message, &msg);
	if (err) {
		log_error("front-end sent more than %d file descriptors in one message",
			  VHOST_USER_FDS_MAX);
		return err;
	}
	return received ? received : -ECONNRESET;
}

static int check_header(const struct vhost_user_header *header)
{
	if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION) {
		log_error("front-end sent %s with version %u; only version 1 is known",
			  vhost_user_name(header->request),
			  header->flags & VHOST_USER_VERSION_MASK);
		return -EPROTO;
	}
	if (header->size > sizeof(union vhost_user_payload)) {
		log_error("front-end sent %s with %u bytes; no message has more than %zu",
			  vhost_user_name(header->request), header->size,
			  sizeof(union vhost_user_payload));
		return -EPROTO;
	}
	return 0;
}

/* Return: 1 when a whole message is there, 0 when more has to come, or -errno. */
static int receive_message(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	ssize_t received;
	size_t at;

	while (connection->received < HEADER_BYTES) {
		received = receive_some(connection, (char *)&message->header + connection->received,
					HEADER_BYTES - connection->received);
		if (received <= 0)
			return (int)received;
		connection->received += (size_t)received;
		if (connection->received == HEADER_BYTES && check_header(&message->header))
			return -EPROTO;
	}
	while ((at = connection->received - HEADER_BYTES) < message->header.size) {
		received = receive_some(connection, (char *)&message->payload + at,
					message->header.size - at);
		if (received <= 0)
			return (int)received;
		connection->received += (size_t)received;
	}
	return 1;
}

/* Replies are small: a front-end that lets the socket's buffer fill up does not read them. */
static int send_reply(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	char control[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))] = { 0 };
	struct iovec iov[] = {
		{ .iov_base = &message->header, .iov_len = HEADER_BYTES },
		{ .iov_base = &message->payload, .iov_len = message->header.size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t fd_bytes = message->fd_count * sizeof(int);
	ssize_t sent;

	if (fd_bytes) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(fd_bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_bytes);
		memcpy(CMSG_DATA(c), message->fds, fd_bytes);
	}
	message->header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	do
		sent = sendmsg(connection->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)(HEADER_BYTES + message->header.size))
		return 0;
	if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
		return -ECONNRESET;
	log_error("front-end does not read the reply to %s",
		  vhost_user_name(message->header.request));
	return sent < 0 ? -errno : -EPROTO;
}

/* The acknowledgement a front-end may ask for any message that has no reply of its own. */
static void make_ack(struct vhost_user_message *message, int err)
{
	close_fds(message);
	message->header.size = sizeof(message->payload.u64);
	message->payload.u64 = err ? 1 : 0;
}

int vhost_user_receive(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	bool wants_ack, reply = false;
	int err;

	err = receive_message(connection);
	if (err <= 0)
		return err;
	wants_ack = message->header.flags & VHOST_USER_NEED_REPLY;
	err = vhost_user_handle(connection, &reply);
	/* Asked for once it was negotiated, be it by this very message (a UML guest does). */
	wants_ack &= !!(connection->protocol & 1ULL << VHOST_USER_PROTOCOL_F_REPLY_ACK);
	if (!reply && wants_ack) {
		make_ack(message, err);
		/* It knows now; whether to go on is its decision. */
		err = 0;
		reply = true;
	}
	if (!err && reply)
		err = send_reply(connection);
	next_message(connection);
	return err;
}

int vhost_user_config_changed(const struct vhost_user *connection)
{
	const struct vhost_user_header header = {
		.request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
		.flags = VHOST_USER_VERSION,
	};
	ssize_t sent;

	if (connection->backend_fd < 0)
		return -EOPNOTSUPP;
	sent = send(connection->backend_fd, &header, HEADER_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent == (ssize_t)HEADER_BYTES)
		return 0;
	return sent < 0 ? -errno : -EPROTO;
}
