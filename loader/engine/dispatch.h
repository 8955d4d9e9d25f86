/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vCPU dispatch's side in the daemon: which doorbells are whose. bpf/dispatch.bpf.c does the work,
 * beside the poller. Control thread only.
 */
#ifndef NVRING_DISPATCH_H
#define NVRING_DISPATCH_H

#include "engine.h"
#include "vhost_queue.h"

struct dispatch;

/**
 * dispatch_open() - load the program and hook KVM's doorbells
 * @vm: its poller's program is open
 * @ret_dispatch: set; free with dispatch_close()
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno.
 */
int dispatch_open(struct vm *vm, struct dispatch **ret_dispatch, char ret_why[WHY_BYTES]);

/* dispatch_close() - its queues are stopped; @dispatch may be NULL */
void dispatch_close(struct dispatch *dispatch);

/**
 * dispatch_start() - let the vCPUs of the front-end that is connected start a queue's requests
 * @dispatch: open, or NULL
 * @queue: the poller serves it
 *
 * Where that cannot be, as the doorbell is no eventfd, or guest memory could not be mapped in the
 * front-end's order, the poller does it all, and the log says why.
 */
void dispatch_start(struct dispatch *dispatch, const struct vhost_queue *queue);

/* dispatch_stop() - no more; one that is at it holds the queue's lock */
void dispatch_stop(struct dispatch *dispatch, const struct vhost_queue *queue);

#endif
