// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/bpf_util.h"
#include "base/log.h"
#include "base/pins.h"
#include "base/thread.h"
#include "direct_maps.h"
#include "direct_queue.h"
#include "loop_program.h"
#include "pinned_memory.h"
#include "ring.h"
#include "sqe.h"
#include "vm.h"
#include "vring_region.h"

#define STOP_POLL_NS 1000000
#define PIN_PROGRAM  "loop"
#define PIN_LINK     "loop_%u_link"

struct loop {
	struct vhost_queue *queue;
	int link_fd;
	int ring_fd;
	void *region; /* of the vring's pages, VRING_REGION_BYTES, or NULL */
	bool region_ours;
	struct vring_window window; /* where the vring is in it */
	struct direct_ring ring;    /* where the ring's words are */
	int zero_fd;

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool opened;
	bool start, cancel; /* what the control thread wants done next */
	bool ended;	    /* serves no more */
	bool call_changed;  /* queue->call_fd is new: take it over */
	int result;
	char why[WHY_BYTES];
};

int loop_check(char ret_why[WHY_BYTES])
{
	_cleanup_btf_ struct btf *btf = btf__load_vmlinux_btf();

	if (btf && btf__find_by_name_kind(btf, "io_uring_bpf_ops", BTF_KIND_STRUCT) >= 0)
		return 0;
	snprintf(ret_why, WHY_BYTES,
		 "this kernel has no io_uring BPF loops (Linux 7.1, CONFIG_IO_URING_BPF_OPS)");
	return -EOPNOTSUPP;
}

static int open_ring(struct loop *loop)
{
	struct vhost_queue *queue = loop->queue;
	const int files[DIRECT_FILE_COUNT] = {
		[SQE_FILE_DEVICE] = queue->vm->backend.fd,
		[DIRECT_FILE_ZERO] = loop->zero_fd,
		[DIRECT_FILE_KICK] = queue->kick_fd,
		[DIRECT_FILE_CALL] = queue->call_fd,
	};
	int err;

	loop->ring_fd = ring_open_loop(DIRECT_SQ_ENTRIES, DIRECT_CQ_ENTRIES, &loop->ring);
	if (loop->ring_fd < 0)
		return why_refuse(loop->why, loop->ring_fd, "ring");
	err = ring_keep_thread();
	if (err)
		return why_refuse(loop->why, err, "io_uring's thread");
	err = ring_register_files(loop->ring_fd, files, DIRECT_FILE_COUNT);
	if (err)
		return why_refuse(loop->why, err, "ring files");
	err = pinned_memory_share(queue->vm->pinned, loop->ring_fd);
	if (err)
		return why_refuse(loop->why, err, "pinned memory");
	err = ring_register_region(loop->ring_fd, loop->region, VRING_REGION_BYTES);
	return err ? why_refuse(loop->why, err, "the vring cannot be the ring's memory region") : 0;
}

static int attach(struct loop *loop)
{
	int err = ring_set_word(loop->ring_fd, DIRECT_CQ_QUEUE, loop->queue->index);

	if (err)
		return why_refuse(loop->why, err, "the ring's memory");
	loop->link_fd = loop_program_attach(loop->queue->vm->loop_program, loop->ring_fd);
	return loop->link_fd < 0
		       ? why_refuse(loop->why, loop->link_fd, "the ring takes no BPF loop")
		       : 0;
}

static int open_all(struct loop *loop)
{
	int err;

	loop->zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (loop->zero_fd < 0)
		return why_refuse(loop->why, -errno, "/dev/zero");
	err = vring_region_open(loop->queue, &loop->region, &loop->region_ours, &loop->window);
	if (err)
		return why_refuse(loop->why, err, "the vring's pages cannot be had in a row");
	err = open_ring(loop);
	return err ? err : attach(loop);
}

static void close_all(struct loop *loop)
{
	fd_close(loop->link_fd);
	fd_close(loop->ring_fd);
	vring_region_close(loop->region, loop->region_ours);
	fd_close(loop->zero_fd);
}

static void take_call(struct loop *loop)
{
	int fd;

	pthread_mutex_lock(&loop->lock);
	if (loop->call_changed) {
		fd = loop->queue->call_fd;
		if (ring_update_file(loop->ring_fd, DIRECT_FILE_CALL, fd))
			log_error("queue %u: call eventfd: %m", loop->queue->index);
		loop->queue->direct->has_call = fd >= 0;
		loop->call_changed = false;
		pthread_cond_signal(&loop->changed);
	}
	store_once(&loop->queue->direct->pause, 0);
	pthread_mutex_unlock(&loop->lock);
}

/* Say how opening went, and wait for what is to follow: true to serve. */
static bool await_start(struct loop *loop, int err)
{
	bool start;

	pthread_mutex_lock(&loop->lock);
	loop->result = err;
	loop->opened = true;
	pthread_cond_signal(&loop->changed);
	while (!err && !loop->start && !loop->cancel)
		pthread_cond_wait(&loop->changed, &loop->lock);
	start = loop->start;
	pthread_mutex_unlock(&loop->lock);
	return start;
}

/*
 * The kernel runs the steps no more: somebody has detached the program, say. What is in flight then
 * is in nobody's books but the drive's. So this process ends as by a crash: the next one waits for
 * the drive, and does it again.
 */
static void abandon(const struct loop *loop, int err)
{
	log_error(
		"queue %u: its loop was ended: %s; so is this process, and the next one does again "
		"what is in flight",
		loop->queue->index, err ? strerror(-err) : "its BPF program was detached");
	_exit(EXIT_FAILURE);
}

static void serve(struct loop *loop)
{
	struct direct_queue *direct = loop->queue->direct;

	for (;;) {
		int err = ring_enter_loop(loop->ring_fd);
		bool paused = load_once(&direct->pause);

		take_call(loop);
		if (load_once(&direct->mode) != DIRECT_ON && !load_once(&direct->state.in_flight))
			break;
		if (err != -EINTR && (err || !paused))
			abandon(loop, err);
	}
	pthread_mutex_lock(&loop->lock);
	loop->ended = true;
	pthread_cond_signal(&loop->changed);
	pthread_mutex_unlock(&loop->lock);
}

/* The ring is this thread's from set-up to end: IORING_SETUP_SINGLE_ISSUER. */
static void *thread_main(void *argument)
{
	struct loop *loop = argument;

	thread_name("nvring/l%u", loop->queue->index);
	if (await_start(loop, open_all(loop)))
		serve(loop);
	close_all(loop);
	return NULL;
}

/* The first of a VM's loops loads what all of them run. */
static int open_program(struct vm *vm, char ret_why[WHY_BYTES])
{
	int err;

	if (vm->loop_program)
		return 0;
	err = loop_program_open(vm, &vm->loop_program, ret_why);
	if (err)
		return err;
	pins_add(vm->pins, loop_program_fd(vm->loop_program), PIN_PROGRAM);
	return 0;
}

int loop_open(struct vhost_queue *queue, struct loop **ret_loop, char ret_why[WHY_BYTES])
{
	struct loop *loop;
	int err = open_program(queue->vm, ret_why);

	if (err)
		return err;
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return why_refuse(ret_why, -ENOMEM, "loop");
	loop->queue = queue;
	loop->link_fd = -1;
	loop->zero_fd = -1;
	loop->ring_fd = -1;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->changed, NULL);
	err = -pthread_create(&loop->thread, NULL, thread_main, loop);
	if (err) {
		free(loop);
		return why_refuse(ret_why, err, "thread");
	}
	thread_pin(loop->thread, queue->worker->cpu);
	pthread_mutex_lock(&loop->lock);
	while (!loop->opened)
		pthread_cond_wait(&loop->changed, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
	err = loop->result;
	if (err) {
		snprintf(ret_why, WHY_BYTES, "%s", loop->why);
		loop_free(loop);
		return err;
	}
	pins_add(queue->vm->pins, loop->link_fd, PIN_LINK, queue->index);
	*ret_loop = loop;
	return 0;
}

void loop_start(struct loop *loop)
{
	struct direct_queue *direct = loop->queue->direct;

	direct->ring = loop->ring;
	direct->window = loop->window;
	direct->cq_next = 0;
	direct->has_call = loop->queue->call_fd >= 0;
	direct->pause = 0;
	direct->state.limit.chunk = LIMIT_CHUNK_NS;
	/* The first step arms the kick poll and looks at the avail ring. */
	direct->kick_armed = 0;
	__atomic_store_n(&direct->mode, DIRECT_ON, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&loop->lock);
	loop->start = true;
	pthread_cond_signal(&loop->changed);
	pthread_mutex_unlock(&loop->lock);
}

/* Wait until the thread has set @flag. A signal brings it to its next step: the doorbell is the
 * front-end's, and may be full, or block us. */
static void wait_for(struct loop *loop, const bool *flag, bool value)
{
	struct timespec until;

	pthread_mutex_lock(&loop->lock);
	while (*flag != value && !loop->ended) {
		pthread_kill(loop->thread, WORKER_NUDGE);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += STOP_POLL_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&loop->changed, &loop->lock, &until);
	}
	pthread_mutex_unlock(&loop->lock);
}

void loop_stop(struct loop *loop)
{
	__atomic_store_n(&loop->queue->direct->mode, DIRECT_DRAIN, __ATOMIC_SEQ_CST);
	wait_for(loop, &loop->ended, true);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->cancel = true;
	pthread_cond_signal(&loop->changed);
	pthread_mutex_unlock(&loop->lock);
	pthread_join(loop->thread, NULL);
	pins_drop(loop->queue->vm->pins, PIN_LINK, loop->queue->index);
	free(loop);
}

void loop_set_call(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->call_changed = true;
	store_once(&loop->queue->direct->pause, 1);
	pthread_mutex_unlock(&loop->lock);
	wait_for(loop, &loop->call_changed, false);
}
