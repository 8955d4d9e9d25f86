/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Giving the poller's BPF program the vring of a queue, in the form it was loaded in: pinned pages
 * in task storage, or addresses and copies of the rings (include/vring_shadow.h).
 */
#ifndef NVRING_LOADER_POLLER_VRING_H
#define NVRING_LOADER_POLLER_VRING_H

#include "direct.h"
#include "poller_program.h"
#include "vhost_queue.h"
#include "vring_shadow.h"

struct poller_vrings {
	const struct poller_program *program;
	int self_fd;		       /* pidfd of the process, whose value the pages are */
	int map_fd[DIRECT_QUEUES_MAX]; /* pages: a queue's, -1 before it is first served */
	struct vring_shadow *shadows;  /* helpers: [queues], the map's memory; else NULL */
	size_t shadow_bytes;
};

/**
 * poller_vrings_open() - no queue has its vring there yet
 * @program: open
 * @queue_count: queues
 * @ret_vrings: set; free with poller_vrings_close()
 *
 * Return: 0 or -errno.
 */
int poller_vrings_open(const struct poller_program *program, uint32_t queue_count,
		       struct poller_vrings *ret_vrings);

/* poller_vrings_close() - BPF uses them no more; @vrings may be zeroed */
void poller_vrings_close(struct poller_vrings *vrings);

/* poller_vring_prepare() - make what a queue needs, while another engine serves it; 0 or -errno */
int poller_vring_prepare(struct poller_vrings *vrings, const struct vhost_queue *queue,
			 char ret_why[WHY_BYTES]);

/**
 * poller_vring_give() - let BPF reach a queue's vring
 * @vrings: open
 * @queue: drained; queue->direct is loaded
 * @ret_why: filled with a reason on failure
 *
 * The process's main thread only, which owns the pinned pages. Return: 0 or -errno.
 */
int poller_vring_give(struct poller_vrings *vrings, struct vhost_queue *queue,
		      char ret_why[WHY_BYTES]);

/* poller_vring_take() - and no more; what BPF could not publish is published. @queue is drained. */
void poller_vring_take(struct poller_vrings *vrings, struct vhost_queue *queue);

/* poller_vring_mend() - pages that BPF found missing are mapped, and BPF looks again; any thread */
void poller_vring_mend(const struct poller_vrings *vrings, struct vhost_queue *queue);

#endif
