/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The poller's maps, and how what runs in its place finds a queue's part of them. The poller makes
 * them; vCPU dispatch (dispatch.bpf.c) is given those.
 */
#ifndef NVRING_POLLER_MAPS_H
#define NVRING_POLLER_MAPS_H

#include "direct_run.h"

const volatile __u32 nvr_tgid; /* the process whose rings are served */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct direct_ring_memory);
} nvr_rings SEC(".maps");

/* The pages of a queue's vring: a value of the process's main thread, as __uptr fields are allowed
 * in task storage alone, and a map a queue, as a value holds eleven of them. */
struct nvr_vring {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct vring_pages);
} nvr_vring SEC(".maps"); /* the model of them all */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, DIRECT_QUEUES_MAX);
	__type(key, __u32);
	__array(values, struct nvr_vring);
} nvr_vrings SEC(".maps");

/* clang describes a tagged pointer's target only when something else is of its type. */
struct vring_page nvr_page;

/* poller_open() - what a run needs, looked up; @task is of the daemon; 0 on success */
static __always_inline int poller_open(__u32 index, struct task_struct *task,
				       struct direct_run *run)
{
	struct direct_ring_memory *memory;
	__u32 zero = 0;
	void *vring;

	run->queue = bpf_map_lookup_elem(&nvr_queues, &index);
	run->vm = bpf_map_lookup_elem(&nvr_vm, &zero);
	run->inflight = bpf_map_lookup_elem(&nvr_inflight, &index);
	memory = bpf_map_lookup_elem(&nvr_rings, &index);
	vring = bpf_map_lookup_elem(&nvr_vrings, &index);
	if (!run->queue || !run->vm || !run->inflight || !memory || !vring)
		return -ENOENT;
	run->vring.window = &run->queue->window;
	run->vring.pages = bpf_task_storage_get(vring, task->group_leader, 0, 0);
	if (!run->vring.pages)
		return -ENOENT;
	run->sq = &memory->sq;
	run->cq = &memory->cq;
	return 0;
}

#endif
