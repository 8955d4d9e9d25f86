/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The poller's maps, and how what runs in its place finds a queue's part of them. The poller makes
 * them; vCPU dispatch (dispatch.bpf.c) is given those.
 */
#ifndef NVRING_POLLER_MAPS_H
#define NVRING_POLLER_MAPS_H

#include "direct_run.h"
#include "poller_vring.h"

const volatile __u32 nvr_tgid; /* the process whose rings are served */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct direct_ring_memory);
} nvr_rings SEC(".maps");

/* poller_open() - what a run needs, looked up; @task is of the daemon; 0 on success */
static __always_inline int poller_open(__u32 index, struct task_struct *task,
				       struct direct_run *run)
{
	struct direct_ring_memory *memory;
	__u32 zero = 0;

	run->queue = bpf_map_lookup_elem(&nvr_queues, &index);
	run->stats = bpf_map_lookup_elem(&nvr_stats, &index);
	run->vm = bpf_map_lookup_elem(&nvr_vm, &zero);
	run->inflight = direct_inflight(index);
	memory = bpf_map_lookup_elem(&nvr_rings, &index);
	if (!run->queue || !run->stats || !run->vm || !run->inflight || !memory)
		return -ENOENT;
	run->vring.window = &run->queue->window;
	if (poller_vring(index, task, &run->vring))
		return -ENOENT;
	run->sq = &memory->sq;
	run->cq = &memory->cq;
	return 0;
}

#endif
