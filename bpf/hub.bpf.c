// SPDX-License-Identifier: GPL-2.0-only
/*
 * One hook for the pollers of all processes. A hook is the whole host's: were there one for each
 * VM, every completion would run through the filters of all of them.
 *
 * The process that completes something leads to its program by its task's storage, which is gone
 * when the process is. All others' completions pay for that one look.
 */
#include "vmlinux.h"

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "hub_abi.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, HUB_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} hub_programs SEC(".maps");

/* Of a process: its slot. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} hub_slots SEC(".maps");

/* User space's: by slot. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, HUB_SLOTS);
	__type(key, __u32);
	__type(value, struct hub_owner);
} hub_owners SEC(".maps");

SEC("tp_btf/io_uring_complete")
int BPF_PROG(nvr_hub)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 *slot = bpf_task_storage_get(&hub_slots, task->group_leader, (void *)0, 0);

	if (slot)
		bpf_tail_call(ctx, &hub_programs, *slot);
	return 0;
}
