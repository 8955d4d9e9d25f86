// SPDX-License-Identifier: GPL-2.0-only
#include "poller.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/log.h"
#include "direct_maps.h"
#include "direct_queue.h"
#include "dispatch.h"
#include "pinned_memory.h"
#include "poller_program.h"
#include "poller_vring.h"
#include "ring.h"
#include "sqe.h"
#include "vm.h"

#define IDLE_MS	     1 /* the thread sleeps after so long, in fact not before a jiffy */
#define REVIVE_TRIES 16

/* A queue's ring: set up when it is first wanted, and kept. */
struct poller_ring {
	int fd; /* -1 before */
	bool serves;
	struct direct_ring ring; /* where its words are */
	uint32_t cq_next;	 /* next CQE to take, while it does not serve */
};

struct poller {
	struct poller_program program;
	struct poller_vrings vrings;
	struct dispatch *dispatch; /* NULL without vCPU dispatch */
	struct vm *vm;
	struct direct_ring_memory *memory; /* [queues], the map's memory */
	size_t memory_bytes;
	int zero_fd;
	struct poller_ring rings[DIRECT_QUEUES_MAX];
};

static int open_all(struct poller *poller, char ret_why[WHY_BYTES])
{
	struct vm *vm = poller->vm;
	void *memory;
	int err;

	poller->zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (poller->zero_fd < 0)
		return why_refuse(ret_why, -errno, "/dev/zero");
	err = poller_program_open(vm, &poller->program, ret_why);
	if (err)
		return err;
	poller->memory_bytes = vm->options.queues * sizeof(struct direct_ring_memory);
	memory = mmap(NULL, poller->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      poller->program.fd[LOAD_POLLER_RINGS], 0);
	if (memory == MAP_FAILED)
		return why_refuse(ret_why, -errno, "ring memory");
	poller->memory = memory;
	err = poller_vrings_open(&poller->program, vm->options.queues, &poller->vrings);
	if (err)
		return why_refuse(ret_why, err, "memory of vrings");
	return vm->options.vcpu_dispatch ? dispatch_open(vm, &poller->dispatch, ret_why) : 0;
}

int poller_open(struct vm *vm, struct poller **ret_poller, char ret_why[WHY_BYTES])
{
	struct poller *poller = calloc(1, sizeof(*poller));
	int err;

	if (!poller)
		return why_refuse(ret_why, -ENOMEM, "poller");
	poller->vm = vm;
	poller->zero_fd = -1;
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		poller->rings[i].fd = -1;
	err = open_all(poller, ret_why);
	if (err) {
		poller_close(poller);
		return err;
	}
	*ret_poller = poller;
	return 0;
}

void poller_close(struct poller *poller)
{
	if (!poller)
		return;
	dispatch_close(poller->dispatch);
	poller_program_detach(&poller->program);
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		fd_close(poller->rings[i].fd);
	if (poller->memory)
		munmap(poller->memory, poller->memory_bytes);
	poller_vrings_close(&poller->vrings);
	poller_program_close(&poller->program);
	fd_close(poller->zero_fd);
	free(poller);
}

/* Any ring of ours, whose thread a new one is to share; -1 when this is the first. */
static int thread_of(const struct poller *poller)
{
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		if (poller->rings[i].fd >= 0)
			return poller->rings[i].fd;
	return -1;
}

/*
 * A queue's ring is set up once and kept while the poller is: the kernel may write to its memory
 * for a while after it is closed.
 */
static int open_ring(struct poller *poller, uint32_t index)
{
	struct direct_ring_memory *memory = &poller->memory[index];
	const int files[DIRECT_FILE_COUNT] = { poller->vm->backend.fd, poller->zero_fd, -1, -1 };
	struct poller_ring *ring = &poller->rings[index];
	struct ring_layout layout = {
		.sq_entries = DIRECT_SQ_ENTRIES,
		.cq_entries = DIRECT_CQ_ENTRIES,
		.sq_memory = &memory->sq,
		.ring_memory = &memory->cq,
		.idle_ms = IDLE_MS,
		.cpu = poller->vm->options.cpus[0],
		.thread_of = thread_of(poller),
	};
	int fd, err;

	fd = ring_open_poller(&layout, &ring->ring);
	if (fd < 0)
		return fd;
	err = ring_register_files(fd, files, DIRECT_FILE_COUNT);
	if (!err)
		err = pinned_memory_share(poller->vm->pinned, fd);
	if (err) {
		fd_close(fd);
		return err;
	}
	ring->fd = fd;
	return 0;
}

int poller_prepare(struct poller *poller, struct vhost_queue *queue, char ret_why[WHY_BYTES])
{
	struct poller_ring *ring = &poller->rings[queue->index];
	int err = 0;

	if (ring->fd < 0)
		err = open_ring(poller, queue->index);
	if (err)
		return why_refuse(ret_why, err, "SQPOLL ring");
	err = poller_vring_prepare(&poller->vrings, queue, ret_why);
	return err ? err : poller_program_attach(&poller->program, ret_why);
}

int poller_use_memory(struct poller *poller)
{
	int err = 0;

	for (uint32_t i = 0; poller && i < DIRECT_QUEUES_MAX && !err; i++)
		if (poller->rings[i].fd >= 0)
			err = pinned_memory_share(poller->vm->pinned, poller->rings[i].fd);
	return err;
}

void poller_rest(struct poller *poller)
{
	if (!poller)
		return;
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		if (poller->rings[i].serves)
			return;
	poller_program_detach(&poller->program);
}

/* Keep BPF from a queue for a moment. Its runs are short, and nothing interrupts them. */
static void lock(struct direct_queue *direct)
{
	while (__atomic_fetch_or(&direct->lock, DIRECT_HELD, __ATOMIC_ACQUIRE) & DIRECT_HELD)
		sched_yield();
}

/* Let BPF at it again; false when events came meanwhile, which are as good as missed. */
static bool unlock(struct direct_queue *direct)
{
	return !(__atomic_exchange_n(&direct->lock, 0, __ATOMIC_RELEASE) & DIRECT_AGAIN);
}

static uint32_t *ring_word(struct poller *poller, uint32_t index, uint32_t offset)
{
	return (uint32_t *)&poller->memory[index].cq.byte[offset];
}

/* Write an SQE; the queue is locked. */
static void write_sqe(struct poller *poller, uint32_t index, const struct io_uring_sqe *sqe)
{
	const struct direct_ring *ring = &poller->rings[index].ring;
	uint32_t *tail = ring_word(poller, index, ring->sq_tail);
	uint32_t used = *tail - load_once(ring_word(poller, index, ring->sq_head));
	uint8_t *to = &poller->memory[index]
			       .sq.byte[(*tail & (DIRECT_SQ_ENTRIES - 1)) * DIRECT_SQE_BYTES];

	if (used >= DIRECT_SQ_ENTRIES)
		return;
	memset(to, 0, DIRECT_SQE_BYTES);
	memcpy(to, sqe, sizeof(*sqe));
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

/*
 * Drop the doorbells from a CQ that is full of them, and with the room have the kernel post what it
 * could not. It posts that without an event, and until then nothing else: BPF is not run again by
 * itself. What is no doorbell fits: a request each, and there is room for more than those.
 */
static void drop_kicks(struct poller *poller, struct direct_queue *direct)
{
	struct queue_stats *stats = poller->vm->queues[direct->index].stats;
	const struct direct_ring *ring = &direct->ring;
	uint32_t tail =
		__atomic_load_n(ring_word(poller, direct->index, ring->cq_tail), __ATOMIC_ACQUIRE);
	uint8_t *cqes = &poller->memory[direct->index].cq.byte[ring->cqes];
	uint32_t to = tail;

	for (uint32_t at = tail; at != direct->cq_next;) {
		uint8_t *from = &cqes[(--at & (DIRECT_CQ_ENTRIES - 1)) * DIRECT_CQE_BYTES];
		const struct io_uring_cqe *cqe = (void *)from;

		if (sqe_tag(cqe->user_data) != SQE_TAG_DIRECT_KICK) {
			memmove(&cqes[(--to & (DIRECT_CQ_ENTRIES - 1)) * DIRECT_CQE_BYTES], from,
				DIRECT_CQE_BYTES);
			continue;
		}
		stats->counters.kicks++;
		if (!(cqe->flags & IORING_CQE_F_MORE)) {
			direct->kick_armed = 0;
			stats->direct.polls++;
		}
	}
	direct->cq_next = to;
	__atomic_store_n(ring_word(poller, direct->index, ring->cq_head), to, __ATOMIC_RELEASE);
	ring_flush(poller->rings[direct->index].fd);
}

/* Have an SQE submitted; false when events came meanwhile, which are as good as missed. */
static bool submit(struct poller *poller, uint32_t index, const struct io_uring_sqe *sqe)
{
	struct direct_queue *direct = &poller->vm->maps->queues[index];
	bool seen;

	lock(direct);
	if (load_once(ring_word(poller, index, direct->ring.sq_flags)) & IORING_SQ_CQ_OVERFLOW)
		drop_kicks(poller, direct);
	write_sqe(poller, index, sqe);
	seen = unlock(direct);
	ring_wake(poller->rings[index].fd);
	return seen;
}

void poller_revive(struct poller *poller, struct vhost_queue *queue)
{
	const struct io_uring_sqe nop = {
		.opcode = IORING_OP_NOP,
		.user_data = sqe_user_data(SQE_TAG_DIRECT_CANCEL, queue->index, 0),
	};

	/* The NOP's own completion may come while we hold the queue. */
	for (int i = 0; i < REVIVE_TRIES && !submit(poller, queue->index, &nop); i++)
		;
}

static void arm_kick(struct poller *poller, uint32_t index)
{
	const struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_ADD,
		.flags = IOSQE_FIXED_FILE,
		.fd = DIRECT_FILE_KICK,
		.len = IORING_POLL_ADD_MULTI,
		.poll32_events = POLLIN,
		.user_data = sqe_user_data(SQE_TAG_DIRECT_KICK, index, 0),
	};

	submit(poller, index, &sqe);
}

/*
 * End the kick poll and see its last CQE. Again and again, as a poll that is being run cannot be
 * removed, and as an event can be missed.
 */
static void disarm_kick(struct poller *poller, struct vhost_queue *queue)
{
	struct direct_wait wait = { 0 };
	const struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_REMOVE,
		.flags = IOSQE_CQE_SKIP_SUCCESS,
		.addr = sqe_user_data(SQE_TAG_DIRECT_KICK, queue->index, 0),
		.user_data = sqe_user_data(SQE_TAG_DIRECT_CANCEL, queue->index, 0),
	};

	while (load_once(&queue->direct->kick_armed)) {
		submit(poller, queue->index, &sqe);
		direct_queue_wait(&wait);
	}
}

/* Have BPF finish what is in flight and take nothing new. */
static void drain(struct poller *poller, struct vhost_queue *queue)
{
	struct direct_wait wait = { 0 };

	/* A run that began before this store may still take requests; its lock is seen. */
	__atomic_store_n(&queue->direct->mode, DIRECT_DRAIN, __ATOMIC_SEQ_CST);
	while (direct_queue_busy(queue)) {
		direct_queue_wait(&wait);
		poller_revive(poller, queue);
	}
}

int poller_start(struct poller *poller, struct vhost_queue *queue, char ret_why[WHY_BYTES])
{
	struct poller_ring *ring = &poller->rings[queue->index];
	struct direct_queue *direct = queue->direct;
	int err;

	err = poller_vring_give(&poller->vrings, queue, ret_why);
	if (err)
		return err;
	err = ring_update_file(ring->fd, DIRECT_FILE_KICK, queue->kick_fd);
	if (err) {
		poller_vring_take(&poller->vrings, queue);
		return why_refuse(ret_why, err, "doorbell eventfd");
	}
	direct->ring = ring->ring;
	direct->cq_next = direct->cq_seen = ring->cq_next;
	poller_set_call(poller, queue);
	direct->kick_armed = 1;
	direct->state.limit.chunk = LIMIT_CHUNK_POLLER_NS;
	ring->serves = true;
	__atomic_store_n(&direct->mode, DIRECT_ON, __ATOMIC_SEQ_CST);
	__atomic_store_n(&direct->poller, 1, __ATOMIC_SEQ_CST);
	arm_kick(poller, queue->index);
	dispatch_start(poller->dispatch, queue);
	/* What came while nobody looked has rung no bell that is heard. */
	poller_revive(poller, queue);
	return 0;
}

void poller_stop(struct poller *poller, struct vhost_queue *queue)
{
	struct poller_ring *ring = &poller->rings[queue->index];

	dispatch_stop(poller->dispatch, queue);
	drain(poller, queue);
	disarm_kick(poller, queue);
	/* What the ring still completes, a sweep perhaps, is taken when it serves again. */
	__atomic_store_n(&queue->direct->poller, 0, __ATOMIC_SEQ_CST);
	direct_queue_await(queue);
	ring_register_eventfd(ring->fd, -1);
	poller_vring_take(&poller->vrings, queue);
	ring->cq_next = queue->direct->cq_next;
	ring->serves = false;
}

void poller_set_call(struct poller *poller, struct vhost_queue *queue)
{
	int fd = poller->rings[queue->index].fd, err;
	bool by_sqe;

	ring_register_eventfd(fd, -1);
	/* What is no eventfd is written by an SQE. */
	by_sqe = queue->call_fd >= 0 && ring_register_eventfd(fd, queue->call_fd);
	err = ring_update_file(fd, DIRECT_FILE_CALL, by_sqe ? queue->call_fd : -1);
	store_once(&queue->direct->has_call, by_sqe);
	if (err)
		log_error("queue %u: call file descriptor: %s", queue->index, strerror(-err));
}

int poller_ring_fd(const struct poller *poller, uint32_t index)
{
	return poller->rings[index].fd;
}

void poller_mend(const struct poller *poller, struct vhost_queue *queue)
{
	poller_vring_mend(&poller->vrings, queue);
}
