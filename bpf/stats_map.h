/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map of a VM's counters, for people to read (include/stats.h). bpf/stats.bpf.c makes it when
 * the daemon starts, whatever engine serves; the engines' objects are given that one.
 */
#ifndef NVRING_STATS_MAP_H
#define NVRING_STATS_MAP_H

#include "stats.h"

/* By queue number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct queue_stats);
} nvr_stats SEC(".maps");

#endif
