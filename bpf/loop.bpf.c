// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loop engine: serves a queue in a thread that entered io_uring_enter() once. The kernel calls
 * loop_step whenever there are completions, or at once when it asks for that, until it says stop.
 *
 * Each queue has its own ring and thread; the daemon left the queue's number in the ring's memory.
 * The vring is the ring's memory region. The ring's registered eventfd would be written before a
 * step filled the used ring, so an SQE writes the call eventfd. Source: io_uring/loop.c, Linux 7.1;
 * its first argument became struct iou_ctx later, which a program that only passes it on need not
 * know.
 */
#define VRING_REGION
#define DIRECT_SUBMITS 1

#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/errno.h>

#include "direct_maps.h"
#include "direct_run.h"

char LICENSE[] SEC("license") = "GPL";

/* libbpf compares kinds of types: a structure, whatever is in it, not just its name. */
struct iou_ctx {
};

extern __u8 *bpf_io_uring_get_region(struct iou_ctx *ring, __u32 region,
				     const __u64 rdwr_buf_size) __ksym;
extern int bpf_io_uring_submit_sqes(struct iou_ctx *ring, __u32 count) __ksym;

static __always_inline int loop_open(struct iou_ctx *ring, struct direct_run *run)
{
	__u32 index, zero = 0;

	run->cq = (void *)bpf_io_uring_get_region(ring, IOU_REGION_CQ, DIRECT_CQ_BYTES);
	if (!run->cq)
		return -ENOENT;
	index = *(volatile __u32 *)&run->cq->byte[DIRECT_CQ_QUEUE];
	run->queue = bpf_map_lookup_elem(&nvr_queues, &index);
	run->stats = bpf_map_lookup_elem(&nvr_stats, &index);
	run->vm = bpf_map_lookup_elem(&nvr_vm, &zero);
	run->inflight = direct_inflight(index);
	run->sq = (void *)bpf_io_uring_get_region(ring, IOU_REGION_SQ, DIRECT_SQ_BYTES);
	run->vring.region = bpf_io_uring_get_region(ring, IOU_REGION_MEM, VRING_REGION_BYTES);
	if (!run->queue || !run->stats || !run->vm || !run->inflight || !run->sq ||
	    !run->vring.region)
		return -ENOENT;
	run->vring.window = &run->queue->window;
	return 0;
}

/* loop_wait() - the CQ index to be called at: the next completion, or now */
static __always_inline __u32 loop_wait(struct direct_run *run, int soon)
{
	struct direct_queue *queue = run->queue;

	if (soon || *direct_word(run->cq, queue->ring.cq_tail) != queue->cq_next)
		return queue->cq_next;
	if (queue->mode == DIRECT_ON && direct_waits(queue))
		return queue->cq_next + 1;
	if (direct_spins(queue, spin_time(&queue->spin)))
		return queue->cq_next;
	/* What was announced before the doorbell was asked for is seen here. */
	if (queue->mode == DIRECT_ON && direct_kicks(run))
		return queue->cq_next;
	queue->slept_at = direct_clock(queue);
	return queue->cq_next + 1;
}

/* loop_woken() - learn from the wait that ends, if the last step began one */
static __always_inline void loop_woken(struct direct_queue *queue)
{
	if (!queue->slept_at)
		return;
	spin_slept(&queue->spin, direct_clock(queue) - queue->slept_at);
	queue->slept_at = 0;
}

SEC("struct_ops.s/loop_step")
int BPF_PROG(nvr_loop_step, struct iou_ctx *ring, struct iou_loop_params *params)
{
	struct direct_run run;
	__u32 tail, sent, round;
	int soon;

	if (loop_open(ring, &run))
		return IOU_LOOP_STOP;
	run.stats->direct.runs++;
	tail = direct_dispatch_begin(&run);
	loop_woken(run.queue);
	direct_take(&run, *direct_word(run.cq, run.queue->ring.cq_tail));
	if (run.queue->mode == DIRECT_ON) {
		virtqueue_kicks_off(&run.queue->state, &run.vring);
		nvr_for(round, 0, DIRECT_ROUNDS) {
			direct_start_batch(&run);
			if (!direct_pending(&run))
				break;
			run.queue->now = 0; /* a look at the clock for each batch */
		}
	}
	soon = direct_notify(&run) && !direct_await_hold(&run);
	direct_signal(&run);
	sent = direct_dispatch_end(&run, tail);
	if (sent)
		bpf_io_uring_submit_sqes(ring, sent);
	direct_timed(&run);
	if (run.queue->pause || (run.queue->mode != DIRECT_ON && !run.queue->state.in_flight))
		return IOU_LOOP_STOP;
	params->cq_wait_idx = loop_wait(&run, sent || soon);
	return IOU_LOOP_CONTINUE;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops nvr_loop = {
	.loop_step = (void *)nvr_loop_step,
};
