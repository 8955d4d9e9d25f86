/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One virtqueue as the daemon holds it: what the front-end said of it, and what serves it.
 *
 * The control thread owns everything while the queue is stopped; from vhost_queue_start() to
 * vhost_queue_stop() the part marked so belongs to its worker's thread.
 */
#ifndef NVRING_VHOST_QUEUE_H
#define NVRING_VHOST_QUEUE_H

#include <linux/vhost_types.h>
#include <stdbool.h>

#include "coalesce.h"
#include "engine.h"
#include "inflight.h"
#include "request.h"
#include "stats.h"

struct direct_queue;
struct loop;
struct vm;
struct worker;
struct vhost_queue;

/* A request slot; one for each head. */
struct io {
	struct vhost_queue *queue;
	struct io *next; /* waiting for a bounce buffer */
	void *bounce;	 /* buffer held, or NULL */
	struct {
		int64_t seconds, nanoseconds; /* struct __kernel_timespec */
	} delay;
	bool busy;
	uint64_t started; /* clock when its first command was sent, 0 before */
	struct request request;
};

struct vhost_queue {
	uint32_t index;
	struct vm *vm;
	struct worker *worker;
	struct queue_stats *stats;	 /* in the VM's stats_memory */
	struct queue_counters *counters; /* of those, what the worker counts in */

	/* From the front-end. */
	uint16_t size; /* SET_VRING_NUM, 0 before */
	uint16_t base; /* next avail entry when started */
	bool has_addr;
	bool kicked; /* a kick fd, or word to poll, was given: started, vhost-user "Ring states" */
	bool enabled;
	struct vhost_vring_addr addr; /* front-end's user addresses */
	int kick_fd;		      /* -1: poll the ring */
	int call_fd;		      /* -1: the driver polls */
	int err_fd;
	struct inflight_queue *inflight; /* in the VM's shared area, or NULL */
	bool running;
	enum engine asked;	     /* by the operator, perhaps ENGINE_AUTO */
	enum engine engine;	     /* that serves it while running */
	uint64_t switches;	     /* from one engine to another while running */
	uint64_t pause_ns;	     /* how long the last of them took */
	struct loop *loop;	     /* ENGINE_LOOP has it, or NULL */
	struct direct_queue *direct; /* shared with BPF, NULL while a worker serves */

	/* The worker's while running. */
	struct queue_state state;
	struct vring_memory vring;
	struct io *ios; /* [size] */
	size_t ios_bytes;
	uint16_t *batch; /* [size] heads pushed and not published */
	uint16_t batch_count;
	uint64_t kicked_at; /* CLOCK_MONOTONIC of a doorbell in this turn, 0: none came */
	uint64_t owed_at;   /* of the oldest completion the driver was not told of, 0: no clock */
	struct coalesce coalesce; /* of interrupts */
	bool kick_armed;	  /* the worker polls kick_fd */
	bool paused;		  /* drains: takes nothing new */
	bool fault_reported;
	bool sweep_waits;    /* BPF was to run soon when the worker last looked, */
	uint64_t sweep_runs; /* after so many runs */
	uint64_t swept;	     /* how often it did not */
	uint64_t mended;     /* how often BPF found pages of the vring missing */
	bool help_published; /* BPF knows of all we returned to it */
	__u64 inflight_counter;

	uint32_t trace_seen; /* of stats->trace: records that were read; the main thread's */
};

/* vhost_queue_coalesce() - how interrupts are held, by whoever serves the queue */
struct coalesce *vhost_queue_coalesce(struct vhost_queue *queue);

/**
 * vhost_queue_init() - an unconfigured queue
 * @queue: zeroed
 * @vm: its VM
 * @index: its number
 */
void vhost_queue_init(struct vhost_queue *queue, struct vm *vm, uint32_t index);

/**
 * vhost_queue_update() - start or stop the queue as what the front-end said of it demands
 * @queue: the queue
 *
 * A ring runs when it has a size, addresses, a kick and is enabled. Stopping waits until every
 * request in flight is given back; base is then where a successor goes on.
 *
 * Return: 0, or -errno when the ring could not be started; the cause is logged.
 */
int vhost_queue_update(struct vhost_queue *queue);

/**
 * vhost_queue_stop() - drain and stop the queue, if it runs
 * @queue: base is then where a successor goes on
 *
 * A later vhost_queue_update() starts it again if what the front-end said still demands that.
 */
void vhost_queue_stop(struct vhost_queue *queue);

/**
 * vhost_queue_set_fd() - take over a file descriptor from the front-end
 * @queue: the queue
 * @slot: &queue->call_fd or &queue->err_fd
 * @fd: new descriptor, owned from now on; -1 for none
 *
 * A running queue's worker swaps it between two batches and then signals once, since the old
 * descriptor may have been written a moment before.
 */
void vhost_queue_set_fd(struct vhost_queue *queue, int *slot, int fd);

/**
 * vhost_queue_reset() - back to unconfigured, stopping first
 * @queue: the queue
 * @gone: the front-end is gone: its call and error eventfds, too, which it sets only once
 */
void vhost_queue_reset(struct vhost_queue *queue, bool gone);

/**
 * vhost_queue_counters() - what the queue has done since the daemon started
 * @queue: running or not
 *
 * Any thread; each number is as it is at the moment.
 */
struct queue_counters vhost_queue_counters(const struct vhost_queue *queue);

/**
 * vhost_queue_fault_name() - what was wrong with a ring, for people
 * @fault: enum queue_fault
 */
const char *vhost_queue_fault_name(uint16_t fault);

#endif
