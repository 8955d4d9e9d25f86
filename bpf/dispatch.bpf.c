// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU dispatch, beside the poller: a doorbell's requests are parsed and their commands written by
 * the vCPU that rang it, on its way through KVM, so that parsing spreads over the vCPUs rather
 * than wait for the one thread of the poller. That thread is woken by the doorbell all the same:
 * it submits what it finds, and does everything else.
 *
 * The doorbell's eventfd is not signalled yet when we run (fentry), so the poller comes after us.
 * Guest memory is read where the front-end has it. What is not paged in there the poller reads
 * where the daemon has it. A vCPU that is preempted in here keeps its queue waiting: on a host with
 * more vCPUs than CPUs this is not for everybody.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/errno.h>

#include "dispatch_abi.h"

volatile struct dispatch_front nvr_front SEC(DISPATCH_FRONT_SECTION);
#define guest_view(hva)	     ((hva) + nvr_front.view)
#define DIRECT_LEAVES_FAULTS 1

#include "direct_run.h"
#include "poller_maps.h"

char LICENSE[] SEC("license") = "GPL";

#define DISPATCH_TURNS 4 /* while others ask for one */

/* The VM's cgroup, where it has one (--cgroup): vCPUs outside it are left to the poller. */
const volatile __u32 nvr_confined;
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nvr_cgroup SEC(".maps");

/* By eventfd id: the number of the queue. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DIRECT_QUEUES_MAX);
	__type(key, __s32);
	__type(value, __u32);
} nvr_doorbells SEC(".maps");

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;

/*
 * Start what waits, of a queue that is ours. What the poller came for while we had the queue is
 * left to it: a NOP brings it back.
 */
static __always_inline int dispatch_turn(struct direct_run *run, __u32 again)
{
	struct direct_queue *queue = run->queue;
	__u64 before = run->stats->counters.requests;
	__u32 tail, round;
	int sent;

	if (queue->mode != DIRECT_ON || !queue->poller)
		return 0;
	tail = direct_dispatch_begin(run);
	queue->kicked_at = direct_clock(queue);
	nvr_for(round, 0, DIRECT_ROUNDS) {
		__u16 from = queue->state.last_avail;

		direct_start_batch(run);
		if (queue->state.last_avail == from || !direct_pending(run))
			break;
		queue->now = 0; /* a look at the clock for each batch */
	}
	if (again)
		direct_look_later(run);
	run->stats->direct.by_vcpu += run->stats->counters.requests - before;
	sent = (int)direct_dispatch_end(run, tail);
	direct_timed(run);
	return sent;
}

/* A function of its own, verified once. */
__attribute__((noinline)) int nvr_start(__u32 index, __u32 again)
{
	struct task_struct *task = bpf_task_from_pid((__s32)nvr_tgid);
	struct direct_run run;
	int sent = 0;

	if (!task)
		return 0;
	if (!poller_open(index, task, &run))
		sent = dispatch_turn(&run, again);
	bpf_task_release(task);
	return sent;
}

static __always_inline void dispatch_run(struct direct_queue *queue, __u32 index)
{
	struct queue_stats *stats = bpf_map_lookup_elem(&nvr_stats, &index);
	int turn;

	if (!stats || !direct_enter(queue, stats))
		return;
	nvr_for(turn, 0, DISPATCH_TURNS) {
		direct_begin(queue);
		nvr_start(index, turn > 0);
		if (direct_leave(queue))
			return;
	}
	/* Others keep coming; the next of them finds the queue free. */
	__sync_fetch_and_and(&queue->lock, 0);
}

/*
 * dispatch_rings() - whether this write will signal the eventfd; virt/kvm/eventfd.c
 *
 * One that compares the value written is a legacy doorbell, which all queues share: the poller's.
 */
static __always_inline int dispatch_rings(struct _ioeventfd *ioeventfd, __u64 addr)
{
	return BPF_CORE_READ(ioeventfd, addr) == addr &&
	       (!BPF_CORE_READ(ioeventfd, length) || BPF_CORE_READ(ioeventfd, wildcard));
}

SEC("fentry/ioeventfd_write")
int BPF_PROG(nvr_doorbell, struct kvm_vcpu *vcpu, struct kvm_io_device *device, __u64 addr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct _ioeventfd *ioeventfd;
	struct direct_queue *queue;
	__u32 *index;
	__s32 id;

	if ((__u32)task->tgid != nvr_front.process)
		return 0;
	ioeventfd = (void *)device - bpf_core_field_offset(struct _ioeventfd, dev);
	id = BPF_CORE_READ(ioeventfd, eventfd, id);
	index = bpf_map_lookup_elem(&nvr_doorbells, &id);
	if (!index || !dispatch_rings(ioeventfd, addr))
		return 0;
	if (nvr_confined && bpf_current_task_under_cgroup(&nvr_cgroup, 0) != 1)
		return 0;
	queue = bpf_map_lookup_elem(&nvr_queues, index);
	if (queue && queue->mode == DIRECT_ON)
		dispatch_run(queue, *index);
	return 0;
}
