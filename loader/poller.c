// SPDX-License-Identifier: GPL-2.0-only
#include "poller.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bpf_util.h"
#include "direct_maps.h"
#include "direct_queue.h"
#include "dispatch.h"
#include "log.h"
#include "ring.h"
#include "sqe.h"
#include "vm.h"

#include "bpf/poller.skel.h"

#define IDLE_MS	     1 /* the thread sleeps after so long, in fact not before a jiffy */
#define REVIVE_TRIES 16

/* A queue's ring: set up when it is first wanted, and kept. */
struct poller_ring {
	int fd;	      /* -1 before */
	int vring_fd; /* map of the vring's pinned pages */
	bool serves;
	struct direct_ring ring; /* where its words are */
	uint32_t cq_next;	 /* next CQE to take, while it does not serve */
};

struct poller {
	struct poller_bpf *skeleton;
	struct bpf_program *program; /* that this kernel takes */
	struct dispatch *dispatch;   /* NULL without vCPU dispatch */
	struct bpf_link *link;	     /* NULL while no queue is served */
	struct vm *vm;
	struct direct_ring_memory *memory; /* [queues], the map's memory */
	size_t memory_bytes;
	int zero_fd;
	int self_fd; /* pidfd of the process, whose value the pages are */
	struct poller_ring rings[DIRECT_QUEUES_MAX];
};

static int load(struct poller *poller, char ret_why[ENGINE_WHY_BYTES])
{
	struct poller_bpf *skeleton = poller_bpf__open();
	int arguments = bpf_complete_arguments(), err;

	if (!skeleton)
		return engine_refuse(ret_why, -errno, "poller program");
	poller->skeleton = skeleton;
	if (arguments < 3)
		return engine_refuse(ret_why, -EOPNOTSUPP, "tracepoint io_uring_complete");
	poller->program =
		arguments == 3 ? skeleton->progs.nvr_complete : skeleton->progs.nvr_complete612;
	bpf_program__set_autoload(arguments == 3 ? skeleton->progs.nvr_complete612
						 : skeleton->progs.nvr_complete,
				  false);
	skeleton->rodata->nvr_tgid = (__u32)getpid();
	err = direct_maps_share(poller->vm->maps, skeleton->obj);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.nvr_rings,
					       poller->vm->options.queues);
	if (!err)
		err = poller_bpf__load(skeleton);
	return err ? engine_refuse(ret_why, err, "the kernel refuses the poller's BPF program") : 0;
}

static int open_all(struct poller *poller, char ret_why[ENGINE_WHY_BYTES])
{
	void *memory;
	int err;

	poller->zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (poller->zero_fd < 0)
		return engine_refuse(ret_why, -errno, "/dev/zero");
	poller->self_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (poller->self_fd < 0)
		return engine_refuse(ret_why, -errno, "pidfd");
	err = load(poller, ret_why);
	if (err)
		return err;
	poller->memory_bytes = poller->vm->options.queues * sizeof(struct direct_ring_memory);
	memory = mmap(NULL, poller->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      bpf_map__fd(poller->skeleton->maps.nvr_rings), 0);
	if (memory == MAP_FAILED)
		return engine_refuse(ret_why, -errno, "ring memory");
	poller->memory = memory;
	return poller->vm->options.vcpu_dispatch ? dispatch_open(poller->vm, poller->skeleton->obj,
								 &poller->dispatch, ret_why)
						 : 0;
}

int poller_open(struct vm *vm, struct poller **ret_poller, char ret_why[ENGINE_WHY_BYTES])
{
	struct poller *poller = calloc(1, sizeof(*poller));
	int err;

	if (!poller)
		return engine_refuse(ret_why, -ENOMEM, "poller");
	poller->vm = vm;
	poller->zero_fd = poller->self_fd = -1;
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		poller->rings[i].fd = poller->rings[i].vring_fd = -1;
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
	bpf_link__destroy(poller->link);
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++) {
		fd_close(poller->rings[i].fd);
		fd_close(poller->rings[i].vring_fd);
	}
	if (poller->memory)
		munmap(poller->memory, poller->memory_bytes);
	poller_bpf__destroy(poller->skeleton);
	fd_close(poller->self_fd);
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
	if (err) {
		fd_close(fd);
		return err;
	}
	ring->fd = fd;
	return 0;
}

/* Where BPF looks for the vring's pages. The kernel takes a while to put a map into another. */
static int make_vring_map(struct poller *poller, uint32_t index)
{
	const struct bpf_map *model = poller->skeleton->maps.nvr_vring;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC,
		    .btf_fd = (__u32)bpf_object__btf_fd(poller->skeleton->obj),
		    .btf_key_type_id = bpf_map__btf_key_type_id(model),
		    .btf_value_type_id = bpf_map__btf_value_type_id(model));
	_cleanup_close_ int fd = -1;

	fd = bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "nvr_vring", sizeof(int),
			    VRING_PAGES * sizeof(void *), 0, &opts);
	if (fd < 0 || bpf_map_update_elem(bpf_map__fd(poller->skeleton->maps.nvr_vrings), &index,
					  &fd, BPF_ANY))
		return -errno;
	poller->rings[index].vring_fd = fd_steal(&fd);
	return 0;
}

int poller_prepare(struct poller *poller, struct vhost_queue *queue, char ret_why[ENGINE_WHY_BYTES])
{
	struct poller_ring *ring = &poller->rings[queue->index];
	int err = 0;

	if (ring->fd < 0)
		err = open_ring(poller, queue->index);
	if (err)
		return engine_refuse(ret_why, err, "SQPOLL ring");
	if (ring->vring_fd < 0)
		err = make_vring_map(poller, queue->index);
	if (err)
		return engine_refuse(ret_why, err, "map of the vring's pages");
	if (poller->link)
		return 0;
	poller->link = bpf_program__attach(poller->program);
	return poller->link ? 0
			    : engine_refuse(ret_why, -errno, "io_uring_complete cannot be hooked");
}

void poller_rest(struct poller *poller)
{
	if (!poller || !poller->link)
		return;
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		if (poller->rings[i].serves)
			return;
	bpf_link__destroy(poller->link);
	poller->link = NULL;
}

/* Pin the vring's pages: a value of this thread's task storage. */
static int pin_vring(const struct poller *poller, const struct vhost_queue *queue)
{
	void *pages[VRING_PAGES];

	direct_queue_window(queue, pages);
	return bpf_map_update_elem(poller->rings[queue->index].vring_fd, &poller->self_fd, pages,
				   BPF_ANY)
		       ? -errno
		       : 0;
}

static void unpin_vring(const struct poller *poller, uint32_t index)
{
	bpf_map_delete_elem(poller->rings[index].vring_fd, &poller->self_fd);
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

static void submit(struct poller *poller, uint32_t index, const struct io_uring_sqe *sqe)
{
	struct direct_queue *direct = &poller->vm->maps->queues[index];

	lock(direct);
	write_sqe(poller, index, sqe);
	unlock(direct);
	ring_wake(poller->rings[index].fd);
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

int poller_start(struct poller *poller, struct vhost_queue *queue, char ret_why[ENGINE_WHY_BYTES])
{
	struct poller_ring *ring = &poller->rings[queue->index];
	struct direct_queue *direct = queue->direct;
	int err;

	err = pin_vring(poller, queue);
	if (err)
		return engine_refuse(ret_why, err, "the vring's pages cannot be pinned for BPF");
	err = ring_update_file(ring->fd, DIRECT_FILE_KICK, queue->kick_fd);
	if (err) {
		unpin_vring(poller, queue->index);
		return engine_refuse(ret_why, err, "doorbell eventfd");
	}
	direct->ring = ring->ring;
	direct->cq_next = direct->cq_seen = ring->cq_next;
	poller_set_call(poller, queue);
	direct->kick_armed = 1;
	ring->serves = true;
	__atomic_store_n(&direct->mode, DIRECT_ON, __ATOMIC_SEQ_CST);
	__atomic_store_n(&direct->poller, 1, __ATOMIC_SEQ_CST);
	arm_kick(poller, queue->index);
	dispatch_start(poller->dispatch, queue);
	/* What came while nobody looked has rung no bell that is heard. */
	eventfd_write(queue->kick_fd, 1);
	return 0;
}

void poller_stop(struct poller *poller, struct vhost_queue *queue)
{
	struct poller_ring *ring = &poller->rings[queue->index];

	dispatch_stop(poller->dispatch, queue);
	direct_queue_drain(queue);
	disarm_kick(poller, queue);
	/* What the ring still completes, a sweep perhaps, is taken when it serves again. */
	__atomic_store_n(&queue->direct->poller, 0, __ATOMIC_SEQ_CST);
	direct_queue_await(queue);
	ring_register_eventfd(ring->fd, -1);
	unpin_vring(poller, queue->index);
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

/*
 * Drop the doorbells from a CQ that is full of them, and with the room have the kernel post what it
 * could not. It posts that without an event, and until then nothing else: BPF is not run again by
 * itself. What is no doorbell fits: a request each, and there is room for more than those.
 */
static void drop_kicks(struct poller *poller, struct direct_queue *direct)
{
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
		direct->state.counters.kicks++;
		if (!(cqe->flags & IORING_CQE_F_MORE))
			direct->kick_armed = 0;
	}
	direct->cq_next = to;
	__atomic_store_n(ring_word(poller, direct->index, ring->cq_head), to, __ATOMIC_RELEASE);
	ring_flush(poller->rings[direct->index].fd);
}

void poller_revive(struct poller *poller, struct vhost_queue *queue)
{
	struct direct_queue *direct = queue->direct;
	const struct io_uring_sqe nop = {
		.opcode = IORING_OP_NOP,
		.user_data = sqe_user_data(SQE_TAG_DIRECT_CANCEL, queue->index, 0),
	};
	bool unseen = true;

	/* The NOP's own completion may come while we hold the queue. */
	for (int i = 0; i < REVIVE_TRIES && unseen; i++) {
		lock(direct);
		if (load_once(ring_word(poller, queue->index, direct->ring.sq_flags)) &
		    IORING_SQ_CQ_OVERFLOW)
			drop_kicks(poller, direct);
		write_sqe(poller, queue->index, &nop);
		unseen = !unlock(direct);
		ring_wake(poller->rings[queue->index].fd);
	}
}

int poller_ring_fd(const struct poller *poller, uint32_t index)
{
	return poller->rings[index].fd;
}
