/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vhost-user protocol, back-end side: messages from a front-end (QEMU, a UML guest, ...)
 * over a Unix socket, acting on a VM. Source: QEMU docs/interop/vhost-user.rst.
 */
#ifndef NVRING_VHOST_USER_H
#define NVRING_VHOST_USER_H

#include <linux/vhost_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VHOST_USER_F_PROTOCOL_FEATURES 30

enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
};

enum vhost_user_request {
	VHOST_USER_NONE = 0,
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_REQUEST_MAX = 41,
};

/* header.request of our own messages, on backend_fd */
#define VHOST_USER_BACKEND_CONFIG_CHANGE_MSG 2

/* header.flags */
#define VHOST_USER_VERSION	0x1
#define VHOST_USER_VERSION_MASK 0x3
#define VHOST_USER_REPLY	(1U << 2)
#define VHOST_USER_NEED_REPLY	(1U << 3)

#define VHOST_USER_TABLE_REGIONS 8 /* in one SET_MEM_TABLE */
#define VHOST_USER_FDS_MAX	 8
#define VHOST_USER_CONFIG_MAX	 256

/* u64 payload of SET_VRING_KICK, CALL and ERR */
#define VHOST_USER_VRING_INDEX 0xffULL
#define VHOST_USER_VRING_NOFD  (1ULL << 8)

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload that follows */
};

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};

union vhost_user_payload {
	uint64_t u64;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct {
		uint32_t count;
		uint32_t padding;
		struct vhost_user_region region[VHOST_USER_TABLE_REGIONS];
	} table;
	struct {
		uint64_t padding;
		struct vhost_user_region region;
	} slot;
	struct {
		uint32_t offset;
		uint32_t size;
		uint32_t flags;
		uint8_t data[VHOST_USER_CONFIG_MAX];
	} config;
	struct {
		uint64_t mmap_size;
		uint64_t mmap_offset;
	} log;
	struct {
		uint64_t mmap_size;
		uint64_t mmap_offset;
		uint16_t num_queues;
		uint16_t queue_size;
	} inflight;
};

#define VHOST_USER_CONFIG_HEADER 12 /* bytes of config before data */
#define VHOST_USER_INFLIGHT_BYTES                                      \
	20 /* some front-ends send the struct without its tail padding \
	    */

struct vhost_user_message {
	struct vhost_user_header header;
	union vhost_user_payload payload;
	int fds[VHOST_USER_FDS_MAX]; /* received, or to send; -1 past fd_count */
	uint32_t fd_count;
};

struct vm;

/* One front-end's connection. */
struct vhost_user {
	struct vm *vm;
	int fd;		   /* the socket, -1 when none is connected */
	int backend_fd;	   /* SET_BACKEND_REQ_FD: for messages of ours, or -1 */
	uint64_t protocol; /* protocol features acknowledged */
	size_t received;   /* bytes of message so far */
	struct vhost_user_message message;
};

/**
 * vhost_user_init() - a connection that is not there yet
 * @connection: filled
 * @vm: what its messages act on
 */
void vhost_user_init(struct vhost_user *connection, struct vm *vm);

/**
 * vhost_user_connect() - a front-end connected
 * @connection: not connected
 * @fd: the socket, owned from now on
 */
void vhost_user_connect(struct vhost_user *connection, int fd);

/**
 * vhost_user_disconnect() - it is gone: stop its queues with nothing lost, forget its memory
 * @connection: connected or not
 */
void vhost_user_disconnect(struct vhost_user *connection);

/**
 * vhost_user_receive() - the socket is readable: take what is there, act on whole messages
 * @connection: connected
 *
 * Never blocks on a front-end that sends half a message.
 * Return: 0, -ECONNRESET when the front-end left, or -errno when the connection must be dropped;
 * that is logged.
 */
int vhost_user_receive(struct vhost_user *connection);

/**
 * vhost_user_config_changed() - have the front-end read the configuration space again
 * @connection: connected
 *
 * Never waits for it. Return: 0; -EOPNOTSUPP when it gave us no channel for that, or -errno.
 */
int vhost_user_config_changed(const struct vhost_user *connection);

/* vhost_user_name() - a request's name, for messages to people */
const char *vhost_user_name(uint32_t request);

/**
 * vhost_user_handle() - act on one whole, received message
 * @connection: its message is complete; fds it keeps are replaced by -1
 * @ret_reply: true when message now holds a reply to send
 *
 * Return: 0 or -errno; the cause is logged.
 */
int vhost_user_handle(struct vhost_user *connection, bool *ret_reply);

#endif
