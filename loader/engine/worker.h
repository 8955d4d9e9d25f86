/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker engine: a user-space thread with an io_uring that serves virtqueues.
 *
 * One turn: take completions, give requests back, notify, take new requests, submit. Between
 * turns it spins for an adaptive time and then sleeps in the kernel until a doorbell, a
 * completion or the control thread wakes it.
 */
#ifndef NVRING_WORKER_H
#define NVRING_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "disk/backend.h"
#include "ring.h"
#include "spin.h"
#include "vhost_queue.h"

#define WORKER_QUEUES_MAX     256
#define WORKER_BOUNCE_BUFFERS 8
#define WORKER_RING_ENTRIES   1024
#define WORKER_NUDGE	      SIGUSR2 /* ends a system call that blocks */

struct pinned_memory;
struct ring_buffer;

/* Something the control thread has the worker do between two turns; called until it is done. */
struct worker_call {
	bool (*run)(struct worker *worker, struct worker_call *call);
	struct vhost_queue *queue;
	int *slot;
	int fd;
	const struct pinned_memory *pinned;
	int result;
};

struct worker {
	uint32_t index;
	int cpu; /* pinned to, or -1 */
	struct spin spin;
	const struct guest_memory *memory;
	struct backend *backend;

	pthread_t thread;
	int wake_fd;
	pthread_mutex_t lock; /* call */
	pthread_cond_t called;
	_Atomic(struct worker_call *) call;
	atomic_bool stop;
	int start_result;
	bool started;

	/* The thread's own. */
	struct io_uring ring;
	struct vhost_queue *queues[WORKER_QUEUES_MAX];
	uint32_t queue_count;
	uint32_t first;				       /* of the queues, in the next turn */
	struct vhost_queue *helped[WORKER_QUEUES_MAX]; /* BPF serves them, and calls us at times */
	uint32_t helped_count;
	struct ring_buffer *calls; /* BPF's, or NULL */
	struct vhost_queue *by_index[WORKER_QUEUES_MAX];
	bool call_waits; /* the call was run and is not done yet */
	uint64_t now;	 /* CLOCK_MONOTONIC of this turn, 0 until it is read */
	bool kicked;	 /* this turn starts what a doorbell announced, or is followed */
	void *bounce_free[WORKER_BOUNCE_BUFFERS];
	uint32_t bounce_count;
	char *bounce_memory;
	struct io *waiting, **waiting_tail; /* for a bounce buffer */
	struct chain_table table;	    /* scratch */
	uint64_t swept_ns;		    /* when queues of BPF's were last looked after */
	struct log_limit failures;	    /* of commands, in the log */
};

/**
 * worker_start() - start a worker's thread
 * @worker: index, cpu, spin.budget_ns, memory and backend are set, the rest zeroed
 *
 * Return: 0 or -errno; on failure nothing is left behind.
 */
int worker_start(struct worker *worker);

/**
 * worker_stop() - end the thread; its queues are stopped already
 * @worker: started or not
 */
void worker_stop(struct worker *worker);

/**
 * worker_add_queue() - let the worker serve a queue
 * @worker: a started worker
 * @queue: ready to run, index below WORKER_QUEUES_MAX; the worker's until worker_remove_queue()
 */
void worker_add_queue(struct worker *worker, struct vhost_queue *queue);

/**
 * worker_remove_queue() - drain a queue and give it back
 * @worker: the one that serves it
 * @queue: on return no request of it is in flight and all are published and notified
 */
void worker_remove_queue(struct worker *worker, struct vhost_queue *queue);

/**
 * worker_help_queue() - do for a queue that BPF serves what BPF hands over
 * @worker: the VM's first
 * @queue: queue->direct is loaded
 */
void worker_help_queue(struct worker *worker, struct vhost_queue *queue);

/**
 * worker_leave_queue() - end that
 * @worker: likewise
 * @queue: BPF has drained it
 */
void worker_leave_queue(struct worker *worker, struct vhost_queue *queue);

/**
 * worker_listen() - come when BPF calls
 * @worker: likewise
 * @calls_fd: ring buffer of struct direct_call, stays the caller's; -1 to listen no more
 *
 * Return: 0 or -errno.
 */
int worker_listen(struct worker *worker, int calls_fd);

/**
 * worker_swap_fd() - change a queue's call or error eventfd
 * @worker: the one that serves it
 * @queue: the queue
 * @slot: &queue->call_fd or &queue->err_fd; what it held is closed
 * @fd: new descriptor, owned, or -1
 */
void worker_swap_fd(struct worker *worker, struct vhost_queue *queue, int *slot, int fd);

/**
 * worker_use_memory() - what the worker's ring has registered of guest memory, after the table
 * changed
 * @worker: serves no queue at the moment
 * @pinned: NULL for nothing
 *
 * Return: 0 or -errno.
 */
int worker_use_memory(struct worker *worker, const struct pinned_memory *pinned);

#endif
