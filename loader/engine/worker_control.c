// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the control thread has a worker do. run_*() are run by the worker's thread, between two
 * turns, while the control thread waits.
 */
#include <bpf/libbpf.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/util.h"
#include "direct.h"
#include "pinned_memory.h"
#include "sqe.h"
#include "virtqueue.h"
#include "vm.h"
#include "worker.h"
#include "worker_help.h"
#include "worker_io.h"
#include "worker_poll.h"

#define NUDGE_S 1 /* for what is soon done, or waits for the device */

/*
 * Have the thread run @call and wait until it is done. One caller: the control thread.
 *
 * A front-end can make its eventfds blocking again and fill them, and the thread then hangs in a
 * write to one. That is the front-end's loss until we want something; a signal gets it out.
 */
static void call_worker(struct worker *worker, struct worker_call *call)
{
	struct timespec until;

	pthread_mutex_lock(&worker->lock);
	atomic_store_explicit(&worker->call, call, memory_order_release);
	eventfd_write(worker->wake_fd, 1);
	while (atomic_load(&worker->call)) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += NUDGE_S;
		if (pthread_cond_clockwait(&worker->called, &worker->lock, CLOCK_MONOTONIC,
					   &until) == ETIMEDOUT)
			pthread_kill(worker->thread, WORKER_NUDGE);
	}
	pthread_mutex_unlock(&worker->lock);
}

static void take_out(struct vhost_queue **list, uint32_t *count, const struct vhost_queue *queue)
{
	for (uint32_t i = 0; i < *count; i++) {
		if (list[i] != queue)
			continue;
		list[i] = list[--*count];
		break;
	}
}

static bool run_add(struct worker *worker, struct worker_call *call)
{
	struct vhost_queue *queue = call->queue;
	uint16_t heads[QUEUE_SIZE_MAX], count = 0;

	worker->by_index[queue->index] = queue;
	worker->queues[worker->queue_count++] = queue;
	if (queue->inflight) {
		count = inflight_recover(queue->inflight, queue->size, queue->state.used_idx, heads,
					 &queue->inflight_counter);
		/* Everything taken is either given back or in flight. */
		queue->state.last_avail = queue->state.used_idx + count;
	}
	queue->stats->trace.active = 0;
	coalesce_init(&queue->coalesce, queue->vm->options.moderation, queue->vm->options.patience);
	worker_poll_kick(worker, queue);
	virtqueue_kicks_off(&queue->state, &queue->vring);
	worker_io_resubmit(worker, queue, heads, count);
	return true;
}

void worker_add_queue(struct worker *worker, struct vhost_queue *queue)
{
	struct worker_call call = { .run = run_add, .queue = queue };

	call_worker(worker, &call);
}

static bool run_remove(struct worker *worker, struct worker_call *call)
{
	struct vhost_queue *queue = call->queue;

	queue->paused = true;
	if (queue->state.in_flight)
		return false;
	worker_io_publish(queue);
	virtqueue_kicks_on(&queue->state, &queue->vring);
	/* A poll that is being run cannot be removed: its last CQE says when it has ended. */
	if (queue->kick_armed) {
		worker_poll_end(worker, sqe_user_data(SQE_TAG_KICK, queue->index, 0));
		return false;
	}
	worker->by_index[queue->index] = NULL;
	take_out(worker->queues, &worker->queue_count, queue);
	queue->paused = false;
	return true;
}

void worker_remove_queue(struct worker *worker, struct vhost_queue *queue)
{
	struct worker_call call = { .run = run_remove, .queue = queue };

	call_worker(worker, &call);
}

static bool run_help(struct worker *worker, struct worker_call *call)
{
	struct vhost_queue *queue = call->queue;

	worker->by_index[queue->index] = queue;
	worker->helped[worker->helped_count++] = queue;
	return true;
}

void worker_help_queue(struct worker *worker, struct vhost_queue *queue)
{
	struct worker_call call = { .run = run_help, .queue = queue };

	call_worker(worker, &call);
}

static bool run_leave(struct worker *worker, struct worker_call *call)
{
	struct vhost_queue *queue = call->queue;

	worker->by_index[queue->index] = NULL;
	take_out(worker->helped, &worker->helped_count, queue);
	return true;
}

void worker_leave_queue(struct worker *worker, struct vhost_queue *queue)
{
	struct worker_call call = { .run = run_leave, .queue = queue };

	call_worker(worker, &call);
}

static int called(void *context, void *data, size_t size)
{
	struct worker *worker = context;
	const struct direct_call *call = data;
	struct vhost_queue *queue;

	if (size < sizeof(*call))
		return 0;
	queue = call->queue < WORKER_QUEUES_MAX ? worker->by_index[call->queue] : NULL;
	if (queue && queue->direct)
		worker_help_serve(worker, queue);
	return 0;
}

static bool run_listen(struct worker *worker, struct worker_call *call)
{
	call->result = 0;
	if (worker->calls) {
		worker_poll_end(worker, sqe_user_data(SQE_TAG_CALLS, 0, 0));
		ring_buffer__free(worker->calls);
		worker->calls = NULL;
	}
	if (call->fd < 0)
		return true;
	worker->calls = ring_buffer__new(call->fd, called, worker, NULL);
	if (!worker->calls) {
		call->result = -errno;
		return true;
	}
	worker_poll_calls(worker);
	return true;
}

int worker_listen(struct worker *worker, int calls_fd)
{
	struct worker_call call = { .run = run_listen, .fd = calls_fd };

	call_worker(worker, &call);
	return call.result;
}

static bool run_swap_fd(struct worker *worker, struct worker_call *call)
{
	(void)worker;
	fd_replace(call->slot, call->fd);
	if (call->slot == &call->queue->call_fd && call->fd >= 0)
		eventfd_write(call->fd, 1);
	return true;
}

void worker_swap_fd(struct worker *worker, struct vhost_queue *queue, int *slot, int fd)
{
	struct worker_call call = { .run = run_swap_fd, .queue = queue, .slot = slot, .fd = fd };

	call_worker(worker, &call);
}

static bool run_use_memory(struct worker *worker, struct worker_call *call)
{
	call->result = pinned_memory_share(call->pinned, worker->ring.ring_fd);
	return true;
}

int worker_use_memory(struct worker *worker, const struct pinned_memory *pinned)
{
	struct worker_call call = { .run = run_use_memory, .pinned = pinned };

	call_worker(worker, &call);
	return call.result;
}
