// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPUs of a front-end: a line for each vCPU file that its process has open, whenever somebody
 * reads the iterator. loader/engine/vcpu.c reads them, and so can people, where it is pinned.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "anon_file.h"
#include "halted_at.h"
#include "vcpu_layout.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct vcpu_layout nvr_layout;

#define vcpu_read(vcpu, member, to) \
	bpf_probe_read_kernel(to, sizeof(*(to)), (char *)(vcpu) + nvr_layout.member)

static __always_inline const char *vcpu_state(const void *vcpu)
{
	__u8 halted = 0, preempted = 0;
	__s32 mode = 0;

	vcpu_read(vcpu, halted, &halted);
	if (halted)
		return "halted";
	vcpu_read(vcpu, preempted, &preempted);
	if (preempted)
		return "preempted";
	vcpu_read(vcpu, mode, &mode);
	return mode ? "guest" : "host";
}

/* Engines find its flag from now on. */
static __always_inline void vcpu_note(const void *vcpu, __s32 id)
{
	__u32 index = (__u32)id % VCPU_HALTED_MAX;
	__u64 at = (__u64)vcpu + nvr_layout.halted;

	bpf_map_update_elem(&nvr_halted_at, &index, &at, BPF_ANY);
}

SEC("iter/task_file")
int nvr_vcpus(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct pid *pid = (void *)0;
	__s32 id = -1, cpu = -1;
	void *vcpu;

	if (!task || !file || !anon_file(file, VCPU_FILE, sizeof(VCPU_FILE) - 1))
		return 0;
	vcpu = file->private_data;
	vcpu_read(vcpu, id, &id);
	vcpu_read(vcpu, cpu, &cpu);
	vcpu_read(vcpu, thread, &pid);
	vcpu_note(vcpu, id);
	BPF_SEQ_PRINTF(ctx->meta->seq, "vcpu %d: %s, CPU %d, thread %d of %d\n", id,
		       vcpu_state(vcpu), cpu, BPF_CORE_READ(pid, numbers[0].nr), task->tgid);
	return 0;
}
