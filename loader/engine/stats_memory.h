/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory in which a VM's queues are counted: a BPF map where the kernel allows one. */
#ifndef NVRING_STATS_MEMORY_H
#define NVRING_STATS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "stats.h"

struct stats_memory {
	struct stats_bpf *skeleton; /* NULL: plain memory */
	struct queue_stats *queues; /* [queue_count] */
	size_t bytes;
};

/**
 * stats_memory_open() - make room for the counters of so many queues
 * @queue_count: 1..DIRECT_QUEUES_MAX
 * @ret_stats: set; stats_memory_close() frees what it holds
 *
 * Return: 0 or -ENOMEM. That there is no BPF is no failure.
 */
int stats_memory_open(uint32_t queue_count, struct stats_memory *ret_stats);

/* stats_memory_close() - nothing counts any more; of a zeroed one, nothing */
void stats_memory_close(struct stats_memory *stats);

/* stats_memory_map() - the map's descriptor, which stays its own, or -1 without one */
int stats_memory_map(const struct stats_memory *stats);

#endif
