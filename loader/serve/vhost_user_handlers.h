/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handlers of vhost-user messages, one for each request of the same name.
 *
 * vhost_user_handle() has checked the payload's size and the number of descriptors against its
 * table; a handler that keeps a descriptor takes it out of the message. Handlers return
 * VHOST_USER_REPLIED when the payload now holds a reply, 0, or -errno after vhost_user_refuse().
 */
#ifndef NVRING_VHOST_USER_HANDLERS_H
#define NVRING_VHOST_USER_HANDLERS_H

#include "base/util.h"
#include "vhost_user.h"

#define VHOST_USER_REPLIED 1

/**
 * vhost_user_refuse() - one failure, one line: which message, and what was wrong with it
 * @connection: its message is the one refused
 * @err: -errno
 * @format: what was wrong, as printf()
 *
 * Return: @err.
 */
int vhost_user_refuse(struct vhost_user *connection, int err, const char *format, ...)
	_printf_(3, 4);

/* vhost_user_reply_u64() - answer with a number; returns VHOST_USER_REPLIED */
int vhost_user_reply_u64(struct vhost_user *connection, uint64_t value);

/* vhost_user_memory.c */
int vhost_user_set_mem_table(struct vhost_user *connection);
int vhost_user_get_max_mem_slots(struct vhost_user *connection);
int vhost_user_add_mem_reg(struct vhost_user *connection);
int vhost_user_rem_mem_reg(struct vhost_user *connection);
int vhost_user_set_log_base(struct vhost_user *connection);
int vhost_user_get_inflight_fd(struct vhost_user *connection);
int vhost_user_set_inflight_fd(struct vhost_user *connection);

/* vhost_user_vring.c */
int vhost_user_set_vring_num(struct vhost_user *connection);
int vhost_user_set_vring_base(struct vhost_user *connection);
int vhost_user_get_vring_base(struct vhost_user *connection);
int vhost_user_set_vring_addr(struct vhost_user *connection);
int vhost_user_set_vring_enable(struct vhost_user *connection);
int vhost_user_set_vring_kick(struct vhost_user *connection);
int vhost_user_set_vring_call(struct vhost_user *connection);
int vhost_user_set_vring_err(struct vhost_user *connection);

#endif
