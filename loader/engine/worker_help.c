// SPDX-License-Identifier: GPL-2.0-only
#include "worker_help.h"

#include <sys/eventfd.h>

#include "direct.h"
#include "poller.h"
#include "vm.h"
#include "worker_io.h"

/* Between looks. A queue that is limited has timers alone to bring BPF, one of 0.1 s among them. */
#define LOOK_NS		1000000000ULL
#define LOOK_LIMITED_NS 250000000ULL

static void give(struct direct_queue *direct, uint16_t value)
{
	uint32_t tail = direct->returned_tail;

	direct->returned[tail & (QUEUE_SIZE_MAX - 1)] = value;
	__atomic_store_n(&direct->returned_tail, tail + 1, __ATOMIC_RELEASE);
}

static void stop(struct direct_queue *direct, uint16_t fault)
{
	direct->state.fault = fault;
	__atomic_fetch_or(&direct->state.flags, QUEUE_BROKEN, __ATOMIC_SEQ_CST);
}

/* BPF could not make sense of the request, or not reach it, and neither can we. */
static void broke(struct vhost_queue *queue, uint16_t head)
{
	stop(queue->direct, queue->state.fault);
	give(queue->direct, head | DIRECT_RETURN_DROPPED);
	queue->help_published = false;
}

void worker_help_serve(struct worker *worker, struct vhost_queue *queue)
{
	struct direct_queue *direct = queue->direct;
	uint32_t tail;

	/* Before we look: what is handed over from now on calls again. */
	__atomic_store_n(&direct->attention, 0, __ATOMIC_SEQ_CST);
	tail = __atomic_load_n(&direct->handed_tail, __ATOMIC_ACQUIRE);
	for (; direct->handed_head != tail; direct->handed_head++) {
		uint16_t head = direct->handed[direct->handed_head & (QUEUE_SIZE_MAX - 1)];

		if (!worker_io_start(worker, queue, head))
			broke(queue, head);
	}
	if (load_once(&direct->state.flags) & QUEUE_BROKEN) {
		queue->state.fault = direct->state.fault;
		worker_io_report(queue);
	}
	if (!queue->vm->poller)
		return;
	poller_mend(queue->vm->poller, queue);
	ring_wake(poller_ring_fd(queue->vm->poller, queue->index));
}

void worker_help_break(struct vhost_queue *queue, enum queue_fault fault)
{
	if (load_once(&queue->direct->state.flags) & QUEUE_BROKEN)
		return;
	stop(queue->direct, (uint16_t)fault);
	queue->state.fault = (uint16_t)fault;
	worker_io_report(queue);
}

void worker_help_return(struct vhost_queue *queue, const struct request *request)
{
	struct direct_slot *slot = &queue->direct->slot[request->head];

	slot->used_len = request->used_len;
	slot->type = (uint8_t)min(request->type, (uint32_t)UINT8_MAX);
	give(queue->direct, request->head);
	queue->help_published = false;
}

void worker_help_publish(struct vhost_queue *queue)
{
	if (queue->help_published)
		return;
	queue->help_published = true;
	/* The doorbell brings BPF, whatever it was rung for. */
	eventfd_write(queue->kick_fd, 1);
}

/* Whether BPF ought to run soon: for requests under way or waiting, what it armed to come back, or
 * to hear doorbells. */
static bool expected(const struct vhost_queue *queue)
{
	const struct direct_queue *direct = queue->direct;

	if (load_once(&direct->state.in_flight) || load_once(&direct->sweep_armed) ||
	    load_once(&direct->look_armed) || load_once(&direct->turn_armed) ||
	    !load_once(&direct->kick_armed))
		return true;
	return !(load_once(&direct->state.flags) & QUEUE_BROKEN) &&
	       vring_avail_idx(&queue->vring) != load_once(&direct->state.last_avail);
}

uint64_t worker_help_interval(const struct vhost_queue *queue)
{
	if (queue->engine == ENGINE_LOOP)
		return UINT64_MAX; /* it misses nothing */
	return load_once(&queue->direct->state.limit.until) ? LOOK_LIMITED_NS : LOOK_NS;
}

void worker_help_sweep(struct vhost_queue *queue)
{
	uint64_t runs;
	bool waits;

	if (queue->engine != ENGINE_POLLER)
		return; /* it is being started */
	runs = load_once(&queue->stats->direct.runs);
	waits = expected(queue);
	if (waits && queue->sweep_waits && queue->sweep_runs == runs) {
		queue->swept++;
		poller_revive(queue->vm->poller, queue);
	}
	queue->sweep_waits = waits;
	queue->sweep_runs = runs;
}
