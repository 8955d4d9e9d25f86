// SPDX-License-Identifier: GPL-2.0-only
#include "worker_io.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "completion.h"
#include "direct.h"
#include "dirty_log.h"
#include "notify.h"
#include "sqe.h"
#include "used.h"
#include "vm.h"
#include "worker_help.h"

_Static_assert(sizeof(struct segment) == sizeof(struct iovec), "the kernel reads it as iovec");
_Static_assert(offsetof(struct segment, addr) == offsetof(struct iovec, iov_base), "likewise");
_Static_assert(sizeof(((struct io *)0)->delay) == sizeof(struct __kernel_timespec), "likewise");

#define RETRY_DELAY_MS 100 /* doubled each time: 3.1 s in all, a controller reset's time */

/* Copy between a bounce buffer and the segments the command covers. */
static void bounce_copy(const struct request *request, char *bounce, uint64_t bytes, bool to_guest)
{
	for (uint32_t i = request->first; bytes && i < request->end; i++) {
		const struct segment *segment = &request->chain.segment[i];
		uint32_t now = (uint32_t)min(bytes, (uint64_t)segment->len);

		if (to_guest)
			guest_write(segment->addr, bounce, now);
		else
			guest_read(bounce, segment->addr, now);
		bounce += now;
		bytes -= now;
	}
}

/* Get the buffer the command needs; false when it has to wait for one. */
static bool bounce_get(struct worker *worker, struct io *io)
{
	struct request *request = &io->request;
	struct command *command = &request->command;

	if (!io->bounce) {
		if (!worker->bounce_count) {
			io->next = NULL;
			*worker->waiting_tail = io;
			worker->waiting_tail = &io->next;
			return false;
		}
		io->bounce = worker->bounce_free[--worker->bounce_count];
		if (command->op == COMMAND_WRITE)
			bounce_copy(request, io->bounce, command->bytes, false);
		else if (command->op == COMMAND_WRITE_ZERO_BUFFER)
			memset(io->bounce, 0, command->bytes);
		io->queue->counters->bounced++;
	}
	command->addr = (uintptr_t)io->bounce;
	command->count = 1;
	return true;
}

static void send_command(struct worker *worker, struct io *io)
{
	struct vhost_queue *queue = io->queue;
	struct request *request = &io->request;
	struct command *command = &request->command;
	struct io_uring_sqe *sqe;

	if (!io->started)
		io->started = worker_io_clock(worker);
	if ((command->flags & COMMAND_BOUNCE || command->op == COMMAND_WRITE_ZERO_BUFFER) &&
	    !bounce_get(worker, io))
		return;
	sqe = ring_sqe(&worker->ring);
	sqe_fill(&worker->backend->disk, command,
		 sqe_user_data(SQE_TAG_REQUEST, queue->index, request->head), sqe);
	sqe_use_buffer(worker->memory, &worker->backend->disk, command, sqe);
	queue->counters->commands++;
}

/* A buffer is free: the oldest waiter gets it. */
static void bounce_put(struct worker *worker, struct io *io)
{
	struct io *waiter = worker->waiting;

	worker->bounce_free[worker->bounce_count++] = steal_pointer(&io->bounce);
	if (!waiter)
		return;
	worker->waiting = waiter->next;
	if (!worker->waiting)
		worker->waiting_tail = &worker->waiting;
	send_command(worker, waiter);
}

static void send_later(struct worker *worker, struct io *io)
{
	uint64_t ms = (uint64_t)RETRY_DELAY_MS << (io->request.retries - 1);
	struct io_uring_sqe *sqe = ring_sqe(&worker->ring);

	io->delay.seconds = (int64_t)(ms / 1000);
	io->delay.nanoseconds = (int64_t)(ms % 1000) * 1000000;
	io_uring_prep_timeout(sqe, (struct __kernel_timespec *)&io->delay, 0, 0);
	io_uring_sqe_set_data64(sqe,
				sqe_user_data(SQE_TAG_RETRY, io->queue->index, io->request.head));
	io->queue->counters->retries++;
}

/* The request is over: status byte, used entry, books. */
static void finish(struct worker *worker, struct io *io)
{
	struct vhost_queue *queue = io->queue;
	struct request *request = &io->request;
	struct queue_counters *counters = queue->counters;

	guest_write(request->status_addr, &request->status, 1);
	dirty_log_request(&queue->vm->log, worker->memory, request);
	if (request->status != VIRTIO_BLK_S_OK)
		counters->errors++;
	else if (request->type == VIRTIO_BLK_T_IN)
		counters->bytes_read += request->data_len;
	else if (request->type == VIRTIO_BLK_T_OUT)
		counters->bytes_written += request->data_len;
	io->busy = false;
	if (queue->direct) {
		worker_help_return(queue, request);
		return;
	}
	used_push(&queue->state, &queue->vring, request->head, request->used_len);
	/* What never left took no time that the clock would tell. */
	stats_latency(queue->stats, request->type, io->started,
		      io->started ? worker_io_clock(worker) : 0);
	if (trace_follows(&queue->stats->trace, request->head))
		queue->stats->trace.now.completed_at = worker_io_clock(worker);
	if (!queue->owed_at)
		queue->owed_at = worker->now;
	queue->batch[queue->batch_count++] = request->head;
	inflight_put(queue->inflight, request->head);
}

static void drive(struct worker *worker, struct io *io, enum command_step step)
{
	switch (step) {
	case COMMAND_SEND:
		send_command(worker, io);
		break;
	case COMMAND_AGAIN:
		send_later(worker, io);
		break;
	case COMMAND_DONE:
		finish(worker, io);
		break;
	case COMMAND_ELSEWHERE: /* only BPF has an elsewhere */
		assert(false);
	}
}

/* What the device refused for good; the guest may ask for it again and again. */
static void report_failure(struct worker *worker, const struct io *io, int result)
{
	const struct command *command = &io->request.command;
	char why[64];

	if (io->request.status != VIRTIO_BLK_S_IOERR || !log_limit_pass(&worker->failures))
		return;
	if (result > 0 && worker->backend->disk.kind == DISK_NVME)
		snprintf(why, sizeof(why), "NVMe status %#x", (unsigned int)result);
	else
		snprintf(why, sizeof(why), "%s", result ? strerror(-result) : "the file has ended");
	log_warn("queue %u: %s of %llu bytes at byte %llu failed: %s", io->queue->index,
		 command->op == COMMAND_READ	? "a read"
		 : command->op == COMMAND_WRITE ? "a write"
						: "a command",
		 (unsigned long long)command->bytes, (unsigned long long)command->offset, why);
}

void worker_io_completed(struct worker *worker, struct io *io, uint64_t tag, int result)
{
	struct request *request = &io->request;
	const struct command *command = &request->command;
	enum command_step step;

	if (tag == SQE_TAG_RETRY) {
		send_command(worker, io);
		return;
	}
	if (io->bounce && command->op == COMMAND_READ && result > 0)
		bounce_copy(request, io->bounce, min((uint64_t)result, command->bytes), true);
	dirty_log_command(&io->queue->vm->log, worker->memory, request);
	step = command_completed(&worker->backend->disk, request, result);
	if (step == COMMAND_DONE)
		report_failure(worker, io, result);
	if (io->bounce && step != COMMAND_AGAIN)
		bounce_put(worker, io);
	drive(worker, io, step);
}

void worker_io_report(struct vhost_queue *queue)
{
	uint64_t one = 1;

	if (queue->fault_reported)
		return;
	queue->fault_reported = true;
	log_error("queue %u: stopped, %s; reset the device in the guest to go on", queue->index,
		  vhost_queue_fault_name(queue->state.fault));
	if (queue->err_fd >= 0 && write(queue->err_fd, &one, sizeof(one)) < 0)
		log_warn("queue %u: error eventfd: %m", queue->index);
}

/* Read the request at @head; false when the queue broke. */
static bool parse(struct worker *worker, struct vhost_queue *queue, uint16_t head)
{
	struct io *io = &queue->ios[head];

	if (request_parse(&queue->state, &queue->vring, worker->memory, &worker->backend->disk,
			  head, &worker->table, &io->request))
		return false;
	io->queue = queue;
	io->request.self = (uintptr_t)&io->request;
	io->bounce = NULL;
	return true;
}

/* Set going what was read. */
static void go(struct worker *worker, struct io *io)
{
	enum command_step step = COMMAND_DONE;

	io->busy = true;
	io->started = 0;
	if (io->request.status == REQUEST_STATUS_PENDING)
		step = command_next(&worker->backend->disk, &io->request);
	drive(worker, io, step);
}

/* Whether the request at @head is to wait for its turn. */
static bool waits(struct vhost_queue *queue, uint16_t head)
{
	const struct request *request = &queue->ios[head].request;
	struct limits *limits = load_once(&queue->vm->limits);
	struct request_weight weight;

	if (!load_once(&limits->on) || request->status != REQUEST_STATUS_PENDING)
		return false;
	weight = request_weight(request);
	return !limit_start(limits, &queue->state.limit, clock_ns(CLOCK_MONOTONIC),
			    (int)weight.write, weight.bytes);
}

/* A request that was taken before anything was known of it: those to come wait for it. */
static void charge(struct vhost_queue *queue, uint16_t head)
{
	const struct request *request = &queue->ios[head].request;
	struct limits *limits = load_once(&queue->vm->limits);
	struct request_weight weight;
	uint64_t now, until;

	if (!load_once(&limits->on) || request->status != REQUEST_STATUS_PENDING)
		return;
	weight = request_weight(request);
	now = clock_ns(CLOCK_MONOTONIC);
	until = limit_charge(limits, now, (int)weight.write, weight.bytes);
	if (queue->direct)
		store_once(&queue->direct->debt_until, until);
	else
		limit_owes(&queue->state.limit, now, until);
}

/* What is known of a request that is followed, once it was read. */
static void describe(struct trace *trace, const struct request *request)
{
	trace->now.type = request->type;
	trace->now.sector = request->sector;
	trace->now.bytes = (uint32_t)request->data_len;
}

bool worker_io_start(struct worker *worker, struct vhost_queue *queue, uint16_t head)
{
	if (!parse(worker, queue, head))
		return false;
	if (trace_follows(&queue->stats->trace, head))
		describe(&queue->stats->trace, &queue->ios[head].request);
	if (!queue->direct->slot[head].paid)
		charge(queue, head);
	go(worker, &queue->ios[head]);
	return true;
}

static void follow(struct worker *worker, struct vhost_queue *queue, uint16_t head)
{
	struct trace *trace = &queue->stats->trace;

	trace_begin(trace, head, queue->kicked_at, worker_io_clock(worker));
	if (!trace_follows(trace, head))
		return;
	describe(trace, &queue->ios[head].request);
	worker->kicked = true;
}

/* Start what was read at @head, which is in our hands from now on. */
static void start(struct worker *worker, struct vhost_queue *queue, uint16_t head)
{
	inflight_take(queue->inflight, head, queue->inflight_counter++);
	queue->state.in_flight++;
	if (load_once(&queue->stats->trace.every))
		follow(worker, queue, head);
	go(worker, &queue->ios[head]);
}

/* Take the next request and start it; false when there is none to start any more. */
static bool take(struct worker *worker, struct vhost_queue *queue)
{
	int head = virtqueue_take(&queue->state, &queue->vring);

	if (head < 0)
		return false;
	if (queue->ios[head].busy) {
		virtqueue_break(&queue->state, QUEUE_FAULT_HEAD_BUSY);
		return false;
	}
	if (!parse(worker, queue, (uint16_t)head))
		return false;
	if (waits(queue, (uint16_t)head)) {
		virtqueue_untake(&queue->state);
		return false;
	}
	start(worker, queue, (uint16_t)head);
	return true;
}

uint64_t worker_io_turn(const struct vhost_queue *queue)
{
	const struct limit_share *share = &queue->state.limit;

	if (!share->until ||
	    !limit_waits(load_once(&queue->vm->limits), share, clock_ns(CLOCK_MONOTONIC)))
		return 0;
	return share->until;
}

/* Whether nothing is to be started for now. */
static bool held(struct vhost_queue *queue)
{
	struct limits *limits = load_once(&queue->vm->limits);
	struct limit_share *share = &queue->state.limit;

	return limit_applies(limits, share) &&
	       limit_holds(limits, share, clock_ns(CLOCK_MONOTONIC));
}

uint32_t worker_io_serve(struct worker *worker, struct vhost_queue *queue)
{
	struct queue_state *state = &queue->state;
	uint16_t pending = 0, taken = 0, from = state->last_avail;

	if (!queue->paused && !held(queue))
		pending = virtqueue_pending(state, &queue->vring);
	while (taken < pending && take(worker, queue))
		taken++;
	queue->counters->requests += (uint16_t)(state->last_avail - from);
	if (state->last_avail == from)
		queue->kicked_at = 0;
	else if (queue->kicked_at)
		worker->kicked = true;
	if (state->flags & QUEUE_BROKEN)
		worker_io_report(queue);
	return taken;
}

void worker_io_resubmit(struct worker *worker, struct vhost_queue *queue, const uint16_t *heads,
			uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		if (!parse(worker, queue, heads[i])) {
			inflight_drop(queue->inflight, heads[i]);
			break;
		}
		charge(queue, heads[i]);
		start(worker, queue, heads[i]);
		queue->counters->resubmitted++;
	}
	if (queue->state.flags & QUEUE_BROKEN)
		worker_io_report(queue);
	/* The batch has room for one turn's heads, and these may all have been answered at once. */
	worker_io_publish(queue);
}

/* Whether the interrupt for what was published can wait. A vCPU that is halted cannot be seen from
 * here, so all are taken for that. */
static bool holds(struct vhost_queue *queue)
{
	struct queue_state *state = &queue->state;
	struct coalesce *coalesce = &queue->coalesce;
	uint32_t unseen = coalesce_unseen(coalesce, state, &queue->vring);
	bool begins = !coalesce_holds(coalesce);
	enum coalesce_how how;

	if (!coalesce_applies(coalesce, state, unseen)) {
		coalesce_rest(coalesce);
		return false;
	}
	how = coalesce_ask(coalesce, state, worker_io_clock(queue->worker), unseen);
	if (how == COALESCE_SHORT && load_once(&queue->vm->options.wake_halted)) {
		coalesce_not(coalesce);
		return false;
	}
	coalesce_count(queue->counters, how, begins);
	return how != COALESCE_NOT;
}

/* Interrupt the guest for what was published, if it wants that. */
static void tell(struct vhost_queue *queue)
{
	struct worker *worker = queue->worker;
	struct trace *trace = &queue->stats->trace;
	uint64_t one = 1, owed_at = queue->owed_at;
	bool wanted = notify_wanted(&queue->state, &queue->vring) && queue->call_fd >= 0;

	queue->owed_at = 0;
	trace_told(trace, wanted);
	if (!wanted)
		return;
	queue->counters->interrupts++;
	if (write(queue->call_fd, &one, sizeof(one)) < 0 && errno != EAGAIN && errno != EINTR)
		log_warn("queue %u: call eventfd: %m", queue->index);
	worker->now = clock_ns(CLOCK_MONOTONIC); /* that took a while */
	stats_time(&queue->stats->interrupt_latency, owed_at ? owed_at : worker->now, worker->now);
	trace_interrupted(trace, worker->now);
}

void worker_io_publish(struct vhost_queue *queue)
{
	struct queue_state *state = &queue->state;
	uint16_t count = state->used_idx - state->published;
	struct trace *trace = &queue->stats->trace;

	if (!count && !coalesce_holds(&queue->coalesce))
		return;
	if (count) {
		queue->counters->completed += count; /* before the driver sees them */
		used_publish(state, &queue->vring);
		dirty_log_used(&queue->vm->log, queue);
		inflight_publish(queue->inflight, queue->batch, queue->batch_count,
				 state->published);
		queue->batch_count = 0;
		if (trace->active && trace->now.completed_at)
			trace->now.published_at = clock_ns(CLOCK_MONOTONIC);
	}
	if (!holds(queue))
		tell(queue);
}
