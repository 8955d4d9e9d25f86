// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "base/util.h"
#include "chooser.h"
#include "direct_maps.h"
#include "direct_queue.h"
#include "loop.h"
#include "loop_program.h"
#include "poller.h"
#include "vm.h"
#include "vm_limits.h"
#include "vm_pages.h"

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

/* why_refuse() where the errno says nothing. */
static int refuse(char ret_why[WHY_BYTES], int err, const char *why)
{
	snprintf(ret_why, WHY_BYTES, "%s", why);
	return err;
}

int engine_check(struct vm *vm, enum engine engine, char ret_why[WHY_BYTES])
{
	int err;

	if (engine == ENGINE_WORKER)
		return 0;
	if (!vm->options.bpf)
		return refuse(ret_why, -EPERM, "--bpf is off");
	err = engine == ENGINE_LOOP ? loop_check(ret_why) : 0;
	if (err)
		return err;
	if (!vm->maps_heard) {
		err = vm->maps ? 0
			       : direct_maps_open(vm->loader, vm->options.queues, &vm->maps,
						  ret_why);
		if (err)
			return err;
		vm_limits_share(vm, &vm->maps->vm->limits);
		err = worker_listen(&vm->workers[0], direct_maps_calls_fd(vm->maps));
		if (err)
			return why_refuse(ret_why, err, "calls by BPF");
		vm_pages_begin(vm);
		vm->maps_heard = true;
	}
	return engine == ENGINE_LOOP || vm->poller ? 0 : poller_open(vm, &vm->poller, ret_why);
}

/* What a queue needs to be served by BPF, beside the engine itself. */
static int check_queue(const struct vhost_queue *queue, char ret_why[WHY_BYTES])
{
	struct vm *vm = queue->vm;
	int err;

	if (queue->kick_fd < 0)
		return refuse(ret_why, -EINVAL, "the front-end gave no doorbell eventfd");
	if (!queue->inflight)
		return 0;
	if (vm->inflight_map < 0)
		return refuse(ret_why, -EINVAL,
			      "the front-end's in-flight area is not one BPF can write: start the "
			      "daemon with another engine than the worker, then the guest");
	err = direct_maps_use_inflight(vm->maps, vm->inflight_map);
	return err ? why_refuse(ret_why, err, "the in-flight area") : 0;
}

static void enter_worker(struct vhost_queue *queue)
{
	queue->engine = ENGINE_WORKER;
	queue->direct = NULL;
	queue->counters = &queue->stats->counters;
	queue->state.limit.chunk = LIMIT_CHUNK_NS;
	worker_add_queue(queue->worker, queue);
}

/* BPF serves the queue no more: what is known of it is the daemon's again. */
static void close_direct(struct vhost_queue *queue)
{
	worker_leave_queue(&queue->vm->workers[0], queue);
	direct_queue_store(queue);
	queue->direct = NULL;
}

/* Whether an engine can be had for a queue, as far as can be told without trying. */
static int check(struct vhost_queue *queue, enum engine to, char ret_why[WHY_BYTES])
{
	int err = engine_check(queue->vm, to, ret_why);

	if (err || to == ENGINE_WORKER || !queue->running)
		return err;
	return check_queue(queue, ret_why);
}

/* Make what an engine needs, while another one serves the queue. */
static int prepare(struct vhost_queue *queue, enum engine to, struct loop **ret_loop,
		   char ret_why[WHY_BYTES])
{
	int err = check(queue, to, ret_why);

	if (err || to == ENGINE_WORKER)
		return err;
	return to == ENGINE_LOOP ? loop_open(queue, ret_loop, ret_why)
				 : poller_prepare(queue->vm->poller, queue, ret_why);
}

static int enter_direct(struct vhost_queue *queue, struct loop *loop, char ret_why[WHY_BYTES])
{
	struct vm *vm = queue->vm;
	int err = 0;

	queue->direct = &vm->maps->queues[queue->index];
	queue->counters = &queue->stats->helper; /* BPF has the others */
	direct_queue_load(queue);
	worker_help_queue(&vm->workers[0], queue);
	if (loop)
		loop_start(loop);
	else
		err = poller_start(vm->poller, queue, ret_why);
	if (err) {
		close_direct(queue);
		return err;
	}
	queue->loop = loop;
	queue->engine = loop ? ENGINE_LOOP : ENGINE_POLLER;
	vm_pages_wake(vm);
	return 0;
}

/* Return: the loop that served it, to be freed, or NULL. */
static struct loop *leave(struct vhost_queue *queue)
{
	if (queue->engine == ENGINE_WORKER) {
		worker_remove_queue(queue->worker, queue);
		return NULL;
	}
	if (queue->engine == ENGINE_LOOP)
		loop_stop(queue->loop);
	else
		poller_stop(queue->vm->poller, queue);
	close_direct(queue);
	return steal_pointer(&queue->loop);
}

/* The pause. Return: 0, or -errno when a worker serves instead. */
static int move(struct vhost_queue *queue, enum engine to, struct loop *next,
		char ret_why[WHY_BYTES])
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC);
	struct loop *last = leave(queue);
	int err = 0;

	if (to != ENGINE_WORKER)
		err = enter_direct(queue, next, ret_why);
	if (err || to == ENGINE_WORKER)
		enter_worker(queue);
	/* An interrupt that the one engine held back is not lost with it. */
	if (queue->call_fd >= 0)
		eventfd_write(queue->call_fd, 1);
	queue->pause_ns = clock_ns(CLOCK_MONOTONIC) - start;
	loop_free(last);
	return err;
}

/* Note what serves a queue, and why; NULL: nothing does. */
static void explain(struct vhost_queue *queue, const char *reason)
{
	struct queue_stats *stats = queue->stats;

	/* For bpftool a text has nothing behind its end. */
	memset(stats->engine, 0, sizeof(stats->engine));
	memset(stats->engine_why, 0, sizeof(stats->engine_why));
	if (!reason)
		return;
	snprintf(stats->engine, sizeof(stats->engine), "%s", engine_name(queue->engine));
	snprintf(stats->engine_why, sizeof(stats->engine_why), "%s", reason);
}

int engine_switch(struct vhost_queue *queue, enum engine to, const char *reason,
		  char ret_why[ENGINE_SENTENCE_BYTES])
{
	enum engine from = queue->engine;
	char why[WHY_BYTES];
	struct loop *loop = NULL;
	int err = 0;

	if (from != to) {
		err = prepare(queue, to, &loop, why);
		if (!err)
			err = move(queue, to, loop, why);
		engine_rest(queue->vm);
	}
	if (err) {
		snprintf(ret_why, ENGINE_SENTENCE_BYTES, "queue %u: no %s: %s", queue->index,
			 engine_name(to), why);
		if (queue->engine != from)
			explain(queue, ret_why);
		return err;
	}
	explain(queue, reason);
	if (from == to)
		return 0;
	queue->switches++;
	log_debug("queue %u: from %s to %s in %llu us: %s", queue->index, engine_name(from),
		  engine_name(to), (unsigned long long)queue->pause_ns / 1000, reason);
	return 0;
}

void engine_start(struct vhost_queue *queue)
{
	char reason[ENGINE_SENTENCE_BYTES] = "it was asked for", why[ENGINE_SENTENCE_BYTES];
	enum engine to = queue->asked;

	if (vm_migrates(queue->vm)) {
		to = ENGINE_WORKER;
		snprintf(reason, sizeof(reason), "the guest migrates: it logs what it writes");
	} else if (to == ENGINE_AUTO) {
		to = chooser_begin(queue->vm, reason);
	}
	enter_worker(queue);
	if (!engine_switch(queue, to, reason, why))
		return;
	explain(queue, why);
	log_warn("%s; a worker serves it", why);
}

/* The chooser has it from the next time on that it looks. */
static void ask_auto(struct vhost_queue *queue)
{
	char reason[ENGINE_SENTENCE_BYTES];

	if (!queue->running || vm_migrates(queue->vm))
		return;
	chooser_begin(queue->vm, reason);
	explain(queue, reason);
}

int engine_ask(struct vhost_queue *queue, enum engine engine, char ret_why[ENGINE_SENTENCE_BYTES])
{
	char why[WHY_BYTES];
	int err = 0;

	if (engine == ENGINE_AUTO) {
		ask_auto(queue);
	} else if (queue->running && !vm_migrates(queue->vm)) {
		err = engine_switch(queue, engine, "it was asked for", ret_why);
	} else {
		err = engine_check(queue->vm, engine, why);
		if (err)
			snprintf(ret_why, ENGINE_SENTENCE_BYTES, "no %s: %s", engine_name(engine),
				 why);
	}
	if (err)
		return err;
	queue->asked = engine;
	queue->vm->direct_asked |= engine != ENGINE_WORKER;
	return 0;
}

int engine_ask_all(struct vm *vm, enum engine engine, char ret_why[ENGINE_SENTENCE_BYTES])
{
	char why[WHY_BYTES];
	int err = 0;

	for (uint32_t i = 0; i < vm->options.queues && engine != ENGINE_AUTO && !err; i++) {
		err = check(&vm->queues[i], engine, why);
		if (err)
			snprintf(ret_why, ENGINE_SENTENCE_BYTES, "queue %u: no %s: %s", i,
				 engine_name(engine), why);
	}
	for (uint32_t i = 0; i < vm->options.queues && !err; i++)
		err = engine_ask(&vm->queues[i], engine, ret_why);
	if (!err)
		vm->options.engine = engine;
	return err;
}

void engine_stop(struct vhost_queue *queue)
{
	loop_free(leave(queue));
	queue->engine = ENGINE_WORKER;
	explain(queue, NULL);
}

void engine_rest(struct vm *vm)
{
	poller_rest(vm->poller);
}

int engine_use_memory(struct vm *vm)
{
	return poller_use_memory(vm->poller);
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
	vm_limits_share(vm, NULL);
	vm_pages_end(vm);
	loop_program_close(vm->loop_program);
	vm->loop_program = NULL;
	direct_maps_close(vm->maps);
	vm->maps = NULL;
}
