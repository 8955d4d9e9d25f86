/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loop engine's side in the daemon: for each queue a thread that enters the kernel once and
 * stays there, in the queue's BPF program (bpf/loop.bpf.c), until the queue is stopped.
 */
#ifndef NVRING_LOOP_H
#define NVRING_LOOP_H

#include "engine.h"
#include "vhost_queue.h"

struct loop;

/**
 * loop_open() - make a thread, a ring and a BPF program for a queue that another engine serves
 * @queue: mapped
 * @ret_loop: set; free with loop_free()
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno.
 */
int loop_open(struct vhost_queue *queue, struct loop **ret_loop, char ret_why[WHY_BYTES]);

/* loop_start() - serve the queue: it is drained, and queue->direct loaded */
void loop_start(struct loop *loop);

/* loop_stop() - drain the queue and leave it; direct_queue_store() then has its state */
void loop_stop(struct loop *loop);

/* loop_free() - it serves nothing, never did or was stopped; @loop may be NULL */
void loop_free(struct loop *loop);

/* loop_set_call() - interrupts go to queue->call_fd from now on, -1 for none */
void loop_set_call(struct loop *loop);

/**
 * loop_check() - whether this kernel has what the engine needs
 * @ret_why: filled with a reason when it has not
 *
 * Return: 0 or -errno.
 */
int loop_check(char ret_why[WHY_BYTES]);

#endif
