// SPDX-License-Identifier: GPL-2.0-only
/*
 * The poller engine: serves queues in the kernel thread of SQPOLL rings, at each completion.
 *
 * A queue has a ring, whose memory is a BPF map's. A multishot poll in it turns doorbells into
 * completions, so one hook sees all there is to see. The ring's registered eventfd is the call
 * eventfd: the kernel writes it after the hook ran, when the CQE it ran for is posted; the flag
 * IORING_CQ_EVENTFD_DISABLED holds that back.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/errno.h>

#include "direct_run.h"
#include "poller_maps.h"

char LICENSE[] SEC("license") = "GPL";

/* Completions taken in one run; no more, so that the guest goes on while the rest are taken. */
#define POLLER_BATCH 8U

#define POLLER_TURNS 4 /* while others ask for one */

/*
 * The safety net: events can be missed, so while there is traffic a timeout brings us back in any
 * case. When it finds none it is not set again. Should its own event be missed, or an idle queue's
 * doorbell, the worker's look once a second is left.
 */
static __always_inline void poller_sweep(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->sweep_armed || !queue->sq_room)
		return;
	if (!queue->state.in_flight && !queue->look_armed && !queue->sweep_busy &&
	    !direct_waits(queue))
		return;
	direct_timeout(queue, run->sq, SQE_TAG_DIRECT_SWEEP,
		       __builtin_offsetof(struct direct_queue, sweep_delay));
	queue->sweep_armed = 1;
	queue->sweep_busy = 0;
}

/* Look at the avail ring for a moment; 1 when entries came that can be started. The ring is not
 * looked at once more for that: the driver waits for its index' cache line each time. */
static __always_inline int poller_look(struct direct_run *run)
{
	__u32 i;

	nvr_for(i, 0, POLLER_LOOKS)
		if (vring_avail_idx(&run->vring) != run->queue->state.last_avail)
			return direct_has_room(run->queue) && !vring_faulted(&run->vring);
	return 0;
}

/*
 * Whether there is more to start now; if not, what brings us back is set up: a look, or the
 * doorbell. The thread spins for a jiffy after each event in any case, so looking costs the host
 * nothing and saves the guest a VM exit. But an interrupt that is owed goes out, and completions
 * come in, only once we are back: with either, a look is no more than a NOP.
 */
DIRECT_APART int poller_more(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u64 spin_ns = load_once(&queue->spin.budget_ns);

	if (direct_pending(run))
		return 1;
	direct_notify(run);
	if (direct_waits(queue)) {
		virtqueue_kicks_off(&queue->state, &run->vring);
		return 0;
	}
	if (!spin_ns)
		return direct_kicks(run);
	virtqueue_kicks_off(&queue->state, &run->vring);
	if (!queue->wanted && !queue->state.in_flight && poller_look(run))
		return 1;
	if (!direct_spins(queue, spin_ns))
		return direct_kicks(run);
	direct_look_later(run);
	return 0;
}

static __always_inline void poller_dispatch(struct direct_run *run)
{
	int round;

	nvr_for(round, 0, DIRECT_ROUNDS) {
		direct_start_batch(run);
		if (!poller_more(run))
			break;
		run->queue->now = 0; /* a look at the clock for each batch */
	}
	if (direct_pending(run)) /* rounds ran out */
		direct_look_later(run);
	poller_sweep(run);
}

/* A turn at the queue; returns how many SQEs it wrote. A function of its own, verified once. A call
 * file descriptor that is no eventfd (a UML guest's is a pipe) is written by an SQE. */
__attribute__((noinline)) int nvr_turn(__u32 index)
{
	struct direct_run run;
	__u32 tail;
	int sent;

	if (poller_open(index, bpf_get_current_task_btf(), &run))
		return 0;
	tail = direct_dispatch_begin(&run);
	direct_take(&run, load_once(&run.queue->cq_seen));
	if (run.queue->mode == DIRECT_ON)
		poller_dispatch(&run);
	if (direct_notify(&run) && !direct_await_hold(&run)) /* has its time come? */
		direct_look_later(&run);
	direct_signal(&run);
	if (vring_faulted(&run.vring)) /* the worker has the page mapped and brings us back */
		direct_call_worker(run.queue);
	sent = (int)direct_dispatch_end(&run, tail);
	direct_timed(&run);
	return sent;
}

/*
 * Have the kernel write the call eventfd when it posts the CQE we run for, or not. It looks at the
 * flag after the CQ's tail moved, in the same thread; only when the tail has passed the last
 * completion that wanted an interrupt may the flag be set again. A completion posted by another
 * thread (io-wq) could look late: from then on the flag stays clear until the next sweep, which
 * interrupts once more, whatever the other thread found.
 */
static __always_inline void poller_notify(struct direct_queue *queue,
					  const struct queue_stats *stats,
					  struct direct_ring_memory *memory, int foreign)
{
	volatile __u32 *flags = direct_word(&memory->cq, queue->ring.cq_flags);
	int wanted = queue->wanted && !queue->has_call;

	if (foreign) {
		queue->foreign = 1;
	} else if (queue->foreign && queue->sweep_runs == stats->direct.runs) {
		queue->foreign = 0;
		wanted = 1;
	}
	if (wanted) {
		queue->wanted = 0;
		queue->notify_at = queue->cq_seen;
		*flags = 0;
	} else if (!*flags && !queue->foreign &&
		   (__s32)(*direct_word(&memory->cq, queue->ring.cq_tail) - queue->notify_at) >=
			   0) {
		*flags = IORING_CQ_EVENTFD_DISABLED;
	}
}

/* SQEs written while the SQPOLL thread sleeps, by another thread: user space wakes it. */
static __always_inline void poller_wake(struct direct_queue *queue,
					struct direct_ring_memory *memory)
{
	__sync_fetch_and_add(&queue->window.barrier, 1);
	if (*direct_word(&memory->cq, queue->ring.sq_flags) & IORING_SQ_NEED_WAKEUP)
		direct_call_worker(queue);
}

static __always_inline int poller_run(struct direct_queue *queue, struct direct_ring_memory *memory,
				      __u32 index, int foreign)
{
	struct queue_stats *stats = bpf_map_lookup_elem(&nvr_stats, &index);
	int turn, sent;

	if (!stats || !direct_enter(queue, stats))
		return 0;
	nvr_for(turn, 0, POLLER_TURNS) {
		direct_begin(queue);
		if (!queue->poller) /* left while we came: poller_stop() looks at the lock next */
			break;
		sent = nvr_turn(index);
		poller_notify(queue, stats, memory, foreign);
		if (sent && foreign)
			poller_wake(queue, memory);
		if (direct_leave(queue))
			return 0;
	}
	/* Others keep coming, and the next of them finds the queue free. */
	__sync_fetch_and_and(&queue->lock, 0);
	return 0;
}

/*
 * poller_followed() - whether another completion of this batch comes right after this one
 *
 * The kernel posts a list of finished requests at a time (__io_submit_flush_completions). The run
 * for the last one takes them all; used ring and avail ring are then touched once a batch. One
 * that posts no CQE brings no event, so it does not count.
 */
static __always_inline int poller_followed(void *request)
{
	struct io_wq_work_node *next;
	struct io_kiocb *following;

	if (!request)
		return 0;
	next = bpf_core_cast(request, struct io_kiocb)->comp_list.next;
	if (!next)
		return 0;
	following = (void *)next - bpf_core_field_offset(struct io_kiocb, comp_list);
	return !(bpf_core_cast(following, struct io_kiocb)->flags & IOSQE_CQE_SKIP_SUCCESS);
}

static __always_inline int poller_completed(struct io_ring_ctx *ring, void *request,
					    __u64 user_data, __s32 result, __u32 cqe_flags,
					    int fill)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 index = sqe_queue(user_data), tail, at, foreign;
	struct direct_ring_memory *memory;
	struct direct_queue *queue;
	struct io_uring_cqe *cqe;

	if ((__u32)task->tgid != nvr_tgid || sqe_tag(user_data) < SQE_TAG_DIRECT)
		return 0;
	queue = bpf_map_lookup_elem(&nvr_queues, &index);
	memory = bpf_map_lookup_elem(&nvr_rings, &index);
	if (!queue || !memory)
		return 0;
	/* A queue moves between engines: what its other rings complete is not for us, and what ours
	 * still completes waits until we serve the queue again. */
	if (!queue->poller || !ring->sq_data)
		return 0;
	/* The CQE we run for is the last one, not yet posted. */
	tail = ring->cached_cq_tail;
	if (fill) {
		at = queue->ring.cqes + ((tail - 1) & (DIRECT_CQ_ENTRIES - 1)) * DIRECT_CQE_BYTES;
		if (at > DIRECT_CQ_BYTES - DIRECT_CQE_BYTES)
			return 0;
		cqe = (void *)&memory->cq.byte[at];
		cqe->user_data = user_data;
		cqe->res = result;
		cqe->flags = cqe_flags;
	}
	store_release(&queue->cq_seen, tail);
	foreign = task->pid != ring->sq_data->task_pid;
	if (!foreign && tail - queue->cq_next < POLLER_BATCH && poller_followed(request))
		return 0;
	return poller_run(queue, memory, index, foreign);
}

/* Linux with the completion as an argument: the CQE is in the ring already. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(nvr_complete, struct io_ring_ctx *ring, void *request, struct io_uring_cqe *cqe)
{
	return poller_completed(ring, request, cqe->user_data, 0, 0, 0);
}

/* Linux 6.12, where its fields are, and the ring is a pointer to anything: the kernel writes the
 * CQE after us, with what we write. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(nvr_complete612, void *ring, void *request, __u64 user_data, int result,
	     unsigned int cqe_flags)
{
	return poller_completed(bpf_core_cast(ring, struct io_ring_ctx), request, user_data, result,
				cqe_flags, 1);
}
