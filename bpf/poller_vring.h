/* SPDX-License-Identifier: GPL-2.0-only */
/* How the poller comes by a queue's vring. */
#ifndef NVRING_POLLER_VRING_H
#define NVRING_POLLER_VRING_H

#include "direct_maps.h"
#include "vring.h"

#ifdef VRING_HELPERS

/* In place where that can be; zeros, which no driver writes, may be a page that was not there. */
NVR_GLOBAL int vring_shadow_desc(__u64 hva, struct vring_desc *ret_desc NVR_NONNULL)
{
	if (guest_peek(hva, (guest_word *)ret_desc, 1) && ret_desc->addr)
		return 0;
	return bpf_probe_read_user(ret_desc, sizeof(*ret_desc), (void *)guest_view(hva)) ? -EFAULT
											 : 0;
}

#define POLLER_LOOKS 64 /* at the avail index, before the thread's other work has its turn */

/* By queue number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vring_shadow);
} nvr_shadows SEC(".maps");

/* poller_vring() - a turn begins: find a queue's vring; @task is of the daemon; 0 on success */
static __always_inline int poller_vring(__u32 index, struct task_struct *task,
					struct vring_memory *vring)
{
	vring->shadow = bpf_map_lookup_elem(&nvr_shadows, &index);
	if (!vring->shadow || !vring->shadow->used)
		return -ENOENT;
	vring->shadow->faulted = 0;
	return 0;
}

#else

#define POLLER_LOOKS 1024

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

/* poller_vring() - the same */
static __always_inline int poller_vring(__u32 index, struct task_struct *task,
					struct vring_memory *vring)
{
	void *pages = bpf_map_lookup_elem(&nvr_vrings, &index);

	if (!pages)
		return -ENOENT;
	vring->pages = bpf_task_storage_get(pages, task->group_leader, 0, 0);
	return vring->pages ? 0 : -ENOENT;
}

#endif
#endif
