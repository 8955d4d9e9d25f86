/* SPDX-License-Identifier: GPL-2.0-only */
/* Multishot polls in a worker's ring: what wakes it beside completions. Its thread only. */
#ifndef NVRING_WORKER_POLL_H
#define NVRING_WORKER_POLL_H

#include "worker.h"

/* worker_poll_wake() - the control thread's wake_fd */
void worker_poll_wake(struct worker *worker);

/* worker_poll_calls() - BPF's calls; worker->calls is open */
void worker_poll_calls(struct worker *worker);

/* worker_poll_kick() - the queue's doorbell, where it has one; queue->kick_armed until it ends */
void worker_poll_kick(struct worker *worker, struct vhost_queue *queue);

/**
 * worker_poll_end() - ask for a poll's end
 * @worker: the worker
 * @user_data: of the poll
 *
 * One that is being run is not found: its last CQE, without F_MORE, says that it has ended.
 */
void worker_poll_end(struct worker *worker, uint64_t user_data);

#endif
