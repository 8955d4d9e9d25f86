// SPDX-License-Identifier: GPL-2.0-only
#include "worker.h"

#include <bpf/libbpf.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "base/log.h"
#include "base/sigbus.h"
#include "base/thread.h"
#include "base/util.h"
#include "command.h"
#include "direct.h"
#include "sqe.h"
#include "virtqueue.h"
#include "worker_help.h"
#include "worker_io.h"
#include "worker_poll.h"

#define POLLED_SLEEP_NS 1000000 /* sleep while a queue has no kick fd and must be looked at */

static struct vhost_queue *find_queue(struct worker *worker, uint32_t index)
{
	return index < WORKER_QUEUES_MAX ? worker->by_index[index] : NULL;
}

static void kicked(struct worker *worker, uint64_t user_data, uint32_t flags)
{
	struct vhost_queue *queue = find_queue(worker, sqe_queue(user_data));

	if (!queue)
		return;
	queue->counters->kicks++;
	queue->kicked_at = worker_io_clock(worker);
	if (flags & IORING_CQE_F_MORE)
		return;
	queue->kick_armed = false;
	if (!queue->paused)
		worker_poll_kick(worker, queue);
}

static void completed(struct worker *worker, const struct io_uring_cqe *cqe)
{
	uint64_t user_data = cqe->user_data, tag = sqe_tag(user_data);
	struct vhost_queue *queue;

	switch (tag) {
	case SQE_TAG_REQUEST:
	case SQE_TAG_RETRY:
		queue = find_queue(worker, sqe_queue(user_data));
		worker_io_completed(worker, &queue->ios[sqe_head(user_data)], tag, cqe->res);
		break;
	case SQE_TAG_KICK:
		kicked(worker, user_data, cqe->flags);
		break;
	case SQE_TAG_CALLS:
		if (worker->calls && !(cqe->flags & IORING_CQE_F_MORE) && cqe->res >= 0)
			worker_poll_calls(worker);
		if (worker->calls)
			ring_buffer__consume(worker->calls);
		break;
	case SQE_TAG_WAKE:
		if (!(cqe->flags & IORING_CQE_F_MORE))
			worker_poll_wake(worker);
		break;
	default: /* poll removals */
		break;
	}
}

static uint32_t reap(struct worker *worker)
{
	struct io_uring_cqe *cqe;
	uint32_t head, count = 0;

	if (io_uring_cq_ready(&worker->ring))
		worker_io_clock(worker);
	io_uring_for_each_cqe(&worker->ring, head, cqe) {
		completed(worker, cqe);
		count++;
	}
	io_uring_cq_advance(&worker->ring, count);
	return count;
}

static void publish(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->queue_count; i++)
		worker_io_publish(worker->queues[i]);
	for (uint32_t i = 0; i < worker->helped_count; i++)
		worker_help_publish(worker->helped[i]);
}

/* Guest memory was cut short: nothing in it can be trusted. */
static void break_all(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->queue_count; i++)
		virtqueue_break(&worker->queues[i]->state, QUEUE_FAULT_MEMORY_GONE);
	for (uint32_t i = 0; i < worker->helped_count; i++)
		worker_help_break(worker->helped[i], QUEUE_FAULT_MEMORY_GONE);
}

/*
 * Submit what was built and let the kernel run the completions it holds for us: one system call
 * for both, or none.
 */
static void enter(struct worker *worker)
{
	if (io_uring_sq_ready(&worker->ring))
		io_uring_submit_and_get_events(&worker->ring);
	else if (ring_needs_enter(&worker->ring))
		io_uring_get_events(&worker->ring);
}

/* What doorbells announced, or a request that is followed, is submitted by now. */
static void time_kicks(struct worker *worker)
{
	if (!worker->kicked)
		return;
	worker->kicked = false;
	worker->now = clock_ns(CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < worker->queue_count; i++) {
		struct vhost_queue *queue = worker->queues[i];

		if (queue->kicked_at)
			stats_time(&queue->stats->kick_latency, queue->kicked_at, worker->now);
		if (queue->stats->trace.active)
			trace_submitted(&queue->stats->trace, worker->now);
		queue->kicked_at = 0;
	}
}

static bool turn(struct worker *worker)
{
	uint32_t work, count = worker->queue_count;

	worker->now = 0;
	work = reap(worker);

	/* Before new requests are parsed and submitted: the guest waits for these. */
	if (work)
		publish(worker);
	if (sigbus_seen())
		break_all(worker);
	/* In turns: what a limit has left goes to the first that has something waiting. */
	if (++worker->first >= count)
		worker->first = 0;
	for (uint32_t i = worker->first; i < count; i++)
		work += worker_io_serve(worker, worker->queues[i]);
	for (uint32_t i = 0; i < worker->first; i++)
		work += worker_io_serve(worker, worker->queues[i]);
	enter(worker);
	time_kicks(worker);
	publish(worker);
	return work || io_uring_cq_ready(&worker->ring);
}

static void answer_call(struct worker *worker)
{
	struct worker_call *call = atomic_load_explicit(&worker->call, memory_order_acquire);

	worker->call_waits = call && !call->run(worker, call);
	if (!call || worker->call_waits)
		return;
	pthread_mutex_lock(&worker->lock);
	atomic_store(&worker->call, NULL);
	pthread_cond_signal(&worker->called);
	pthread_mutex_unlock(&worker->lock);
}

/* Requests wait, or the ring was just found broken and nobody was told yet. */
static bool wants_service(struct vhost_queue *queue)
{
	if (queue->paused || worker_io_turn(queue))
		return false;
	return virtqueue_pending(&queue->state, &queue->vring) ||
	       (queue->state.flags & QUEUE_BROKEN && !queue->fault_reported);
}

/* When an interrupt that is held has to go, UINT64_MAX where none is. */
static uint64_t held_until(const struct worker *worker)
{
	uint64_t until = UINT64_MAX;

	for (uint32_t i = 0; i < worker->queue_count; i++)
		if (coalesce_holds(&worker->queues[i]->coalesce))
			until = min(until, worker->queues[i]->coalesce.moderation.until_ns);
	return until;
}

static bool anything_new(struct worker *worker)
{
	if (io_uring_cq_ready(&worker->ring) || ring_needs_enter(&worker->ring))
		return true;
	if (!worker->call_waits && atomic_load_explicit(&worker->call, memory_order_relaxed))
		return true;
	for (uint32_t i = 0; i < worker->queue_count; i++)
		if (wants_service(worker->queues[i]))
			return true;
	return false;
}

static bool spin(struct worker *worker)
{
	uint64_t time = spin_time(&worker->spin), end, now, held = held_until(worker);

	if (!time)
		return false;
	end = clock_ns(CLOCK_MONOTONIC) + time;
	do {
		for (int i = 0; i < 16; i++) {
			if (anything_new(worker))
				return true;
			__builtin_ia32_pause();
		}
		now = clock_ns(CLOCK_MONOTONIC);
		if (now >= held)
			return true;
	} while (now < end);
	return false;
}

/*
 * Ask for doorbells on every queue; true when one need not be waited for. A queue that waits for
 * its turn needs none: @ret_turn is when the first of these has it.
 */
static bool kicks_on(struct worker *worker, bool *ret_polled, uint64_t *ret_turn)
{
	bool pending = false;
	uint64_t turn;

	*ret_polled = false;
	*ret_turn = UINT64_MAX;
	for (uint32_t i = 0; i < worker->queue_count; i++) {
		struct vhost_queue *queue = worker->queues[i];

		if (queue->paused)
			continue;
		turn = worker_io_turn(queue);
		if (turn) {
			*ret_turn = min(*ret_turn, turn);
			continue;
		}
		*ret_polled |= queue->kick_fd < 0;
		virtqueue_kicks_on(&queue->state, &queue->vring);
		pending |= wants_service(queue);
	}
	return pending;
}

static void kicks_off(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->queue_count; i++)
		virtqueue_kicks_off(&worker->queues[i]->state, &worker->queues[i]->vring);
}

/* How long until queues that BPF serves are to be looked after, UINT64_MAX when none needs that. */
static uint64_t next_sweep(const struct worker *worker)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < worker->helped_count; i++)
		next = min(next, worker_help_interval(worker->helped[i]));
	return next;
}

/* Look after them, if it is time; as above. */
static uint64_t sweep(struct worker *worker)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), next = next_sweep(worker);

	if (next == UINT64_MAX || now - worker->swept_ns < next)
		return next;
	for (uint32_t i = 0; i < worker->helped_count; i++)
		worker_help_sweep(worker->helped[i]);
	worker->swept_ns = now;
	return next;
}

static void sleep_until_event(struct worker *worker)
{
	uint64_t start, turn, longest = sweep(worker), held = held_until(worker);
	struct __kernel_timespec limit;
	struct io_uring_cqe *cqe;
	bool polled;

	if (!kicks_on(worker, &polled, &turn)) {
		start = clock_ns(CLOCK_MONOTONIC);
		if (polled)
			longest = POLLED_SLEEP_NS;
		if (turn != UINT64_MAX)
			longest = min(longest, turn > start ? turn - start : 0);
		if (held != UINT64_MAX)
			longest = min(longest, held > start ? held - start : 0);
		limit.tv_sec = (long long)(longest / 1000000000);
		limit.tv_nsec = (long long)(longest % 1000000000);
		io_uring_submit_and_wait_timeout(&worker->ring, &cqe, 1,
						 longest == UINT64_MAX ? NULL : &limit, NULL);
		spin_slept(&worker->spin, clock_ns(CLOCK_MONOTONIC) - start);
	}
	kicks_off(worker);
}

/*
 * The NVMe driver asks in_compat_syscall() whether a command's addresses have 32 bits, and on a
 * kernel for x32 that looks at the number of the system call its thread is in. What cannot be
 * started at once is left to a thread of io-wq, which has that number from ours, as it was when the
 * thread was made: -1, with all bits set, where a tick had interrupted us, and then all its
 * commands fail with EFAULT. So it is made now, in a system call, and stays the only one.
 */
static int keep_wide_addresses(const struct worker *worker)
{
	return worker->backend->disk.kind == DISK_NVME ? ring_keep_thread() : 0;
}

static int thread_open(struct worker *worker)
{
	size_t bounce = (size_t)WORKER_BOUNCE_BUFFERS * COMMAND_BOUNCE_BYTES;
	int err;

	/* Untouched pages cost nothing: most workers never bounce. */
	worker->bounce_memory = mmap(NULL, bounce, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (worker->bounce_memory == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i < WORKER_BOUNCE_BUFFERS; i++)
		worker->bounce_free[i] = worker->bounce_memory + (size_t)i * COMMAND_BOUNCE_BYTES;
	worker->bounce_count = WORKER_BOUNCE_BUFFERS;
	worker->waiting_tail = &worker->waiting;
	err = ring_open(WORKER_RING_ENTRIES, worker->backend->disk.kind == DISK_NVME,
			worker->backend->fd, &worker->ring);
	if (!err) {
		err = keep_wide_addresses(worker);
		if (err)
			io_uring_queue_exit(&worker->ring);
	}
	if (err) {
		munmap(worker->bounce_memory, bounce);
		return err;
	}
	worker_poll_wake(worker);
	return 0;
}

static void thread_close(struct worker *worker)
{
	io_uring_queue_exit(&worker->ring);
	munmap(worker->bounce_memory, (size_t)WORKER_BOUNCE_BUFFERS * COMMAND_BOUNCE_BYTES);
}

static void *thread_main(void *argument)
{
	struct worker *worker = argument;
	int err;

	thread_name("nvring/w%u", worker->index);
	err = thread_open(worker);
	pthread_mutex_lock(&worker->lock);
	worker->start_result = err;
	worker->started = true;
	pthread_cond_signal(&worker->called);
	pthread_mutex_unlock(&worker->lock);
	if (err)
		return NULL;
	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		bool busy = turn(worker);

		answer_call(worker);
		if (!busy && !spin(worker))
			sleep_until_event(worker);
	}
	thread_close(worker);
	return NULL;
}

static void nudged(int signal_number)
{
	(void)signal_number;
}

static int spawn(struct worker *worker)
{
	int err;

	err = pthread_create(&worker->thread, NULL, thread_main, worker);
	if (err)
		return -err;
	thread_pin(worker->thread, worker->cpu);
	pthread_mutex_lock(&worker->lock);
	while (!worker->started)
		pthread_cond_wait(&worker->called, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
	if (worker->start_result)
		pthread_join(worker->thread, NULL);
	return worker->start_result;
}

int worker_start(struct worker *worker)
{
	/* Without SA_RESTART, on purpose. */
	const struct sigaction nudge = { .sa_handler = nudged };
	int err;

	sigaction(WORKER_NUDGE, &nudge, NULL);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake_fd < 0)
		return -errno;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->called, NULL);
	err = spawn(worker);
	if (err) {
		worker->wake_fd = fd_close(worker->wake_fd);
		worker->started = false;
	}
	return err;
}

void worker_stop(struct worker *worker)
{
	if (!worker->started)
		return;
	atomic_store(&worker->stop, true);
	eventfd_write(worker->wake_fd, 1);
	pthread_join(worker->thread, NULL);
	worker->wake_fd = fd_close(worker->wake_fd);
	worker->started = false;
}
