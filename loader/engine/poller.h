/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The poller engine's side in the daemon: its BPF program, and for each queue an SQPOLL ring in a
 * BPF map. One kernel thread serves all rings of the process. bpf/poller.bpf.c does the work.
 * Control thread only, but for what says otherwise; it must be the process's main thread, which
 * owns the pinned vring pages.
 */
#ifndef NVRING_POLLER_H
#define NVRING_POLLER_H

#include "engine.h"
#include "vhost_queue.h"

struct poller;

/**
 * poller_open() - load the program
 * @vm: its maps are made
 * @ret_poller: set; free with poller_close()
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno.
 */
int poller_open(struct vm *vm, struct poller **ret_poller, char ret_why[WHY_BYTES]);

/* poller_close() - its queues are stopped; @poller may be NULL */
void poller_close(struct poller *poller);

/**
 * poller_prepare() - make what a queue needs, while another engine serves it
 * @poller: open
 * @queue: mapped
 * @ret_why: filled with a reason on failure
 *
 * The program is attached. Return: 0 or -errno.
 */
int poller_prepare(struct poller *poller, struct vhost_queue *queue, char ret_why[WHY_BYTES]);

/**
 * poller_start() - serve a queue
 * @poller: has prepared for it
 * @queue: drained; queue->direct is loaded
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno, and nothing is served.
 */
int poller_start(struct poller *poller, struct vhost_queue *queue, char ret_why[WHY_BYTES]);

/* poller_stop() - drain a queue and let go of it; direct_queue_store() then has its state */
void poller_stop(struct poller *poller, struct vhost_queue *queue);

/* poller_rest() - detach the program when it serves no queue: others' completions run it, too */
void poller_rest(struct poller *poller);

/* poller_use_memory() - its rings have vm->pinned registered from now on, or nothing, while it
 * serves no queue; @poller may be NULL; 0 or -errno */
int poller_use_memory(struct poller *poller);

/* poller_set_call() - interrupts go to queue->call_fd from now on, -1 for none */
void poller_set_call(struct poller *poller, struct vhost_queue *queue);

/**
 * poller_revive() - have BPF look at a queue, whatever it missed, and at a CQ that overflowed
 * @poller: serves the queue
 * @queue: the queue
 *
 * Any thread, while the queue is served or being stopped.
 */
void poller_revive(struct poller *poller, struct vhost_queue *queue);

/* poller_mend() - BPF called: it may have found pages of the vring missing; any thread */
void poller_mend(const struct poller *poller, struct vhost_queue *queue);

/* poller_ring_fd() - the ring of a queue, to wake its thread by; any thread */
int poller_ring_fd(const struct poller *poller, uint32_t index);

#endif
