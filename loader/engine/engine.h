/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which engine serves a queue, and moving a running queue from one to another.
 *
 * A queue moves drained: the old engine takes nothing new, finishes what is in flight, and hands
 * its state over. The guest notices a pause, nothing else. Control thread only.
 */
#ifndef NVRING_ENGINE_H
#define NVRING_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

struct vhost_queue;
struct vm;

enum engine {
	ENGINE_WORKER,
	ENGINE_POLLER,
	ENGINE_LOOP,
	ENGINE_AUTO, /* a choice, not an engine */
};

#define ENGINE_SENTENCE_BYTES 256 /* of a sentence with a cause in it */

/* engine_name() - "worker", "poller", "loop", "auto" */
const char *engine_name(enum engine engine);

/* engine_parse() - the engine of a name; 0 or -EINVAL */
int engine_parse(const char *name, enum engine *ret_engine);

/**
 * engine_start() - have a queue that is ready to run served by the engine that was asked for
 * @queue: stopped, its state set up
 *
 * A worker serves first what a process before us left in flight. Where the engine that was asked
 * for cannot be had, a worker goes on, and the log says why. While the guest migrates a worker
 * does, too (dirty_log.h).
 */
void engine_start(struct vhost_queue *queue);

/* engine_stop() - drain the queue; its state is then where a successor goes on */
void engine_stop(struct vhost_queue *queue);

/**
 * engine_switch() - move a running queue
 * @queue: running
 * @to: ENGINE_WORKER, ENGINE_POLLER or ENGINE_LOOP
 * @reason: why, a sentence for queue->engine_why
 * @ret_why: filled with a sentence on failure
 *
 * What @to needs is made first, so that the queue pauses for little more than it takes to finish
 * what is in flight.
 * Return: 0, or -errno when @to cannot serve it: the engine that did goes on, or a worker.
 */
int engine_switch(struct vhost_queue *queue, enum engine to, const char *reason,
		  char ret_why[ENGINE_SENTENCE_BYTES]);

/**
 * engine_ask() - the operator wants another engine for a queue, now and whenever it runs
 * @queue: running or not
 * @engine: any
 * @ret_why: filled with a sentence on failure
 *
 * While the guest migrates it is for afterwards.
 * Return: 0, or -errno when it cannot be had: nothing has changed then.
 */
int engine_ask(struct vhost_queue *queue, enum engine engine, char ret_why[ENGINE_SENTENCE_BYTES]);

/*
 * engine_ask_all() - the same for all queues of a VM, those to come included. Should one fail that
 * seemed able to, those before it have moved.
 */
int engine_ask_all(struct vm *vm, enum engine engine, char ret_why[ENGINE_SENTENCE_BYTES]);

/**
 * engine_check() - whether an engine can be had for a VM at all
 * @vm: the VM
 * @engine: any but ENGINE_AUTO
 * @ret_why: filled with a reason when it cannot
 *
 * Return: 0 or -errno.
 */
int engine_check(struct vm *vm, enum engine engine, char ret_why[WHY_BYTES]);

/* engine_set_call() - the call eventfd of a running queue changed: queue->call_fd is the new one */
void engine_set_call(struct vhost_queue *queue);

/* engine_use_memory() - vm->pinned changed, while no queue runs; 0 or -errno */
int engine_use_memory(struct vm *vm);

/* engine_rest() - let go of what engines that serve no queue would cost others */
void engine_rest(struct vm *vm);

/* engine_close() - free what the engines hold for a VM, its queues stopped */
void engine_close(struct vm *vm);

#endif
