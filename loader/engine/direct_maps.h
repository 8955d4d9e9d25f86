/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps that BPF and the daemon share for one VM: include/direct.h has what is in them. */
#ifndef NVRING_LOADER_DIRECT_MAPS_H
#define NVRING_LOADER_DIRECT_MAPS_H

#include <stdbool.h>
#include <stddef.h>

#include "direct.h"
#include "load/loader.h"

struct direct_maps {
	int fd[LOAD_DIRECT_COUNT];   /* by enum load_direct_fd */
	struct direct_queue *queues; /* [queue_count], the map's memory */
	struct direct_vm *vm;
	struct guest_page *pages; /* [GUEST_PAGES] */
	uint32_t queue_count;
	uint32_t inflight_id; /* of the map in use, 0 for the one that is nobody's */
	size_t queues_bytes, vm_bytes, pages_bytes;
};

/**
 * direct_maps_open() - have the maps made
 * @loader: of the VM
 * @queue_count: queues, as it has them
 * @ret_maps: set; free with direct_maps_close()
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno, where the kernel allows no such maps.
 */
int direct_maps_open(struct loader *loader, uint32_t queue_count, struct direct_maps **ret_maps,
		     char ret_why[WHY_BYTES]);

/* direct_maps_close() - no engine uses them any more; @maps may be NULL */
void direct_maps_close(struct direct_maps *maps);

/* direct_maps_calls_fd() - the ring buffer that calls the worker; stays the maps' */
int direct_maps_calls_fd(const struct direct_maps *maps);

/* direct_maps_new_inflight() - an in-flight map to give to a front-end; its descriptor or -errno */
int direct_maps_new_inflight(struct loader *loader);

/**
 * direct_maps_suits() - whether a file that a front-end gave is an in-flight map of the right shape
 * @fd: any file
 * @queue_count: queues it must have
 */
bool direct_maps_suits(int fd, uint32_t queue_count);

/**
 * direct_maps_use_inflight() - have the engines track in a map
 * @maps: no queue that is served tracks elsewhere
 * @fd: for which direct_maps_suits() said true; stays the caller's
 *
 * Return: 0 or -errno.
 */
int direct_maps_use_inflight(struct direct_maps *maps, int fd);

#endif
