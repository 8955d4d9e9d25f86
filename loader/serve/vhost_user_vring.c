// SPDX-License-Identifier: GPL-2.0-only
/* Messages about one virtqueue. */
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "engine/vm.h"
#include "vhost_user_handlers.h"

/* The queue a message names, or NULL, refused. */
static struct vhost_queue *find_queue(struct vhost_user *connection, uint64_t index)
{
	struct vm *vm = connection->vm;

	if (index < vm->options.queues)
		return &vm->queues[index];
	vhost_user_refuse(connection, -EINVAL, "queue %llu of %u", (unsigned long long)index,
			  vm->options.queues);
	return NULL;
}

int vhost_user_set_vring_num(struct vhost_user *connection)
{
	const struct vhost_vring_state *state = &connection->message.payload.state;
	struct vhost_queue *queue = find_queue(connection, state->index);

	if (!queue)
		return -EINVAL;
	if (queue->running)
		return vhost_user_refuse(connection, -EBUSY, "queue %u runs", state->index);
	if (!state->num || state->num > QUEUE_SIZE_MAX || state->num & (state->num - 1))
		return vhost_user_refuse(connection, -EINVAL,
					 "queue %u: size %u is no power of two up to %u",
					 state->index, state->num, QUEUE_SIZE_MAX);
	queue->size = (uint16_t)state->num;
	return vhost_queue_update(queue);
}

int vhost_user_set_vring_base(struct vhost_user *connection)
{
	const struct vhost_vring_state *state = &connection->message.payload.state;
	struct vhost_queue *queue = find_queue(connection, state->index);

	if (!queue)
		return -EINVAL;
	if (queue->running)
		return vhost_user_refuse(connection, -EBUSY, "queue %u runs", state->index);
	if (state->num > UINT16_MAX)
		return vhost_user_refuse(connection, -EINVAL, "queue %u: index %u", state->index,
					 state->num);
	queue->base = (uint16_t)state->num;
	return 0;
}

int vhost_user_get_vring_base(struct vhost_user *connection)
{
	struct vhost_vring_state *state = &connection->message.payload.state;
	struct vhost_queue *queue = find_queue(connection, state->index);

	if (!queue)
		return -EINVAL;
	queue->kicked = false;
	vhost_queue_stop(queue);
	queue->kick_fd = fd_close(queue->kick_fd);
	state->num = queue->base;
	connection->message.header.size = sizeof(*state);
	return VHOST_USER_REPLIED;
}

int vhost_user_set_vring_addr(struct vhost_user *connection)
{
	const struct vhost_vring_addr *addr = &connection->message.payload.addr;
	struct vhost_queue *queue = find_queue(connection, addr->index);

	if (!queue)
		return -EINVAL;
	if (queue->has_addr && !memcmp(&queue->addr, addr, sizeof(*addr)))
		return 0;
	vhost_queue_stop(queue);
	queue->addr = *addr;
	queue->has_addr = true;
	return vhost_queue_update(queue);
}

int vhost_user_set_vring_enable(struct vhost_user *connection)
{
	const struct vhost_vring_state *state = &connection->message.payload.state;
	struct vhost_queue *queue = find_queue(connection, state->index);

	if (!queue)
		return -EINVAL;
	queue->enabled = state->num;
	return vhost_queue_update(queue);
}

/*
 * The queue and the eventfd of SET_VRING_KICK, CALL and ERR; -1 when there is none. Reads and
 * writes are never to block us, whatever kind of file it is.
 */
static struct vhost_queue *take_vring_fd(struct vhost_user *connection, int *ret_fd)
{
	struct vhost_user_message *message = &connection->message;
	uint64_t value = message->payload.u64;
	bool none = value & VHOST_USER_VRING_NOFD;
	struct vhost_queue *queue = find_queue(connection, value & VHOST_USER_VRING_INDEX);

	if (!queue)
		return NULL;
	if (message->fd_count != (none ? 0 : 1)) {
		vhost_user_refuse(connection, -EINVAL, "queue %u: %u descriptors", queue->index,
				  message->fd_count);
		return NULL;
	}
	if (!none)
		fcntl(message->fds[0], F_SETFL, fcntl(message->fds[0], F_GETFL) | O_NONBLOCK);
	*ret_fd = none ? -1 : fd_steal(&message->fds[0]);
	message->fd_count = 0;
	return queue;
}

/* epoll refuses what has no readiness, a regular file for one. */
static bool can_poll(int fd)
{
	_cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };

	return !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int vhost_user_set_vring_kick(struct vhost_user *connection)
{
	struct vhost_queue *queue;
	int fd;

	queue = take_vring_fd(connection, &fd);
	if (!queue)
		return -EINVAL;
	/* An engine would set the poll again and again, and never sleep. */
	if (fd >= 0 && !can_poll(fd)) {
		fd_close(fd);
		return vhost_user_refuse(connection, -EINVAL,
					 "queue %u: the descriptor cannot be polled", queue->index);
	}
	vhost_queue_stop(queue);
	fd_replace(&queue->kick_fd, fd);
	queue->kicked = true;
	return vhost_queue_update(queue);
}

int vhost_user_set_vring_call(struct vhost_user *connection)
{
	struct vhost_queue *queue;
	int fd;

	queue = take_vring_fd(connection, &fd);
	if (!queue)
		return -EINVAL;
	vhost_queue_set_fd(queue, &queue->call_fd, fd);
	return 0;
}

int vhost_user_set_vring_err(struct vhost_user *connection)
{
	struct vhost_queue *queue;
	int fd;

	queue = take_vring_fd(connection, &fd);
	if (!queue)
		return -EINVAL;
	vhost_queue_set_fd(queue, &queue->err_fd, fd);
	return 0;
}
