// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which thread rings a queue's doorbell: it runs the wake-up of our kick poll, as the eventfd is
 * written on its way out of the guest. Attached for a moment now and then (loader/engine/steer.c),
 * as it is on the way of all polls by io_uring.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/errno.h>

#include "direct_maps.h"
#include "sqe.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 nvr_tgid;	/* the daemon */
const volatile __u32 nvr_front; /* the front-end, as the kernel counts processes */

static __always_inline __u32 kicker_owner(struct io_ring_ctx *ring)
{
	if (ring->sq_data)
		return (__u32)ring->sq_data->task_tgid;
	return ring->submitter_task ? (__u32)ring->submitter_task->tgid : 0;
}

SEC("tp_btf/io_uring_task_add")
int BPF_PROG(nvr_kicker, struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct direct_queue *queue;
	__u64 user_data;
	__u32 index;

	if ((__u32)task->tgid != nvr_front)
		return 0;
	user_data = request->cqe.user_data;
	if (sqe_tag(user_data) != SQE_TAG_DIRECT_KICK || kicker_owner(request->ctx) != nvr_tgid)
		return 0;
	index = sqe_queue(user_data);
	queue = bpf_map_lookup_elem(&nvr_queues, &index);
	if (queue)
		queue->kicker = (__u32)task->pid;
	return 0;
}
