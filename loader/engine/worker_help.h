/* SPDX-License-Identifier: GPL-2.0-only */
/* A worker helps with queues that BPF serves: requests come by head, and go back by head. */
#ifndef NVRING_WORKER_HELP_H
#define NVRING_WORKER_HELP_H

#include "worker.h"

/**
 * worker_help_serve() - BPF called: start what it handed over, report, wake its thread
 * @worker: that helps
 * @queue: a queue it helps with
 */
void worker_help_serve(struct worker *worker, struct vhost_queue *queue);

/* worker_help_break() - stop a queue that BPF serves, and say why, unless it is stopped already */
void worker_help_break(struct vhost_queue *queue, enum queue_fault fault);

/**
 * worker_help_return() - a handed request is over, its status byte written
 * @queue: where it is from
 * @request: the request
 */
void worker_help_return(struct vhost_queue *queue, const struct request *request);

/* worker_help_publish() - let BPF know, once for all that was returned since the last time */
void worker_help_publish(struct vhost_queue *queue);

/**
 * worker_help_interval() - how often a queue is to be looked after
 * @queue: a queue the worker helps with
 *
 * Return: ns, UINT64_MAX for never.
 */
uint64_t worker_help_interval(const struct vhost_queue *queue);

/**
 * worker_help_sweep() - look after a queue
 * @queue: a queue the worker helps with
 *
 * BPF can miss events, even that of the timeout which is to bring it back (bpf/poller.bpf.c), and
 * an idle queue's one doorbell. One that has something to wait for, and did not run since the last
 * look, is brought back.
 */
void worker_help_sweep(struct vhost_queue *queue);

#endif
