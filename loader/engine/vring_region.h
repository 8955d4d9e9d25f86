/* SPDX-License-Identifier: GPL-2.0-only */
/* A vring's pages in a row, as an io_uring memory region has to be. */
#ifndef NVRING_VRING_REGION_H
#define NVRING_VRING_REGION_H

#include <stdbool.h>

#include "vhost_queue.h"
#include "vring_window.h"

/**
 * vring_region_open() - find or make VRING_REGION_BYTES of memory that hold the whole vring
 * @queue: its vring is mapped
 * @ret_region: set
 * @ret_ours: set to whether vring_region_close() has something to unmap
 * @ret_window: set to where the vring's parts are, from the region's start
 *
 * Where the parts lie close together, as a Linux driver has them, guest memory itself is the
 * region; else its pages are mapped a second time, which memory of huge pages does not allow.
 *
 * Return: 0 or -errno.
 */
int vring_region_open(const struct vhost_queue *queue, void **ret_region, bool *ret_ours,
		      struct vring_window *ret_window);

void vring_region_close(void *region, bool ours);

#endif
