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

struct vhost_queue;
struct vm;

enum engine {
	ENGINE_WORKER,
	ENGINE_POLLER,
	ENGINE_LOOP,
	ENGINE_AUTO, /* a choice, not an engine */
};

#define ENGINE_WHY_BYTES 160

/* engine_refuse() - fill in why an engine cannot serve, with @err's text; returns @err */
int engine_refuse(char ret_why[ENGINE_WHY_BYTES], int err, const char *what);

/* engine_name() - "worker", "poller", "loop", "auto" */
const char *engine_name(enum engine engine);

/* engine_parse() - the engine of a name; 0 or -EINVAL */
int engine_parse(const char *name, enum engine *ret_engine);

/**
 * engine_start() - have a queue that is ready to run served as the VM's options say
 * @queue: stopped, its state set up
 *
 * A worker serves first what a process before us left in flight. Where the engine that was asked
 * for cannot be had, a worker goes on, and the log says why.
 */
void engine_start(struct vhost_queue *queue);

/* engine_stop() - drain the queue; its state is then where a successor goes on */
void engine_stop(struct vhost_queue *queue);

/**
 * engine_switch() - move a running queue
 * @queue: running
 * @to: ENGINE_WORKER, ENGINE_POLLER or ENGINE_LOOP
 *
 * Return: 0, or -errno when @to cannot serve it: a worker then does, and queue->engine_why says
 * why.
 */
int engine_switch(struct vhost_queue *queue, enum engine to);

/**
 * engine_check() - whether an engine can be had for a VM at all
 * @vm: the VM
 * @engine: any but ENGINE_AUTO
 * @ret_why: filled with a reason when it cannot
 *
 * Return: 0 or -errno.
 */
int engine_check(struct vm *vm, enum engine engine, char ret_why[ENGINE_WHY_BYTES]);

/* engine_set_call() - the call eventfd of a running queue changed: queue->call_fd is the new one */
void engine_set_call(struct vhost_queue *queue);

/* engine_close() - free what the engines hold for a VM, its queues stopped */
void engine_close(struct vm *vm);

#endif
