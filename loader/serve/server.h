/* SPDX-License-Identifier: GPL-2.0-only */
/* The listening socket of one VM and the event loop of its control thread. */
#ifndef NVRING_SERVER_H
#define NVRING_SERVER_H

#include <stdbool.h>

#include "engine/vm.h"

/**
 * server_adopt() - use an inherited listening socket
 * @fd: number from --socket-fd
 *
 * Return: @fd, or -errno; the cause is logged.
 */
int server_adopt(int fd);

/**
 * server_block_signals() - keep SIGTERM, SIGINT and SIGUSR1 for the event loop
 *
 * Before any thread is started. A write to a closed socket or eventfd is an error from now on,
 * no signal.
 */
void server_block_signals(void);

/**
 * server_run() - serve front-ends one after another until SIGTERM or SIGINT
 * @vm: the VM
 * @listen_fd: where front-ends connect; stays the caller's
 * @control_fd: where control clients connect, likewise, or -1
 *
 * SIGUSR1 logs the queues' counters; they are logged at the end, too.
 * Return: 0 or -errno; the cause is logged.
 */
int server_run(struct vm *vm, int listen_fd, int control_fd);

#endif
