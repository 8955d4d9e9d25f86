// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each message does. vhost_user_handle() has checked the payload's size and the number of
 * descriptors against the table at the end; a handler that keeps a descriptor takes it out.
 */
#include <fcntl.h>
#include <linux/vhost_types.h>
#include <linux/virtio_blk.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "engine/vm.h"
#include "vhost_user_handlers.h"

#define BIT(n) (1ULL << (n))

#define PROTOCOL_FEATURES                                                                \
	(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |          \
	 BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) | \
	 BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |                                       \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | BIT(VHOST_USER_PROTOCOL_F_STATUS))

int vhost_user_refuse(struct vhost_user *connection, int err, const char *format, ...)
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

int vhost_user_reply_u64(struct vhost_user *connection, uint64_t value)
{
	connection->message.payload.u64 = value;
	connection->message.header.size = sizeof(value);
	return VHOST_USER_REPLIED;
}

static uint64_t offered(const struct vm *vm)
{
	return vm_features(vm) | BIT(VHOST_USER_F_PROTOCOL_FEATURES) | BIT(VHOST_F_LOG_ALL);
}

static int get_features(struct vhost_user *connection)
{
	return vhost_user_reply_u64(connection, offered(connection->vm));
}

static int set_features(struct vhost_user *connection)
{
	uint64_t features = connection->message.payload.u64;
	uint64_t unknown = features & ~offered(connection->vm);

	if (unknown)
		return vhost_user_refuse(connection, -EINVAL, "features %#llx were not offered",
					 (unsigned long long)unknown);
	connection->vm->has_protocol = features & BIT(VHOST_USER_F_PROTOCOL_FEATURES);
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
	return vhost_user_reply_u64(connection, PROTOCOL_FEATURES);
}

static int set_protocol_features(struct vhost_user *connection)
{
	uint64_t features = connection->message.payload.u64;

	if (features & ~PROTOCOL_FEATURES)
		return vhost_user_refuse(connection, -EINVAL,
					 "protocol features %#llx were not offered",
					 (unsigned long long)(features & ~PROTOCOL_FEATURES));
	connection->protocol = features;
	return 0;
}

static int get_queue_num(struct vhost_user *connection)
{
	return vhost_user_reply_u64(connection, connection->vm->options.queues);
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
		vhost_user_refuse(connection, -EINVAL, "%u bytes at %u of %u", size, offset,
				  BLK_CONFIG_BYTES);
		message->header.size = 0;
		return VHOST_USER_REPLIED;
	}
	blk_config_fill(&connection->vm->backend.disk, connection->vm->options.queues, config);
	memcpy(message->payload.config.data, config + offset, size);
	message->header.size = VHOST_USER_CONFIG_HEADER + size;
	return VHOST_USER_REPLIED;
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
		return vhost_user_refuse(
			connection, -EINVAL,
			"%u bytes at %u; only the writeback byte is writable, and only with "
			"VIRTIO_BLK_F_CONFIG_WCE",
			size, offset);
	vm_pause(vm);
	vm->write_through = !write_back;
	vm_update_durability(vm);
	return vm_resume(vm);
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
		return vhost_user_refuse(connection, -EINVAL, "status %#llx",
					 (unsigned long long)status);
	if (!status)
		vm_reset(vm, VM_RESET_DEVICE);
	vm->status = (uint8_t)status;
	return 0;
}

static int get_status(struct vhost_user *connection)
{
	return vhost_user_reply_u64(connection, connection->vm->status);
}

#define U64	 sizeof(uint64_t), sizeof(uint64_t)
#define STATE	 sizeof(struct vhost_vring_state), sizeof(struct vhost_vring_state)
#define ADDR	 sizeof(struct vhost_vring_addr), sizeof(struct vhost_vring_addr)
#define LOG	 16, 16
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
	[VHOST_USER_GET_FEATURES] = { "GET_FEATURES", get_features, 0, 8, 0, 0 },
	[VHOST_USER_SET_FEATURES] = { "SET_FEATURES", set_features, U64, 0, 0 },
	[VHOST_USER_SET_OWNER] = { "SET_OWNER", set_owner, 0, 8, 0, 0 },
	[VHOST_USER_RESET_OWNER] = { "RESET_OWNER", reset_owner, 0, 8, 0, 0 },
	[VHOST_USER_SET_MEM_TABLE] = { "SET_MEM_TABLE", vhost_user_set_mem_table, TABLE, 0, 8 },
	[VHOST_USER_SET_LOG_BASE] = { "SET_LOG_BASE", vhost_user_set_log_base, LOG, 1, 1 },
	[VHOST_USER_SET_VRING_NUM] = { "SET_VRING_NUM", vhost_user_set_vring_num, STATE, 0, 0 },
	[VHOST_USER_SET_VRING_ADDR] = { "SET_VRING_ADDR", vhost_user_set_vring_addr, ADDR, 0, 0 },
	[VHOST_USER_SET_VRING_BASE] = { "SET_VRING_BASE", vhost_user_set_vring_base, STATE, 0, 0 },
	[VHOST_USER_GET_VRING_BASE] = { "GET_VRING_BASE", vhost_user_get_vring_base, STATE, 0, 0 },
	[VHOST_USER_SET_VRING_KICK] = { "SET_VRING_KICK", vhost_user_set_vring_kick, U64, 0, 1 },
	[VHOST_USER_SET_VRING_CALL] = { "SET_VRING_CALL", vhost_user_set_vring_call, U64, 0, 1 },
	[VHOST_USER_SET_VRING_ERR] = { "SET_VRING_ERR", vhost_user_set_vring_err, U64, 0, 1 },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", get_protocol_features, 0, 8,
					       0, 0 },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", set_protocol_features, U64,
					       0, 0 },
	[VHOST_USER_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", get_queue_num, 0, 8, 0, 0 },
	[VHOST_USER_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", vhost_user_set_vring_enable, STATE, 0,
					  0 },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", set_backend_req_fd, 0, 8, 1, 1 },
	[VHOST_USER_GET_CONFIG] = { "GET_CONFIG", get_config, CONFIG, 0, 0 },
	[VHOST_USER_SET_CONFIG] = { "SET_CONFIG", set_config, CONFIG, 0, 0 },
	[VHOST_USER_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", vhost_user_get_inflight_fd, INFLIGHT, 0,
					 0 },
	[VHOST_USER_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", vhost_user_set_inflight_fd, INFLIGHT, 1,
					 1 },
	[VHOST_USER_RESET_DEVICE] = { "RESET_DEVICE", reset_device, 0, 8, 0, 0 },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", vhost_user_get_max_mem_slots, 0, 8,
					   0, 0 },
	[VHOST_USER_ADD_MEM_REG] = { "ADD_MEM_REG", vhost_user_add_mem_reg, SLOT, 1, 1 },
	/* Front-ends may send the region's descriptor here too. */
	[VHOST_USER_REM_MEM_REG] = { "REM_MEM_REG", vhost_user_rem_mem_reg, SLOT, 0, 1 },
	[VHOST_USER_SET_STATUS] = { "SET_STATUS", set_status, U64, 0, 0 },
	[VHOST_USER_GET_STATUS] = { "GET_STATUS", get_status, 0, 8, 0, 0 },
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
		return vhost_user_refuse(connection, -EOPNOTSUPP, "number %u is not known here",
					 request);
	if (size < requests[request].size_min || size > requests[request].size_max)
		return vhost_user_refuse(connection, -EPROTO, "%u bytes of payload, not %u to %u",
					 size, requests[request].size_min,
					 requests[request].size_max);
	if (message->fd_count < requests[request].fds_min ||
	    message->fd_count > requests[request].fds_max)
		return vhost_user_refuse(connection, -EPROTO, "%u descriptors, not %u to %u",
					 message->fd_count, requests[request].fds_min,
					 requests[request].fds_max);
	result = requests[request].handle(connection);
	*ret_reply = result == VHOST_USER_REPLIED;
	return result < 0 ? result : 0;
}
