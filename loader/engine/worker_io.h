/* SPDX-License-Identifier: GPL-2.0-only */
/* The worker's path: doorbell → request → command → SQE → CQE → used → notify. Its thread only. */
#ifndef NVRING_WORKER_IO_H
#define NVRING_WORKER_IO_H

#include "base/util.h"
#include "worker.h"

/**
 * worker_io_serve() - take every waiting request of a queue and start it
 * @worker: the queue's worker
 * @queue: running; stopped and reported when its ring makes no sense
 *
 * Return: requests taken.
 */
uint32_t worker_io_serve(struct worker *worker, struct vhost_queue *queue);

/**
 * worker_io_resubmit() - start again what a process before us left in flight
 * @worker: the queue's worker
 * @queue: just added
 * @heads: oldest first
 * @count: how many
 */
void worker_io_resubmit(struct worker *worker, struct vhost_queue *queue, const uint16_t *heads,
			uint16_t count);

/**
 * worker_io_start() - parse a request that BPF took and handed over, and set it going
 * @worker: the one that helps with the queue
 * @queue: the queue
 * @head: below the queue size; its slot is free
 *
 * Return: true, or false when the queue broke.
 */
bool worker_io_start(struct worker *worker, struct vhost_queue *queue, uint16_t head);

/* worker_io_clock() - CLOCK_MONOTONIC, read once for all that a turn does */
static inline uint64_t worker_io_clock(struct worker *worker)
{
	if (!worker->now)
		worker->now = clock_ns(CLOCK_MONOTONIC);
	return worker->now;
}

/* worker_io_turn() - CLOCK_MONOTONIC ns at which a queue that is limited may start more, 0: now */
uint64_t worker_io_turn(const struct vhost_queue *queue);

/* worker_io_report() - say why a queue was stopped, once */
void worker_io_report(struct vhost_queue *queue);

/**
 * worker_io_completed() - a request's CQE arrived, or its delay ended
 * @worker: the worker
 * @io: the request
 * @tag: SQE_TAG_REQUEST or SQE_TAG_RETRY
 * @result: cqe->res
 */
void worker_io_completed(struct worker *worker, struct io *io, uint64_t tag, int result);

/**
 * worker_io_publish() - give back what is done and interrupt the guest once if it wants that
 * @queue: running
 *
 * Where the interrupt is better held, coalesce_holds(), it is to be called again when more is done,
 * and at queue->coalesce.moderation.until_ns.
 */
void worker_io_publish(struct vhost_queue *queue);

#endif
