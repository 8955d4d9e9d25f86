// SPDX-License-Identifier: GPL-2.0-only
/* The connection: messages, memory and the life of queues. The driver is in driver.c. */
#include "front.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REPLY_MS     20000
#define CONFIG_BYTES 60 /* of struct virtio_blk_config */

double front_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("Bail out! ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	exit(1);
}

void front_connect(struct front *front, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timespec pause = { .tv_nsec = 5000000 };

	memset(front, 0, sizeof(*front));
	front->inflight_fd = -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	front->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (front->socket < 0)
		die("socket: %s", strerror(errno));
	for (int i = 0; i < 6000; i++) { /* 30 s */
		if (!connect(front->socket, (struct sockaddr *)&address, sizeof(address)))
			return;
		nanosleep(&pause, NULL);
	}
	die("%s: %s", path, strerror(errno));
}

int front_send(struct front *front, uint32_t request, const void *payload, uint32_t size,
	       const int *fds, uint32_t fd_count, uint32_t flags)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
	struct vhost_user_header header = {
		.request = request,
		.flags = VHOST_USER_VERSION | flags,
		.size = size,
	};
	struct iovec iov[] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)payload, .iov_len = payload ? size : 0 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent;

	if (fd_count) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	sent = sendmsg(front->socket, &msg, MSG_NOSIGNAL);
	return sent < 0 ? -errno : 0;
}

static int read_all(int fd, void *to, size_t bytes, int *ret_fd)
{
	while (bytes) {
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = { .iov_base = to, .iov_len = bytes };
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&wait, 1, REPLY_MS) != 1)
			return -ETIMEDOUT;
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
		if (got <= 0)
			return got ? -errno : -ECONNRESET;
		if (CMSG_FIRSTHDR(&msg))
			memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
		to = (char *)to + got;
		bytes -= (size_t)got;
	}
	return 0;
}

int front_receive(struct front *front, struct vhost_user_message *ret_message)
{
	int err;

	memset(ret_message, 0, sizeof(*ret_message));
	ret_message->fds[0] = -1;
	err = read_all(front->socket, &ret_message->header, sizeof(ret_message->header),
		       &ret_message->fds[0]);
	if (!err && ret_message->header.size > sizeof(ret_message->payload))
		return -EPROTO;
	if (!err)
		err = read_all(front->socket, &ret_message->payload, ret_message->header.size,
			       &ret_message->fds[0]);
	return err;
}

uint64_t front_ask(struct front *front, uint32_t request, uint64_t value)
{
	struct vhost_user_message reply;

	if (front_send(front, request, &value, value ? 8 : 0, NULL, 0, 0) ||
	    front_receive(front, &reply) || reply.header.request != request)
		die("%s: no reply", vhost_user_name(request));
	return reply.payload.u64;
}

int front_acknowledged(struct front *front, uint32_t request, const void *payload, uint32_t size,
		       const int *fds, uint32_t fd_count)
{
	struct vhost_user_message reply;
	int err;

	err = front_send(front, request, payload, size, fds, fd_count, VHOST_USER_NEED_REPLY);
	if (!err)
		err = front_receive(front, &reply);
	return err ? err : (int)reply.payload.u64;
}

/* A message that has no reply of its own: acknowledged where that was negotiated. */
static void tell(struct front *front, uint32_t request, const void *payload, uint32_t size, int fd)
{
	int err;

	if (front->protocol & BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK))
		err = front_acknowledged(front, request, payload, size, &fd, fd >= 0);
	else
		err = front_send(front, request, payload, size, &fd, fd >= 0, 0);
	if (err)
		die("%s: answered with %d", vhost_user_name(request), err);
}

struct front_region *front_add_region(struct front *front, uint64_t gpa, uint64_t size,
				      uint64_t offset)
{
	struct front_region *region = &front->region[front->regions++];
	char *memory;
	int fd;

	fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)(offset + size)))
		die("guest memory: %s", strerror(errno));
	memory = mmap(NULL, offset + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die("guest memory: %s", strerror(errno));
	*region = (struct front_region){ gpa, size, offset, fd, memory + offset };
	return region;
}

void front_send_table(struct front *front)
{
	union vhost_user_payload payload = { 0 };
	int fds[VHOST_USER_TABLE_REGIONS];
	uint32_t size;

	payload.table.count = front->regions;
	for (uint32_t i = 0; i < front->regions; i++) {
		const struct front_region *region = &front->region[i];

		payload.table.region[i] = (struct vhost_user_region){
			.gpa = region->gpa,
			.size = region->size,
			.user_addr = FRONT_USER_BASE + region->gpa,
			.mmap_offset = region->offset,
		};
		fds[i] = region->fd;
	}
	size = (uint32_t)(8 + front->regions * sizeof(struct vhost_user_region));
	if (front->protocol & BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)) {
		if (front_acknowledged(front, VHOST_USER_SET_MEM_TABLE, &payload, size, fds,
				       front->regions))
			die("SET_MEM_TABLE refused");
	} else if (front_send(front, VHOST_USER_SET_MEM_TABLE, &payload, size, fds, front->regions,
			      0)) {
		die("SET_MEM_TABLE: %s", strerror(errno));
	}
}

void *front_at(struct front *front, uint64_t gpa)
{
	for (uint32_t i = 0; i < front->regions; i++) {
		const struct front_region *region = &front->region[i];

		if (gpa >= region->gpa && gpa - region->gpa < region->size)
			return region->memory + (gpa - region->gpa);
	}
	die("no memory at guest address %#llx", (unsigned long long)gpa);
}

uint64_t front_gpa(struct front *front, const void *memory)
{
	for (uint32_t i = 0; i < front->regions; i++) {
		const struct front_region *region = &front->region[i];
		const char *at = memory;

		if (at >= region->memory && at < region->memory + region->size)
			return region->gpa + (uint64_t)(at - region->memory);
	}
	die("%p is not guest memory", memory);
}

void *front_alloc(struct front *front, size_t bytes, size_t align, uint64_t *ret_gpa)
{
	struct front_region *region = &front->region[front->heap_region];
	uint64_t gpa = (front->heap + align - 1) / align * align;

	if (gpa + bytes > region->gpa + region->size)
		die("guest memory is used up");
	front->heap = gpa + bytes;
	if (ret_gpa)
		*ret_gpa = gpa;
	return region->memory + (gpa - region->gpa);
}

void front_alloc_in(struct front *front, uint32_t region, uint64_t offset)
{
	front->heap_region = region;
	front->heap = front->region[region].gpa + offset;
}

/* As Linux lays a split ring out: one area, the used ring aligned behind the avail ring. */
void front_queue_init(struct front *front, uint32_t index, const struct front_options *options)
{
	struct front_queue *queue = &front->queue[index];
	uint16_t size = options->size ? options->size : 128;
	size_t used = (size * 16UL + 6 + size * 2UL + 63) / 64 * 64 + options->used_offset;
	uint32_t align = options->ring_align ? options->ring_align : 4096;
	char *area = front_alloc(front, used + 6 + size * 8UL, align, NULL);

	*queue = (struct front_queue){
		.front = front,
		.index = index,
		.size = size,
		.desc = (void *)area,
		.avail = (void *)(area + size * 16UL),
		.used = (void *)(area + used),
		.kick_fd = options->no_kick ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.call_fd = options->no_call ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.avail_idx = options->first_index,
		.last_used = options->first_index,
		.free_count = size,
	};
	memset(area, 0, used + 6 + size * 8UL);
	for (uint16_t i = 0; i < size; i++)
		queue->desc[i].next = i + 1;
	queue->avail->idx = options->first_index;
	queue->used->idx = options->first_index;
}

static void set_fd(struct front_queue *queue, uint32_t request, int fd)
{
	uint64_t value = queue->index | (fd < 0 ? VHOST_USER_VRING_NOFD : 0);

	tell(queue->front, request, &value, sizeof(value), fd);
}

void front_queue_call_fd(struct front_queue *queue, int fd)
{
	queue->call_fd = fd;
	set_fd(queue, VHOST_USER_SET_VRING_CALL, fd);
}

void front_queue_start(struct front_queue *queue)
{
	struct front *front = queue->front;
	struct vhost_vring_state state = { .index = queue->index, .num = queue->size };
	struct vhost_vring_addr addr = {
		.index = queue->index,
		.desc_user_addr = FRONT_USER_BASE + front_gpa(front, queue->desc),
		.avail_user_addr = FRONT_USER_BASE + front_gpa(front, queue->avail),
		.used_user_addr = FRONT_USER_BASE + front_gpa(front, queue->used),
	};

	tell(front, VHOST_USER_SET_VRING_NUM, &state, sizeof(state), -1);
	state.num = queue->last_used;
	tell(front, VHOST_USER_SET_VRING_BASE, &state, sizeof(state), -1);
	tell(front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
	set_fd(queue, VHOST_USER_SET_VRING_ERR, queue->err_fd);
	set_fd(queue, VHOST_USER_SET_VRING_CALL, queue->call_fd);
	set_fd(queue, VHOST_USER_SET_VRING_KICK, queue->kick_fd);
	if (front->features & BIT64(VHOST_USER_F_PROTOCOL_FEATURES)) {
		state.num = 1;
		tell(front, VHOST_USER_SET_VRING_ENABLE, &state, sizeof(state), -1);
	}
}

uint16_t front_queue_stop(struct front_queue *queue)
{
	struct vhost_vring_state state = { .index = queue->index };
	struct vhost_user_message reply;

	if (front_send(queue->front, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), NULL, 0,
		       0) ||
	    front_receive(queue->front, &reply))
		die("GET_VRING_BASE: no reply");
	return (uint16_t)reply.payload.state.num;
}

void front_config(struct front *front, struct virtio_blk_config *ret_config)
{
	union vhost_user_payload ask = { .config.size = CONFIG_BYTES };
	struct vhost_user_message reply;

	if (front_send(front, VHOST_USER_GET_CONFIG, &ask, VHOST_USER_CONFIG_HEADER + CONFIG_BYTES,
		       NULL, 0, 0) ||
	    front_receive(front, &reply))
		die("GET_CONFIG: no reply");
	memcpy(ret_config, reply.payload.config.data, sizeof(*ret_config));
}

void front_queue_free(struct front_queue *queue)
{
	if (queue->kick_fd >= 0)
		close(queue->kick_fd);
	if (queue->call_fd >= 0)
		close(queue->call_fd);
	if (queue->err_fd >= 0)
		close(queue->err_fd);
	queue->kick_fd = queue->call_fd = queue->err_fd = -1;
}

static void set_inflight(struct front *front, const struct front_options *options)
{
	union vhost_user_payload payload = {
		.inflight = {
			.mmap_size = options->inflight_bytes,
			.num_queues = (uint16_t)front->queue_count,
			.queue_size = options->size ? options->size : 128,
		},
	};
	uint32_t size = sizeof(payload.inflight);
	struct vhost_user_message reply;

	front->inflight_fd = options->inflight_fd;
	front->inflight_bytes = options->inflight_bytes;
	if (options->inflight_fd <= 0) {
		if (front_send(front, VHOST_USER_GET_INFLIGHT_FD, &payload, size, NULL, 0, 0) ||
		    front_receive(front, &reply) || reply.fds[0] < 0)
			die("GET_INFLIGHT_FD: no reply");
		front->inflight_fd = reply.fds[0];
		front->inflight_bytes = reply.payload.inflight.mmap_size;
	}
	payload.inflight.mmap_size = front->inflight_bytes;
	tell(front, VHOST_USER_SET_INFLIGHT_FD, &payload, size, front->inflight_fd);
}

static void negotiate(struct front *front, const struct front_options *options)
{
	uint64_t offered = front_ask(front, VHOST_USER_GET_FEATURES, 0);
	/* Who acknowledges the log migrates. */
	uint64_t features = offered & ~options->without & ~BIT64(VHOST_F_LOG_ALL), protocol = 0;

	if (features & BIT64(VHOST_USER_F_PROTOCOL_FEATURES)) {
		protocol = front_ask(front, VHOST_USER_GET_PROTOCOL_FEATURES, 0);
		protocol &= ~options->without_protocol;
		tell(front, VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, sizeof(protocol), -1);
	}
	front->protocol = protocol;
	tell(front, VHOST_USER_SET_OWNER, NULL, 0, -1);
	front->features = features;
	tell(front, VHOST_USER_SET_FEATURES, &features, sizeof(features), -1);
}

void front_open(struct front *front, const struct front_options *options)
{
	front_connect(front, options->socket);
	front->queue_count = options->queues ? options->queues : 1;
	negotiate(front, options);
	front_add_region(front, 0, options->memory ? options->memory : 16 << 20, 0);
	front_send_table(front);
	if (options->inflight)
		set_inflight(front, options);
	for (uint32_t i = 0; i < front->queue_count; i++) {
		front->queue[i] =
			(struct front_queue){ .kick_fd = -1, .call_fd = -1, .err_fd = -1 };
		if (options->no_queues)
			continue;
		front_queue_init(front, i, options);
		front_queue_start(&front->queue[i]);
	}
}

/*
 * SET_PROTOCOL_FEATURES first: acknowledgements are asked for from then on. A connection may have
 * waited for a daemon that never came: -ECONNRESET or -EPIPE.
 */
static int connect_again(struct front *front, const char *path)
{
	struct front fresh;
	int err;

	close(front->socket);
	front_connect(&fresh, path);
	front->socket = fresh.socket;
	err = front_send(front, VHOST_USER_SET_PROTOCOL_FEATURES, &front->protocol, 8, NULL, 0, 0);
	if (!err)
		err = front_acknowledged(front, VHOST_USER_SET_FEATURES, &front->features, 8, NULL,
					 0);
	return err;
}

void front_reconnect(struct front *front, const char *path)
{
	union vhost_user_payload payload = {
		.inflight = { .mmap_size = front->inflight_bytes,
			      .num_queues = (uint16_t)front->queue_count,
			      .queue_size = front->queue[0].size },
	};
	int err;

	do
		err = connect_again(front, path);
	while (err == -ECONNRESET || err == -EPIPE);
	if (err || front_acknowledged(front, VHOST_USER_SET_INFLIGHT_FD, &payload,
				      sizeof(payload.inflight), &front->inflight_fd, 1))
		die("the new daemon refuses what the old one agreed to");
	front_send_table(front);
	for (uint32_t i = 0; i < front->queue_count; i++) {
		struct front_queue *queue = &front->queue[i];
		uint16_t seen = queue->last_used;

		/* The driver may be behind; the device goes on where it had got to. */
		queue->last_used = __atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE);
		front_queue_start(queue);
		queue->last_used = seen;
	}
}

void front_close(struct front *front)
{
	close(front->socket);
	for (uint32_t i = 0; i < front->queue_count; i++)
		front_queue_free(&front->queue[i]);
	for (uint32_t i = 0; i < front->regions; i++) {
		struct front_region *region = &front->region[i];

		munmap(region->memory - region->offset, region->offset + region->size);
		close(region->fd);
	}
	if (front->inflight_fd >= 0)
		close(front->inflight_fd);
}
