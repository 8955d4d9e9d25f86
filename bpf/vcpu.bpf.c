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

#include "vcpu_layout.h"

char LICENSE[] SEC("license") = "GPL";

#define ANON_INODE_FS_MAGIC 0x09041934 /* linux/magic.h */

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

/* Whether KVM made the file: the name of one in a file system is anybody's choice. */
static __always_inline int vcpu_is_file(struct file *file)
{
	char name[sizeof(VCPU_FILE) - 1];

	if (file->f_inode->i_sb->s_magic != ANON_INODE_FS_MAGIC)
		return 0;
	if (bpf_probe_read_kernel(name, sizeof(name), file->f_path.dentry->d_name.name))
		return 0;
	return !bpf_strncmp(name, sizeof(name), VCPU_FILE);
}

SEC("iter/task_file")
int nvr_vcpus(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct pid *pid = (void *)0;
	__s32 id = -1, cpu = -1;
	void *vcpu;

	if (!task || !file || !vcpu_is_file(file))
		return 0;
	vcpu = file->private_data;
	vcpu_read(vcpu, id, &id);
	vcpu_read(vcpu, cpu, &cpu);
	vcpu_read(vcpu, thread, &pid);
	BPF_SEQ_PRINTF(ctx->meta->seq, "vcpu %d: %s, CPU %d, thread %d of %d, at %llx\n", id,
		       vcpu_state(vcpu), cpu, BPF_CORE_READ(pid, numbers[0].nr), task->tgid,
		       (__u64)vcpu);
	return 0;
}
