/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One run of a direct engine over one queue, the same whatever event brought it:
 *
 *   CQEs → used ring → avail ring → requests → commands → SQEs
 *
 * Events can be missed (a program does not run where it already runs), so a run does not trust the
 * event it came with: it takes every CQE there is and every avail entry there is.
 */
#ifndef NVRING_DIRECT_RUN_H
#define NVRING_DIRECT_RUN_H

#include "direct_maps.h"
#include "moderate.h"
#include "notify.h"
#include "plain.h"
#include "sqe.h"
#include "used.h"
#include "virtqueue.h"

/* With so many requests in flight a completion is near and takes what waits: no doorbells. */
#define DIRECT_KICKS_OFF 16U
#define DIRECT_ROUNDS	 16  /* looks at the avail ring in one run */
#define DIRECT_BATCH	 16U /* requests taken at a look, before what was answered is published */

struct direct_run {
	struct direct_queue *queue;
	struct direct_vm *vm;
	struct inflight_queue *inflight; /* used when queue->tracked */
	struct vring_memory vring;
	struct direct_sq *sq;
	struct direct_cq *cq;
};

/* direct_inflight() - where a queue's requests are tracked */
static __always_inline struct inflight_queue *direct_inflight(__u32 index)
{
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&nvr_inflights, &zero);

	return map ? bpf_map_lookup_elem(map, &index) : (void *)0;
}

/* direct_word() - one of the ring's indices or flags */
static __always_inline volatile __u32 *direct_word(struct direct_cq *cq, __u32 offset)
{
	return (volatile __u32 *)&cq->byte[offset & (DIRECT_PAGE - sizeof(__u32))];
}

/* direct_call_worker() - there is something for user space: handed heads, a broken queue */
static __always_inline void direct_call_worker(struct direct_queue *queue)
{
	struct direct_call call = { .queue = queue->index };

	if (__sync_lock_test_and_set(&queue->attention, 1))
		return;
	bpf_ringbuf_output(&nvr_calls, &call, sizeof(call), BPF_RB_FORCE_WAKEUP);
}

/* direct_enter() - whether this context may serve the queue; the one that does goes on for it */
static __always_inline int direct_enter(struct direct_queue *queue)
{
	queue->counters.runs++;
	if (!(__sync_fetch_and_or(&queue->lock, DIRECT_HELD | DIRECT_AGAIN) & DIRECT_HELD))
		return 1;
	queue->counters.busy++;
	return 0;
}

/* direct_begin() - before each turn: what comes from now on asks for another one */
static __always_inline void direct_begin(struct direct_queue *queue)
{
	__sync_fetch_and_and(&queue->lock, ~DIRECT_AGAIN);
}

/* direct_leave() - let go of the queue, unless another turn was asked for */
static __always_inline int direct_leave(struct direct_queue *queue)
{
	return __sync_val_compare_and_swap(&queue->lock, DIRECT_HELD, 0) == DIRECT_HELD;
}

static __always_inline void direct_hand(struct direct_queue *queue, __u16 head,
					enum direct_reason reason)
{
	struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];

	slot->state = DIRECT_SLOT_HANDED;
	queue->handed[queue->handed_tail & (QUEUE_SIZE_MAX - 1)] = head;
	store_release(&queue->handed_tail, queue->handed_tail + 1);
	queue->counters.handed[reason]++;
	direct_call_worker(queue);
}

/* direct_release() - the kernel reads the request's segments no more */
static __always_inline void direct_release(struct direct_queue *queue, struct direct_slot *slot)
{
	if (!slot->pool)
		return;
	queue->pool_free[queue->pool_count & (DIRECT_POOL - 1)] = slot->pool - 1;
	queue->pool_count++;
	slot->pool = 0;
}

/* direct_give_back() - the request at @head is over and its status byte written */
static __always_inline void direct_give_back(const struct direct_run *run, __u16 head,
					     struct direct_slot *slot)
{
	struct direct_queue *queue = run->queue;

	slot->state = DIRECT_SLOT_FREE;
	used_push(&queue->state, &run->vring, head, slot->used_len);
	if (!queue->tracked)
		return;
	inflight_put(run->inflight, head);
	queue->batch[queue->batch_count & (QUEUE_SIZE_MAX - 1)] = head;
	queue->batch_count++;
}

/* direct_drop() - the request at @head broke the queue: it is not given back */
static __always_inline void direct_drop(const struct direct_run *run, __u16 head,
					struct direct_slot *slot)
{
	slot->state = DIRECT_SLOT_FREE;
	run->queue->state.in_flight--;
	if (run->queue->tracked)
		inflight_drop(run->inflight, head);
}

/* direct_succeeded() - the request at @head did all that was wanted */
static __always_inline void direct_succeeded(const struct direct_run *run, __u16 head,
					     struct direct_slot *slot)
{
	struct queue_counters *counters = &run->queue->state.counters;

	if (slot->type == VIRTIO_BLK_T_IN)
		counters->bytes_read += slot->bytes;
	else if (slot->type == VIRTIO_BLK_T_OUT)
		counters->bytes_written += slot->bytes;
	direct_give_back(run, head, slot);
}

static __always_inline void direct_completed(const struct direct_run *run, __u16 head, __s32 result)
{
	struct direct_queue *queue = run->queue;
	struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];

	if (slot->state != DIRECT_SLOT_SENT) {
		queue->counters.stray++;
		return;
	}
	direct_release(queue, slot);
	if (result != slot->expect) {
		direct_hand(queue, head, DIRECT_REASON_ERROR);
		return;
	}
	queue->idle_since = 0;
	direct_succeeded(run, head, slot);
}

/* direct_sqe() - the next SQE; sq_room was above 0 */
static __always_inline struct io_uring_sqe *direct_sqe(struct direct_queue *queue,
						       struct direct_sq *sq)
{
	__u32 at = (queue->sq_tail & (DIRECT_SQ_ENTRIES - 1)) * DIRECT_SQE_BYTES;

	__asm__ volatile("" : "+r"(at)); /* the mask is for the verifier: keep it */
	at &= DIRECT_SQ_BYTES - DIRECT_SQE_BYTES;
	queue->sq_tail++;
	queue->sq_room--;
	return (struct io_uring_sqe *)&sq->byte[at];
}

/* direct_has_room() - for a command, a status byte and an SQE of our own */
static __always_inline int direct_has_room(const struct direct_queue *queue)
{
	return queue->sq_room >= 3;
}

/* direct_own_sqe() - an SQE of ours, no request's command; @file is one of the ring's or none */
static __always_inline struct io_uring_sqe *
direct_own_sqe(struct direct_queue *queue, struct direct_sq *sq, __u8 opcode, __s32 file, __u64 tag)
{
	struct io_uring_sqe *sqe = direct_sqe(queue, sq);

	__builtin_memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->flags = file == SQE_FILE_NONE ? 0 : IOSQE_FIXED_FILE;
	sqe->fd = file;
	sqe->user_data = sqe_user_data(tag, queue->index, 0);
	return sqe;
}

static __always_inline void direct_arm_kick(struct direct_queue *queue, struct direct_sq *sq)
{
	struct io_uring_sqe *sqe;

	if (!queue->sq_room)
		return; /* the next run tries again */
	sqe = direct_own_sqe(queue, sq, IORING_OP_POLL_ADD, DIRECT_FILE_KICK, SQE_TAG_DIRECT_KICK);
	sqe->len = IORING_POLL_ADD_MULTI;
	sqe->poll32_events = 1; /* POLLIN */
	queue->kick_armed = 1;
}

/* direct_take_cqe() - account one completion */
static __always_inline void direct_take_cqe(const struct direct_run *run,
					    const volatile struct io_uring_cqe *cqe)
{
	struct direct_queue *queue = run->queue;
	__u64 user_data = cqe->user_data, tag = sqe_tag(user_data);

	if (tag == SQE_TAG_DIRECT) {
		direct_completed(run, sqe_head(user_data), cqe->res);
	} else if (tag == SQE_TAG_DIRECT_KICK) {
		queue->state.counters.kicks++;
		if (!(cqe->flags & IORING_CQE_F_MORE)) {
			queue->kick_armed = 0;
			queue->counters.polls += queue->mode == DIRECT_ON;
		}
	} else if (tag == SQE_TAG_DIRECT_SWEEP) {
		queue->sweep_armed = 0;
		queue->sweep_busy = queue->counters.runs - queue->sweep_runs > 1;
		queue->sweep_runs = queue->counters.runs;
	} else if (tag == SQE_TAG_DIRECT_LOOK) {
		queue->look_armed = 0;
	} else if (tag != SQE_TAG_DIRECT_CANCEL) {
		queue->counters.stray++;
	}
}

/* direct_reap() - take every completion the ring holds, which is filled up to index @seen */
static __always_inline void direct_reap(const struct direct_run *run, __u32 seen)
{
	struct direct_queue *queue = run->queue;
	__u32 next = queue->cq_next, count = seen - next, i;

	if (!count || count > DIRECT_CQ_ENTRIES)
		return;
	queue->counters.missed += count - 1;
	nvr_for(i, 0, count) {
		__u32 at = queue->ring.cqes +
			   ((next + i) & (DIRECT_CQ_ENTRIES - 1)) * DIRECT_CQE_BYTES;

		if (at > DIRECT_CQ_BYTES - DIRECT_CQE_BYTES)
			break;
		direct_take_cqe(run, (void *)&run->cq->byte[at]);
	}
	queue->cq_next = next + count;
	*direct_word(run->cq, queue->ring.cq_head) = next + count;
}

/* direct_take_back() - what the worker finished for us */
static __always_inline void direct_take_back(const struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u32 from = queue->returned_head, count = load_once(&queue->returned_tail) - from, i;

	if (!count || count > QUEUE_SIZE_MAX)
		return;
	nvr_for(i, 0, count) {
		__u16 head = load_once(&queue->returned[(from + i) & (QUEUE_SIZE_MAX - 1)]);
		struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];

		if (slot->state != DIRECT_SLOT_HANDED) {
			queue->counters.stray++;
		} else if (head & DIRECT_RETURN_DROPPED) {
			direct_drop(run, head & (QUEUE_SIZE_MAX - 1), slot);
		} else {
			direct_give_back(run, head, slot);
		}
	}
	queue->returned_head = from + count;
}

/* direct_publish() - let the driver see what was given back */
static __always_inline void direct_publish(const struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->state.published == queue->state.used_idx)
		return;
	if (used_publish(&queue->state, &run->vring))
		return;
	if (queue->tracked) {
		inflight_publish(run->inflight, queue->batch, queue->batch_count,
				 queue->state.published);
		queue->batch_count = 0;
	}
}

/* direct_holds() - whether the driver can be told of completions later, with more of them */
NVR_GLOBAL int direct_holds(struct direct_queue *queue NVR_NONNULL)
{
	__u32 owed = (__u16)(queue->state.published - queue->state.signalled);
	__u32 fresh = (__u16)(queue->state.published - queue->noted);
	__u64 now;

	queue->noted = queue->state.published;
	if (queue->mode != DIRECT_ON || queue->state.flags & QUEUE_BROKEN ||
	    !moderate_applies(&queue->moderation, queue->state.in_flight + owed)) {
		moderate_rest(&queue->moderation);
		return 0;
	}
	now = bpf_ktime_get_ns();
	if (fresh)
		moderate_completed(&queue->moderation, now, fresh);
	return moderate_holds(&queue->moderation, now, queue->state.in_flight, owed);
}

/* direct_notify() - note whether the driver wants an interrupt now; 1 when it is held back */
static __always_inline int direct_notify(const struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->state.published == queue->state.signalled)
		return 0;
	if (direct_holds(queue))
		return 1;
	if (notify_wanted(&queue->state, &run->vring)) {
		queue->wanted = 1;
		queue->state.counters.interrupts++;
	}
	return 0;
}

/* direct_status() - let /dev/zero write the status byte OK, as BPF has no means to */
static __always_inline struct io_uring_sqe *
direct_status(struct direct_queue *queue, struct direct_sq *sq, const struct request *request)
{
	struct io_uring_sqe *sqe =
		direct_own_sqe(queue, sq, IORING_OP_READ, DIRECT_FILE_ZERO, SQE_TAG_DIRECT_STATUS);

	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->addr = request->status_addr;
	sqe->len = 1;
	queue->counters.status_writes++;
	return sqe;
}

/* direct_answer() - nothing to do for the request but to say OK; 1 when it says so already */
static __always_inline int direct_answer(struct direct_queue *queue, struct direct_sq *sq,
					 const struct request *request, struct direct_slot *slot)
{
	struct io_uring_sqe *sqe;

	if (request->status_ok)
		return 1;
	sqe = direct_status(queue, sq, request);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->user_data = sqe_user_data(SQE_TAG_DIRECT, queue->index, request->head);
	slot->expect = 1;
	return 0;
}

/* direct_command() - send the command of the request at @head */
static __always_inline void direct_command(struct direct_queue *queue, const struct disk *disk,
					   struct direct_sq *sq, const struct command *command,
					   __u16 head, struct direct_slot *slot)
{
	slot->expect = disk->kind != DISK_NVME &&
				       (command->op == COMMAND_READ || command->op == COMMAND_WRITE)
			       ? (__s32)command->bytes
			       : 0;
	sqe_fill(disk, command, sqe_user_data(SQE_TAG_DIRECT, queue->index, head),
		 direct_sqe(queue, sq));
	queue->state.counters.commands++;
}

/* direct_plain() - send the command of a plain request; 1 when it is over, -1 when it is not plain
 */
NVR_GLOBAL int direct_plain(struct direct_queue *queue NVR_NONNULL,
			    const struct direct_vm *vm NVR_NONNULL,
			    struct direct_sq *sq NVR_NONNULL, __u32 head)
{
	struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];
	struct plain plain;

	if (!plain_parse(&vm->memory, &vm->disk, &queue->first, &plain))
		return -1;
	slot->used_len = plain.used_len;
	slot->bytes = (__u32)plain.command.bytes;
	slot->type = (__u8)plain.type;
	if (vm->disk.kind == DISK_NULL)
		return 1;
	direct_command(queue, &vm->disk, sq, &plain.command, (__u16)head, slot);
	return 0;
}

/* direct_refused() - why another must do this request, or -1 */
static __always_inline int direct_refused(const struct disk *disk, struct request *request,
					  enum command_step *ret_step)
{
	*ret_step = COMMAND_DONE;
	if (request->status == REQUEST_STATUS_PENDING)
		*ret_step = command_next(disk, request);
	if (*ret_step == COMMAND_DONE)
		return request->status == VIRTIO_BLK_S_OK ? -1 : DIRECT_REASON_STATUS;
	if (*ret_step != COMMAND_SEND || !command_only(disk, request))
		return DIRECT_REASON_COMMANDS;
	return -1;
}

/* direct_send() - the request in pool entry @entry was parsed: send its command; 1 when it is over
 */
NVR_GLOBAL int direct_send(struct direct_queue *queue NVR_NONNULL,
			   const struct disk *disk NVR_NONNULL, struct direct_sq *sq NVR_NONNULL,
			   __u32 entry)
{
	struct request *request = &queue->pool[entry & (DIRECT_POOL - 1)];
	struct direct_slot *slot = &queue->slot[request->head & (QUEUE_SIZE_MAX - 1)];
	enum command_step step;
	int reason;

	reason = direct_refused(disk, request, &step);
	if (reason >= 0) {
		direct_hand(queue, request->head, reason);
		return 0;
	}
	slot->used_len = request->used_len;
	slot->bytes = (__u32)request->data_len;
	slot->type = (__u8)request->type;
	if (step == COMMAND_DONE)
		return direct_answer(queue, sq, request, slot);
	if (!request->status_ok)
		direct_status(queue, sq, request);
	direct_command(queue, disk, sq, &request->command, request->head, slot);
	if (request->command.count > 1 || request->command.op == COMMAND_DEALLOCATE) {
		slot->pool = (__u8)(entry + 1);
		queue->pool_count--;
	}
	return 0;
}

/* direct_general() - parse any request and send its command; as direct_parse() */
static __always_inline int direct_general(struct direct_run *run, __u16 head)
{
	struct direct_queue *queue = run->queue;
	__u32 entry;
	int err;

	if (!queue->pool_count) {
		direct_hand(queue, head, DIRECT_REASON_POOL);
		return 0;
	}
	entry = queue->pool_free[(queue->pool_count - 1) & (DIRECT_POOL - 1)] & (DIRECT_POOL - 1);
	err = request_parse(&queue->state, &run->vring, &run->vm->memory, &run->vm->disk, head,
			    &queue->table, &queue->pool[entry]);
	if (!err)
		return direct_send(queue, &run->vm->disk, run->sq, entry);
	if (err != -EPROTO)
		direct_hand(queue, head, DIRECT_REASON_FAULT);
	return err == -EPROTO ? err : 0;
}

/* direct_parse() - send the command of a request; 1 when it is over, -EPROTO when the queue broke
 */
static __always_inline int direct_parse(struct direct_run *run, __u16 head)
{
	int over = -1;

	if (!vring_desc_read(&run->vring, head, &run->queue->first) &&
	    run->queue->state.flags & QUEUE_INDIRECT)
		over = direct_plain(run->queue, run->vm, run->sq, head);
	return over < 0 ? direct_general(run, head) : over;
}

/* direct_start() - take in the request at @head; -EPROTO when the queue broke */
static __always_inline int direct_start(struct direct_run *run, __u16 head)
{
	struct direct_queue *queue = run->queue;
	struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];
	int over;

	if (slot->state != DIRECT_SLOT_FREE) {
		virtqueue_break(&queue->state, QUEUE_FAULT_HEAD_BUSY);
		return -EPROTO;
	}
	if (queue->tracked)
		inflight_take(run->inflight, head, queue->inflight_counter++);
	queue->state.in_flight++;
	queue->idle_since = 0;
	slot->state = DIRECT_SLOT_SENT;
	over = direct_parse(run, head);
	if (over > 0)
		direct_succeeded(run, head, slot);
	if (over >= 0)
		return 0;
	direct_drop(run, head, slot);
	return over;
}

/* direct_start_batch() - start what waits in the avail ring, as far as there is room */
static __always_inline void direct_start_batch(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u32 count = virtqueue_pending(&queue->state, &run->vring);
	__u32 room = DIRECT_IN_FLIGHT_MAX - queue->state.in_flight, i;

	if (room > DIRECT_BATCH)
		room = queue->state.in_flight > DIRECT_IN_FLIGHT_MAX ? 0 : DIRECT_BATCH;
	if (count > room)
		count = room;
	count = vring_avail_fetch(&run->vring, queue->state.last_avail & (queue->state.size - 1),
				  count);
	nvr_for(i, 0, count) {
		int head;

		if (!direct_has_room(queue))
			break;
		head = virtqueue_take(&queue->state, &run->vring);
		if (head < 0 || direct_start(run, (__u16)head))
			break;
	}
	direct_publish(run);
}

/* direct_pending() - whether there is more that could be started now */
static __always_inline int direct_pending(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	return direct_has_room(queue) && queue->state.in_flight < DIRECT_IN_FLIGHT_MAX &&
	       !vring_faulted(&run->vring) && virtqueue_pending(&queue->state, &run->vring);
}

/* direct_look_later() - poller: come back at once. A NOP is the way: it is seen to complete. */
static __always_inline void direct_look_later(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->look_armed || !queue->sq_room)
		return;
	direct_own_sqe(queue, run->sq, IORING_OP_NOP, SQE_FILE_NONE, SQE_TAG_DIRECT_LOOK);
	queue->look_armed = 1;
}

/* direct_spins() - whether to look again at once rather than ask for a doorbell */
static __always_inline int direct_spins(struct direct_queue *queue)
{
	__u64 now;

	if (!queue->spin_ns)
		return 0;
	now = bpf_ktime_get_ns();
	if (!queue->idle_since)
		queue->idle_since = now;
	return now - queue->idle_since < queue->spin_ns;
}

/* direct_kicks() - ask for doorbells or not; 1 when entries came meanwhile */
static __always_inline int direct_kicks(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	if (queue->state.flags & QUEUE_BROKEN || vring_faulted(&run->vring))
		return 0;
	if (queue->state.in_flight < DIRECT_KICKS_OFF)
		return virtqueue_kicks_on(&queue->state, &run->vring) && direct_has_room(queue);
	virtqueue_kicks_off(&queue->state, &run->vring);
	return 0;
}

/* direct_complete() - take completions up to index @seen and give requests back */
static __always_inline void direct_complete(const struct direct_run *run, __u32 seen)
{
	direct_reap(run, seen);
	direct_take_back(run);
	direct_publish(run);
}

/* direct_dispatch_begin() - see how much room the SQ has; rearm a kick poll that ended */
static __always_inline __u32 direct_dispatch_begin(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u32 tail = *direct_word(run->cq, queue->ring.sq_tail);

	queue->sq_tail = tail;
	queue->sq_room = DIRECT_SQ_ENTRIES - (tail - *direct_word(run->cq, queue->ring.sq_head));
	if (!queue->kick_armed && queue->mode == DIRECT_ON)
		direct_arm_kick(queue, run->sq);
	return tail;
}

/* direct_dispatch_end() - let the kernel see the SQEs; returns how many since @tail */
static __always_inline __u32 direct_dispatch_end(struct direct_run *run, __u32 tail)
{
	struct direct_queue *queue = run->queue;
	__u32 count = queue->sq_tail - tail;

	if (queue->state.flags & QUEUE_BROKEN && !queue->reported) {
		queue->reported = 1;
		direct_call_worker(queue);
	}
	if (count)
		store_release(direct_word(run->cq, queue->ring.sq_tail), queue->sq_tail);
	return count;
}

/* direct_signal() - an SQE that writes the call file descriptor, where that is how it is done */
static __always_inline void direct_signal(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	struct io_uring_sqe *sqe;

	if (!queue->has_call || !queue->wanted || !queue->sq_room)
		return;
	queue->wanted = 0;
	sqe = direct_own_sqe(queue, run->sq, IORING_OP_WRITE, DIRECT_FILE_CALL,
			     SQE_TAG_DIRECT_SIGNAL);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->off = -1ULL;
	sqe->addr = queue->self + __builtin_offsetof(struct direct_queue, one);
	sqe->len = sizeof(queue->one);
}

#endif
