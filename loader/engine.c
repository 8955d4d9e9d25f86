// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "direct_maps.h"
#include "direct_queue.h"
#include "log.h"
#include "loop.h"
#include "poller.h"
#include "util.h"
#include "vm.h"

static const char *const names[] = {
	[ENGINE_WORKER] = "worker",
	[ENGINE_POLLER] = "poller",
	[ENGINE_LOOP] = "loop",
	[ENGINE_AUTO] = "auto",
};

const char *engine_name(enum engine engine)
{
	return names[engine];
}

int engine_parse(const char *name, enum engine *ret_engine)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*ret_engine = (enum engine)i;
		return 0;
	}
	return -EINVAL;
}

int engine_refuse(char ret_why[ENGINE_WHY_BYTES], int err, const char *what)
{
	snprintf(ret_why, ENGINE_WHY_BYTES, "%s: %s", what, strerror(-err));
	return err;
}

/* The same where the errno says nothing. */
static int refuse(char ret_why[ENGINE_WHY_BYTES], int err, const char *why)
{
	snprintf(ret_why, ENGINE_WHY_BYTES, "%s", why);
	return err;
}

int engine_check(struct vm *vm, enum engine engine, char ret_why[ENGINE_WHY_BYTES])
{
	int err;

	if (engine == ENGINE_WORKER)
		return 0;
	if (vm->options.pin_memory)
		return refuse(ret_why, -EINVAL, "--pin-memory is for the worker engine");
	if (!vm->maps_heard) {
		err = vm->maps ? 0 : direct_maps_open(vm->options.queues, -1, &vm->maps);
		if (!err)
			err = worker_listen(&vm->workers[0], direct_maps_calls_fd(vm->maps));
		if (err)
			return engine_refuse(ret_why, err, "the kernel refuses BPF maps");
		vm->maps_heard = true;
	}
	if (engine == ENGINE_LOOP)
		return loop_check(ret_why);
	return vm->poller ? 0 : poller_open(vm, &vm->poller, ret_why);
}

/* What a queue needs to be served by BPF, beside the engine itself. */
static int check_queue(const struct vhost_queue *queue, char ret_why[ENGINE_WHY_BYTES])
{
	if (queue->kick_fd < 0)
		return refuse(ret_why, -EINVAL, "the front-end gave no doorbell eventfd");
	if (queue->inflight && !queue->vm->inflight_is_map)
		return refuse(ret_why, -EINVAL,
			      "the front-end's in-flight area is not one BPF can write");
	return 0;
}

static void enter_worker(struct vhost_queue *queue)
{
	queue->engine = ENGINE_WORKER;
	queue->direct = NULL;
	worker_add_queue(queue->worker, queue);
}

/* BPF serves the queue no more: what is known of it is the daemon's again. */
static void close_direct(struct vhost_queue *queue)
{
	worker_leave_queue(&queue->vm->workers[0], queue);
	direct_queue_store(queue);
	queue->direct = NULL;
}

static int enter_direct(struct vhost_queue *queue, enum engine to)
{
	struct vm *vm = queue->vm;
	int err;

	err = engine_check(vm, to, queue->engine_why);
	if (!err)
		err = check_queue(queue, queue->engine_why);
	if (err)
		return err;
	queue->direct = &vm->maps->queues[queue->index];
	direct_queue_load(queue);
	worker_help_queue(&vm->workers[0], queue);
	err = to == ENGINE_LOOP ? loop_start(queue, &queue->loop, queue->engine_why)
				: poller_start(vm->poller, queue, queue->engine_why);
	if (!err) {
		queue->engine = to;
		return 0;
	}
	close_direct(queue);
	return err;
}

static void leave(struct vhost_queue *queue)
{
	if (queue->engine == ENGINE_WORKER) {
		worker_remove_queue(queue->worker, queue);
		return;
	}
	if (queue->engine == ENGINE_LOOP)
		loop_stop(queue->loop);
	else
		poller_stop(queue->vm->poller, queue);
	queue->loop = NULL;
	close_direct(queue);
}

int engine_switch(struct vhost_queue *queue, enum engine to)
{
	int err = 0;

	if (queue->engine == to)
		return 0;
	leave(queue);
	queue->engine_why[0] = '\0';
	if (to != ENGINE_WORKER)
		err = enter_direct(queue, to);
	if (err || to == ENGINE_WORKER)
		enter_worker(queue);
	/* An interrupt that the one engine held back is not lost with it. */
	if (queue->call_fd >= 0)
		eventfd_write(queue->call_fd, 1);
	log_debug("queue %u: served by the %s%s%s", queue->index, engine_name(queue->engine),
		  err ? "; " : "", queue->engine_why);
	return err;
}

void engine_start(struct vhost_queue *queue)
{
	enum engine wanted = queue->vm->options.engine;

	enter_worker(queue);
	if (wanted == ENGINE_WORKER || wanted == ENGINE_AUTO)
		return;
	if (engine_switch(queue, wanted))
		log_warn("queue %u: served by a worker, not the %s: %s", queue->index,
			 engine_name(wanted), queue->engine_why);
}

void engine_stop(struct vhost_queue *queue)
{
	leave(queue);
	queue->engine = ENGINE_WORKER;
}

void engine_set_call(struct vhost_queue *queue)
{
	if (queue->engine == ENGINE_LOOP)
		loop_set_call(queue->loop);
	else if (queue->engine == ENGINE_POLLER)
		poller_set_call(queue->vm->poller, queue);
}

void engine_close(struct vm *vm)
{
	poller_close(vm->poller);
	vm->poller = NULL;
	if (vm->maps_heard)
		worker_listen(&vm->workers[0], -1);
	vm->maps_heard = false;
	direct_maps_close(vm->maps);
	vm->maps = NULL;
	vm->maps_given = false;
	/* An area in use is memory from now on: the engines' next in-flight map is another one. */
	vm->inflight_is_map = false;
}
