/* SPDX-License-Identifier: GPL-2.0-only */
/* A queue's part of the maps shared with BPF: handing its state over and taking it back. */
#ifndef NVRING_DIRECT_QUEUE_H
#define NVRING_DIRECT_QUEUE_H

#include "direct.h"
#include "vhost_queue.h"
#include "vring_window.h"

/**
 * direct_queue_load() - hand a drained queue's state to BPF
 * @queue: nothing in flight; queue->direct is its part of the maps, in mode DIRECT_OFF
 *
 * The ring's state (indices, offsets) stays as it is: rings outlive what they serve.
 */
void direct_queue_load(struct vhost_queue *queue);

/* direct_queue_busy() - whether requests are in flight, or a run of BPF is under way */
bool direct_queue_busy(const struct vhost_queue *queue);

/* Looking for what BPF is about to do: soon at first, then less and less often. */
struct direct_wait {
	long ns; /* of the last nap */
};

void direct_queue_wait(struct direct_wait *wait);

/* direct_queue_await() - until the run of BPF that is under way, if any, has ended */
void direct_queue_await(const struct vhost_queue *queue);

/**
 * direct_queue_store() - take the state back; queue->direct is in mode DIRECT_OFF from now on
 * @queue: drained, and no event of its ring is on its way
 */
void direct_queue_store(struct vhost_queue *queue);

/**
 * direct_queue_window() - where BPF finds the vring, and the pages it is to be in
 * @queue: its vring is mapped
 * @ret_pages: VRING_PAGES page addresses, NULL where the vring has none
 */
struct vring_window direct_queue_window(const struct vhost_queue *queue,
					void *ret_pages[VRING_PAGES]);

#endif
