/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket: JSON-RPC 2.0 over a Unix stream socket, one object a line. What the
 * methods do is in rpc_vm.c and rpc_manager.c.
 *
 * Only root and the daemon's own user are served. No client makes the control thread wait: a line
 * is at most CONTROL_LINE_MAX bytes, and a client that sends no whole line, or does not read its
 * answer, for CONTROL_PATIENCE_S is dropped. Others wait their turn when CONTROL_CLIENTS_MAX are
 * connected.
 */
#ifndef NVRING_CONTROL_H
#define NVRING_CONTROL_H

#include <systemd/sd-event.h>

#include "rpc.h"

#define CONTROL_LINE_MAX    4096
#define CONTROL_CLIENTS_MAX 16
#define CONTROL_PATIENCE_S  10
#define CONTROL_UNREAD_MAX  (256 << 10) /* bytes of notifications that a client has not read */

struct control;

/**
 * control_open() - serve clients
 * @event: the control thread's event loop
 * @service: the methods; copied
 * @listen_fd: listening socket, non-blocking; stays the caller's
 * @ret_control: set; free with control_close()
 *
 * Return: 0 or -errno.
 */
int control_open(sd_event *event, const struct rpc_service *service, int listen_fd,
		 struct control **ret_control);

/* control_close() - drop all clients; @control may be NULL */
void control_close(struct control *control);

#endif
