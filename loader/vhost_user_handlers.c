// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each message does. vhost_user_handle() has checked the payload's size and the number of
 * descriptors against the table at the end; a handler that keeps a descriptor takes it out.
 */
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "vhost_user.h"
#include "vm.h"

#define BIT(n) (1ULL << (n))

#define PROTOCOL_FEATURES                                                                      \
	(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |                \
	 BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | BIT(VHOST_USER_PROTOCOL_F_CONFIG) |          \
	 BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) | \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | BIT(VHOST_USER_PROTOCOL_F_STATUS))

/* Handlers return 1 when the payload now holds a reply, 0, or -errno. */
#define REPLY 1

/* One failure, one line: which message, and what was wrong with it. */
static int _printf_(3, 4) refuse(struct vhost_user *connection, int err, const char *format, ...)
{
	char why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	log_error("front-end's %s refused: %s", vhost_user_name(connection->message.header.request),
		  why);
	return err;
}

static int reply_u64(struct vhost_user *connection, uint64_t value)
{
	connection->message.payload.u64 = value;
	connection->message.header.size = sizeof(value);
	return REPLY;
}

/* The queue a message names, or NULL, refused. */
static struct vhost_queue *find_queue(struct vhost_user *connection, uint64_t index)
{
	struct vm *vm = connection->vm;

	if (index < vm->options.queues)
		return &vm->queues[index];
	refuse(connection, -EINVAL, "queue %llu of %u", (unsigned long long)index,
	       vm->options.queues);
	return NULL;
}

static int get_features(struct vhost_user *connection)
{
	return reply_u64(connection, vm_features(connection->vm));
}

static int set_features(struct vhost_user *connection)
{
	uint64_t features = connection->message.payload.u64;
	uint64_t unknown = features & ~vm_features(connection->vm);

	if (unknown)
		return refuse(connection, -EINVAL, "features %#llx were not offered",
			      (unsigned long long)unknown);
	return vm_set_features(connection->vm, features);
}

static int set_owner(struct vhost_user *connection)
{
	(void)connection;
	return 0;
}

/* Deprecated; the specification leaves disabling all rings as its only portable meaning. */
static int reset_owner(struct vhost_user *connection)
{
	struct vm *vm = connection->vm;

	for (uint32_t i = 0; i < vm->options.queues; i++) {
		vm->queues[i].enabled = false;
		vhost_queue_stop(&vm->queues[i]);
	}
	return 0;
}

static int get_protocol_features(struct vhost_user *connection)
{
	return reply_u64(connection, PROTOCOL_FEATURES);
}

static int set_protocol_features(struct vhost_user *connection)
{
	uint64_t features = connection->message.payload.u64;

	if (features & ~PROTOCOL_FEATURES)
		return refuse(connection, -EINVAL, "protocol features %#llx were not offered",
			      (unsigned long long)(features & ~PROTOCOL_FEATURES));
	connection->protocol = features;
	return 0;
}

static int get_queue_num(struct vhost_user *connection)
{
	return reply_u64(connection, connection->vm->options.queues);
}

/* Map one region; no queue runs. */
static int add_region(struct vhost_user *connection, const struct vhost_user_region *region, int fd)
{
	const struct guest_map_region map_region = {
		.gpa = region->gpa,
		.size = region->size,
		.user_addr = region->user_addr,
		.mmap_offset = region->mmap_offset,
	};
	int err = guest_map_add(&connection->vm->map, &map_region, fd);

	if (!err)
		return 0;
	return refuse(connection, err,
		      "region of %#llx bytes at guest address %#llx, file offset "
		      "%#llx: %s",
		      (unsigned long long)region->size, (unsigned long long)region->gpa,
		      (unsigned long long)region->mmap_offset,
		      err == -EINVAL   ? "empty, wraps or longer than its file"
		      : err == -EEXIST ? "overlaps another region"
		      : err == -ENOSPC ? "too many regions"
				       : strerror(-err));
}

static int set_mem_table(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	uint32_t count = message->payload.table.count;
	struct vm *vm = connection->vm;
	int err = 0, resumed;

	/* UML sends room for more regions than it uses. */
	if (count > VHOST_USER_TABLE_REGIONS || count != message->fd_count ||
	    message->header.size < 8 + count * sizeof(struct vhost_user_region))
		return refuse(connection, -EINVAL, "%u regions in %u bytes with %u descriptors",
			      count, message->header.size, message->fd_count);
	vm_pause(vm);
	guest_map_clear(&vm->map);
	for (uint32_t i = 0; i < count && !err; i++)
		err = add_region(connection, &message->payload.table.region[i], message->fds[i]);
	vm->memory_seen = !err;
	resumed = vm_resume(vm);
	return err ? err : resumed;
}

static int get_max_mem_slots(struct vhost_user *connection)
{
	return reply_u64(connection, GUEST_REGIONS_MAX);
}

static int add_mem_reg(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	struct vm *vm = connection->vm;
	int err, resumed;

	vm_pause(vm);
	err = add_region(connection, &message->payload.slot.region, message->fds[0]);
	vm->memory_seen |= !err;
	resumed = vm_resume(vm);
	return err ? err : resumed;
}

static int rem_mem_reg(struct vhost_user *connection)
{
	const struct vhost_user_region *region = &connection->message.payload.slot.region;
	const struct guest_map_region map_region = {
		.gpa = region->gpa,
		.size = region->size,
		.user_addr = region->user_addr,
	};
	struct vm *vm = connection->vm;
	int err, resumed;

	vm_pause(vm);
	err = guest_map_remove(&vm->map, &map_region);
	if (err)
		refuse(connection, err, "no region of %#llx bytes at guest address %#llx",
		       (unsigned long long)region->size, (unsigned long long)region->gpa);
	resumed = vm_resume(vm);
	return err ? err : resumed;
}

static int set_vring_num(struct vhost_user *connection)
{
	const struct vhost_vring_state *state = &connection->message.payload.state;
	struct vhost_queue *queue = find_queue(connection, state->index);

	if (!queue)
		return -EINVAL;
	if (queue->running)
		return refuse(connection, -EBUSY, "queue %u runs", state->index);
	if (!state->num || state->num > QUEUE_SIZE_MAX || state->num & (state->num - 1))
		return refuse(connection, -EINVAL, "queue %u: size %u is no power of two up to %u",
			      state->index, state->num, QUEUE_SIZE_MAX);
	queue->size = (uint16_t)state->num;
	return vhost_queue_update(queue);
}

static int set_vring_base(struct vhost_user *connection)
{
	const struct vhost_vring_state *state = &connection->message.payload.state;
	struct vhost_queue *queue = find_queue(connection, state->index);

	if (!queue)
		return -EINVAL;
	if (queue->running)
		return refuse(connection, -EBUSY, "queue %u runs", state->index);
	if (state->num > UINT16_MAX)
		return refuse(connection, -EINVAL, "queue %u: index %u", state->index, state->num);
	queue->base = (uint16_t)state->num;
	return 0;
}

static int get_vring_base(struct vhost_user *connection)
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
	return REPLY;
}

static int set_vring_addr(struct vhost_user *connection)
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

static int set_vring_enable(struct vhost_user *connection)
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
		refuse(connection, -EINVAL, "queue %u: %u descriptors", queue->index,
		       message->fd_count);
		return NULL;
	}
	if (!none)
		fcntl(message->fds[0], F_SETFL, fcntl(message->fds[0], F_GETFL) | O_NONBLOCK);
	*ret_fd = none ? -1 : fd_steal(&message->fds[0]);
	message->fd_count = 0;
	return queue;
}

static int set_vring_kick(struct vhost_user *connection)
{
	struct vhost_queue *queue;
	int fd;

	queue = take_vring_fd(connection, &fd);
	if (!queue)
		return -EINVAL;
	vhost_queue_stop(queue);
	fd_replace(&queue->kick_fd, fd);
	queue->kicked = true;
	return vhost_queue_update(queue);
}

static int set_vring_call(struct vhost_user *connection)
{
	struct vhost_queue *queue;
	int fd;

	queue = take_vring_fd(connection, &fd);
	if (!queue)
		return -EINVAL;
	vhost_queue_set_fd(queue, &queue->call_fd, fd);
	return 0;
}

static int set_vring_err(struct vhost_user *connection)
{
	struct vhost_queue *queue;
	int fd;

	queue = take_vring_fd(connection, &fd);
	if (!queue)
		return -EINVAL;
	vhost_queue_set_fd(queue, &queue->err_fd, fd);
	return 0;
}

static int set_backend_req_fd(struct vhost_user *connection)
{
	fd_replace(&connection->backend_fd, fd_steal(&connection->message.fds[0]));
	return 0;
}

static int get_config(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	uint32_t offset = message->payload.config.offset, size = message->payload.config.size;
	uint8_t config[BLK_CONFIG_BYTES];

	/* An empty reply tells the front-end of the error. */
	if (offset > BLK_CONFIG_BYTES || size > BLK_CONFIG_BYTES - offset) {
		refuse(connection, -EINVAL, "%u bytes at %u of %u", size, offset, BLK_CONFIG_BYTES);
		message->header.size = 0;
		return REPLY;
	}
	blk_config_fill(&connection->vm->backend.disk, connection->vm->options.queues, config);
	memcpy(message->payload.config.data, config + offset, size);
	message->header.size = VHOST_USER_CONFIG_HEADER + size;
	return REPLY;
}

static int set_config(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	uint32_t offset = message->payload.config.offset, size = message->payload.config.size;
	struct vm *vm = connection->vm;
	bool write_back;

	if (message->header.size < VHOST_USER_CONFIG_HEADER ||
	    size > message->header.size - VHOST_USER_CONFIG_HEADER ||
	    !(vm->features & BIT(VIRTIO_BLK_F_CONFIG_WCE)) ||
	    blk_config_write(offset, message->payload.config.data, size, &write_back))
		return refuse(connection, -EINVAL,
			      "%u bytes at %u; only the writeback byte is writable, and only with "
			      "VIRTIO_BLK_F_CONFIG_WCE",
			      size, offset);
	vm_pause(vm);
	vm->write_through = !write_back;
	vm_update_durability(vm);
	return vm_resume(vm);
}

static int get_inflight_fd(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	uint32_t queues = message->payload.inflight.num_queues;
	uint16_t size = message->payload.inflight.queue_size;
	uint64_t bytes = 0;
	int fd;

	if (!queues || queues > VM_QUEUES_MAX || !size || size > QUEUE_SIZE_MAX)
		return refuse(connection, -EINVAL, "%u queues of size %u", queues, size);
	fd = vm_inflight_create(queues, size, &bytes);
	if (fd < 0)
		return refuse(connection, fd, "%s", strerror(-fd));
	message->payload.inflight.mmap_size = bytes;
	message->payload.inflight.mmap_offset = 0;
	message->fds[0] = fd;
	message->fd_count = 1;
	/* The size stays as it came: with the struct's tail padding or without. */
	return REPLY;
}

static int set_inflight_fd(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	struct vm *vm = connection->vm;
	int err, resumed;

	vm_pause(vm);
	err = vm_inflight_use(vm, message->fds[0], message->payload.inflight.mmap_size,
			      message->payload.inflight.mmap_offset,
			      message->payload.inflight.num_queues,
			      message->payload.inflight.queue_size);
	if (err)
		refuse(connection, err, "%u queues of size %u in %llu bytes: %s",
		       message->payload.inflight.num_queues, message->payload.inflight.queue_size,
		       (unsigned long long)message->payload.inflight.mmap_size, strerror(-err));
	resumed = vm_resume(vm);
	return err ? err : resumed;
}

static int reset_device(struct vhost_user *connection)
{
	vm_reset(connection->vm, VM_RESET_DEVICE);
	return 0;
}

static int set_status(struct vhost_user *connection)
{
	struct vm *vm = connection->vm;
	uint64_t status = connection->message.payload.u64;

	if (status > UINT8_MAX)
		return refuse(connection, -EINVAL, "status %#llx", (unsigned long long)status);
	if (!status)
		vm_reset(vm, VM_RESET_DEVICE);
	vm->status = (uint8_t)status;
	return 0;
}

static int get_status(struct vhost_user *connection)
{
	return reply_u64(connection, connection->vm->status);
}

#define U64	 sizeof(uint64_t), sizeof(uint64_t)
#define STATE	 sizeof(struct vhost_vring_state), sizeof(struct vhost_vring_state)
#define ADDR	 sizeof(struct vhost_vring_addr), sizeof(struct vhost_vring_addr)
#define TABLE	 8, sizeof(((union vhost_user_payload *)0)->table)
#define SLOT	 40, 40
#define CONFIG	 VHOST_USER_CONFIG_HEADER, VHOST_USER_CONFIG_HEADER + VHOST_USER_CONFIG_MAX
#define INFLIGHT VHOST_USER_INFLIGHT_BYTES, sizeof(((union vhost_user_payload *)0)->inflight)

/* Requests by number: handler, least and most payload bytes, least and most descriptors. */
static const struct {
	const char *name;
	int (*handle)(struct vhost_user *connection);
	uint32_t size_min, size_max;
	uint32_t fds_min, fds_max;
} requests[VHOST_USER_REQUEST_MAX] = {
	[VHOST_USER_GET_FEATURES] = {"GET_FEATURES", get_features, 0, 8, 0, 0},
	[VHOST_USER_SET_FEATURES] = {"SET_FEATURES", set_features, U64, 0, 0},
	[VHOST_USER_SET_OWNER] = {"SET_OWNER", set_owner, 0, 8, 0, 0},
	[VHOST_USER_RESET_OWNER] = {"RESET_OWNER", reset_owner, 0, 8, 0, 0},
	[VHOST_USER_SET_MEM_TABLE] = {"SET_MEM_TABLE", set_mem_table, TABLE, 0, 8},
	[VHOST_USER_SET_VRING_NUM] = {"SET_VRING_NUM", set_vring_num, STATE, 0, 0},
	[VHOST_USER_SET_VRING_ADDR] = {"SET_VRING_ADDR", set_vring_addr, ADDR, 0, 0},
	[VHOST_USER_SET_VRING_BASE] = {"SET_VRING_BASE", set_vring_base, STATE, 0, 0},
	[VHOST_USER_GET_VRING_BASE] = {"GET_VRING_BASE", get_vring_base, STATE, 0, 0},
	[VHOST_USER_SET_VRING_KICK] = {"SET_VRING_KICK", set_vring_kick, U64, 0, 1},
	[VHOST_USER_SET_VRING_CALL] = {"SET_VRING_CALL", set_vring_call, U64, 0, 1},
	[VHOST_USER_SET_VRING_ERR] = {"SET_VRING_ERR", set_vring_err, U64, 0, 1},
	[VHOST_USER_GET_PROTOCOL_FEATURES] = {"GET_PROTOCOL_FEATURES", get_protocol_features, 0, 8,
					      0, 0},
	[VHOST_USER_SET_PROTOCOL_FEATURES] = {"SET_PROTOCOL_FEATURES", set_protocol_features, U64,
					      0, 0},
	[VHOST_USER_GET_QUEUE_NUM] = {"GET_QUEUE_NUM", get_queue_num, 0, 8, 0, 0},
	[VHOST_USER_SET_VRING_ENABLE] = {"SET_VRING_ENABLE", set_vring_enable, STATE, 0, 0},
	[VHOST_USER_SET_BACKEND_REQ_FD] = {"SET_BACKEND_REQ_FD", set_backend_req_fd, 0, 8, 1, 1},
	[VHOST_USER_GET_CONFIG] = {"GET_CONFIG", get_config, CONFIG, 0, 0},
	[VHOST_USER_SET_CONFIG] = {"SET_CONFIG", set_config, CONFIG, 0, 0},
	[VHOST_USER_GET_INFLIGHT_FD] = {"GET_INFLIGHT_FD", get_inflight_fd, INFLIGHT, 0, 0},
	[VHOST_USER_SET_INFLIGHT_FD] = {"SET_INFLIGHT_FD", set_inflight_fd, INFLIGHT, 1, 1},
	[VHOST_USER_RESET_DEVICE] = {"RESET_DEVICE", reset_device, 0, 8, 0, 0},
	[VHOST_USER_GET_MAX_MEM_SLOTS] = {"GET_MAX_MEM_SLOTS", get_max_mem_slots, 0, 8, 0, 0},
	[VHOST_USER_ADD_MEM_REG] = {"ADD_MEM_REG", add_mem_reg, SLOT, 1, 1},
	/* Front-ends may send the region's descriptor here too. */
	[VHOST_USER_REM_MEM_REG] = {"REM_MEM_REG", rem_mem_reg, SLOT, 0, 1},
	[VHOST_USER_SET_STATUS] = {"SET_STATUS", set_status, U64, 0, 0},
	[VHOST_USER_GET_STATUS] = {"GET_STATUS", get_status, 0, 8, 0, 0},
};

const char *vhost_user_name(uint32_t request)
{
	if (request < VHOST_USER_REQUEST_MAX && requests[request].name)
		return requests[request].name;
	return "unknown message";
}

int vhost_user_handle(struct vhost_user *connection, bool *ret_reply)
{
	struct vhost_user_message *message = &connection->message;
	uint32_t request = message->header.request, size = message->header.size;
	int result;

	if (request >= VHOST_USER_REQUEST_MAX || !requests[request].handle)
		return refuse(connection, -EOPNOTSUPP, "number %u is not known here", request);
	if (size < requests[request].size_min || size > requests[request].size_max)
		return refuse(connection, -EPROTO, "%u bytes of payload, not %u to %u", size,
			      requests[request].size_min, requests[request].size_max);
	if (message->fd_count < requests[request].fds_min ||
	    message->fd_count > requests[request].fds_max)
		return refuse(connection, -EPROTO, "%u descriptors, not %u to %u",
			      message->fd_count, requests[request].fds_min,
			      requests[request].fds_max);
	result = requests[request].handle(connection);
	*ret_reply = result == REPLY;
	return result < 0 ? result : 0;
}
