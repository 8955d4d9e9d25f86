// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `nvring features` tries: each program does the one thing an engine would ask of the kernel
 * and leaves a trace that it really happened. The loader (loader/cmd/feature_bpf.c) loads one at a
 * time; a refusal by the kernel is the answer, not an error.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/errno.h>
#include <linux/io_uring.h>

#include "probe.h"

char LICENSE[] SEC("license") = "GPL";

#define __uptr __attribute__((btf_type_tag("uptr")))

const volatile __u32 probe_tgid; /* programs act for this process alone */
__u64 probe_hits;		 /* how often one did */

static __always_inline int probe_is_ours(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return (__u32)task->tgid == probe_tgid;
}

/* Needs BPF at all. */
SEC("syscall")
int probe_run(struct probe_args *args)
{
	probe_hits++;
	return 0;
}

/* The poller's hook, with the completion as an argument (newer kernels). */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(probe_cqe, struct io_ring_ctx *ring, void *request, struct io_uring_cqe *cqe)
{
	if (probe_is_ours() && cqe->user_data == PROBE_USER_DATA)
		probe_hits++;
	return 0;
}

/* The same with its fields as arguments (6.12). */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(probe_fields, struct io_ring_ctx *ring, void *request, __u64 user_data, int result,
	     unsigned int flags)
{
	if (probe_is_ours() && user_data == PROBE_USER_DATA)
		probe_hits++;
	return 0;
}

/* vCPU dispatch: which eventfd a doorbell belongs to. */
SEC("fentry/ioeventfd_write")
int BPF_PROG(probe_kick, struct kvm_vcpu *vcpu, struct kvm_io_device *device)
{
	struct _ioeventfd *ioeventfd;

	if (!probe_is_ours())
		return 0;
	ioeventfd = (void *)device - bpf_core_field_offset(struct _ioeventfd, dev);
	if (BPF_CORE_READ(ioeventfd, eventfd, id) >= 0)
		probe_hits++;
	return 0;
}

/* Request headers and indirect tables are read so. */
SEC("syscall")
int probe_read(struct probe_args *args)
{
	__u64 value = 0;
	long err = bpf_probe_read_user(&value, sizeof(value), (void *)args->address);

	if (err)
		return (int)err;
	args->value = value;
	return 0;
}

/* Used entries are written so where pages cannot be had as pointers. */
SEC("syscall")
int probe_write(struct probe_args *args)
{
	__u64 value = args->value;

	return (int)bpf_probe_write_user((void *)args->address, &value, sizeof(value));
}

/* The vring's pages as plain pointers. */
struct probe_pages {
	struct probe_page __uptr *page;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct probe_pages);
} probe_storage SEC(".maps");

/* clang describes a tagged pointer's target only when something else is of its type. */
struct probe_page probe_page;

SEC("syscall")
int probe_uptr(struct probe_args *args)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct probe_pages *pages;
	struct probe_page *page;

	pages = bpf_task_storage_get(&probe_storage, task, 0, 0);
	if (!pages)
		return -ENOENT;
	page = pages->page;
	if (!page)
		return -EFAULT;
	page->word = args->value;
	return 0;
}

/* The loop engine's hook: counts and leaves. */
SEC("struct_ops.s/loop_step")
int BPF_PROG(probe_step, struct iou_ctx *ring, struct iou_loop_params *params)
{
	probe_hits++;
	return IOU_LOOP_STOP;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops probe_loop = {
	.loop_step = (void *)probe_step,
};

/* The guard of passthrough commands: refuses ours, so that the refusal is seen. */
SEC("lsm/uring_cmd")
int BPF_PROG(probe_guard, struct io_uring_cmd *command, int result)
{
	if (result || !probe_is_ours())
		return result;
	probe_hits++;
	return -PROBE_REFUSAL;
}
