/* SPDX-License-Identifier: GPL-2.0-only */
/* The way there: avail ring → requests → commands → SQEs. */
#ifndef NVRING_DIRECT_START_H
#define NVRING_DIRECT_START_H

#include "direct_complete.h"
#include "direct_limit.h"
#include "plain.h"
#include "sqe.h"

#ifndef DIRECT_SUBMITS
#define DIRECT_SUBMITS 0 /* 1: SQEs are submitted by BPF itself (loop) */
#endif

#ifndef DIRECT_LEAVES_FAULTS
#define DIRECT_LEAVES_FAULTS \
	0 /* 1: what cannot be read here is left for another to try (dispatch) */
#endif

#define DIRECT_BATCH 16U /* requests taken at a look, before what was answered is published */

/* direct_answer() - nothing to do for the request but to say OK; 1 when it says so already */
static __always_inline int direct_answer(struct direct_queue *queue, struct queue_stats *stats,
					 struct direct_sq *sq, const struct request *request,
					 struct direct_slot *slot)
{
	struct io_uring_sqe *sqe;

	if (request->status_ok)
		return 1;
	sqe = direct_status(queue, stats, sq, request);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->user_data = sqe_user_data(SQE_TAG_DIRECT, queue->index, request->head);
	slot->expect = 1;
	return 0;
}

/*
 * The loop submits from within BPF, where a task may not migrate. A thread of io-wq that the kernel
 * has to start for a command there is born so and stays so: Linux 7.3 warns of it (set_task_cpu).
 * So what is always left to such a thread is the worker's, and what would have to be comes back
 * with EAGAIN, and is then.
 */

/* direct_forks() - whether the kernel leaves the command to a thread of io-wq, always */
static __always_inline int direct_forks(const struct disk *disk, const struct command *command)
{
	return DIRECT_SUBMITS && disk->kind != DISK_NVME &&
	       (command->op == COMMAND_FLUSH || command->op == COMMAND_FALLOCATE);
}

/* direct_command() - send the command of the request at @head */
static __always_inline void direct_command(struct direct_queue *queue, struct queue_stats *stats,
					   const struct direct_vm *vm, struct direct_sq *sq,
					   const struct command *command, __u16 head,
					   struct direct_slot *slot)
{
	struct io_uring_sqe *sqe = direct_sqe(queue, sq);
	const struct disk *disk = &vm->disk;

	slot->expect = disk->kind != DISK_NVME &&
				       (command->op == COMMAND_READ || command->op == COMMAND_WRITE)
			       ? (__s32)command->bytes
			       : 0;
	sqe_fill(disk, command, sqe_user_data(SQE_TAG_DIRECT, queue->index, head), sqe);
	sqe_use_buffer(&vm->memory, disk, command, sqe);
	if (DIRECT_SUBMITS && disk->kind != DISK_NVME)
		sqe->rw_flags |= SQE_RWF_NOWAIT;
	if (trace_follows(&stats->trace, head))
		stats->trace.now.sector = (command->offset - disk->offset) >> NVR_SECTOR_SHIFT;
	stats->counters.commands++;
}

/* direct_plain() - send the command of a plain request; 1 when it is over, -1 when it is not plain,
 * DIRECT_WAITS */
NVR_GLOBAL int direct_plain(struct direct_queue *queue NVR_NONNULL,
			    struct queue_stats *stats NVR_NONNULL, struct direct_vm *vm NVR_NONNULL,
			    struct direct_sq *sq NVR_NONNULL, __u32 head)
{
	struct direct_slot *slot = &queue->slot[head & (QUEUE_SIZE_MAX - 1)];
	struct plain *plain = &queue->plain;

	if (!plain_parse(&vm->memory, &vm->disk, &queue->first, plain))
		return -1;
	if (load_once(&vm->limits.on)) {
		if (!direct_pays(queue, vm, plain->type == VIRTIO_BLK_T_OUT,
				 (__u32)plain->command.bytes))
			return DIRECT_WAITS;
		slot->paid = 1;
	}
	slot->used_len = plain->used_len;
	slot->bytes = (__u32)plain->command.bytes;
	slot->type = (__u8)plain->type;
	if (vm->disk.kind == DISK_NULL)
		return 1;
	direct_command(queue, stats, vm, sq, &plain->command, (__u16)head, slot);
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
	if (*ret_step != COMMAND_SEND || !command_only(disk, request) ||
	    direct_forks(disk, &request->command))
		return DIRECT_REASON_COMMANDS;
	return -1;
}

/* direct_request_waits() - whether a parsed request has to wait for its turn */
static __always_inline int direct_request_waits(struct direct_queue *queue, struct direct_vm *vm,
						const struct request *request,
						struct direct_slot *slot)
{
	struct request_weight weight;

	if (!load_once(&vm->limits.on) || request->status != REQUEST_STATUS_PENDING)
		return 0;
	weight = request_weight(request);
	slot->paid = (__u8)direct_pays(queue, vm, (int)weight.write, weight.bytes);
	return !slot->paid;
}

/* direct_send() - the request in pool entry @entry was parsed: send its command; 1 when it is over,
 * DIRECT_WAITS */
NVR_GLOBAL int direct_send(struct direct_queue *queue NVR_NONNULL,
			   struct queue_stats *stats NVR_NONNULL, struct direct_vm *vm NVR_NONNULL,
			   struct direct_sq *sq NVR_NONNULL, __u32 entry)
{
	struct request *request = &queue->pool[entry & (DIRECT_POOL - 1)];
	struct direct_slot *slot = &queue->slot[request->head & (QUEUE_SIZE_MAX - 1)];
	const struct disk *disk = &vm->disk;
	enum command_step step;
	int reason;

	if (direct_request_waits(queue, vm, request, slot))
		return DIRECT_WAITS;
	reason = direct_refused(disk, request, &step);
	if (reason >= 0) {
		direct_hand(queue, stats, request->head, reason);
		return 0;
	}
	slot->used_len = request->used_len;
	slot->bytes = (__u32)request->data_len;
	slot->type = (__u8)request->type;
	if (step == COMMAND_DONE)
		return direct_answer(queue, stats, sq, request, slot);
	if (!request->status_ok)
		direct_status(queue, stats, sq, request);
	direct_command(queue, stats, vm, sq, &request->command, request->head, slot);
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
		direct_hand(queue, run->stats, head, DIRECT_REASON_POOL);
		return 0;
	}
	entry = queue->pool_free[(queue->pool_count - 1) & (DIRECT_POOL - 1)] & (DIRECT_POOL - 1);
	err = request_parse(&queue->state, &run->vring, &run->vm->memory, &run->vm->disk, head,
			    &queue->table, &queue->pool[entry]);
	if (!err)
		return direct_send(queue, run->stats, run->vm, run->sq, entry);
	if (err == -EPROTO)
		return err;
	if (DIRECT_LEAVES_FAULTS)
		return DIRECT_WAITS;
	direct_hand(queue, run->stats, head, DIRECT_REASON_FAULT);
	return 0;
}

/* direct_parse() - send the command of a request; 1 when it is over, -EPROTO when the queue broke,
 * DIRECT_WAITS */
static __always_inline int direct_parse(struct direct_run *run, __u16 head)
{
	int over = -1;

	if (!vring_desc_read(&run->vring, head, &run->queue->first) &&
	    run->queue->state.flags & QUEUE_INDIRECT)
		over = direct_plain(run->queue, run->stats, run->vm, run->sq, head);
	return over < 0 ? direct_general(run, head) : over;
}

/* direct_start() - take in the request at @head; -EPROTO when the queue broke, -EAGAIN when it
 * waits
 */
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
	slot->started = queue->now;
	slot->state = DIRECT_SLOT_SENT;
	slot->paid = 0;
	if (load_once(&run->stats->trace.every))
		direct_trace(queue, run->stats, head);
	over = direct_parse(run, head);
	if (over == DIRECT_WAITS) {
		direct_put_back(run, head, slot);
		return -EAGAIN;
	}
	if (over > 0)
		direct_succeeded(run, head, slot);
	if (over >= 0)
		return 0;
	direct_drop(run, head, slot);
	return over;
}

/* direct_start_batch() - start what waits in the avail ring, as far as there is room */
DIRECT_APART void direct_start_batch(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;
	__u32 count = virtqueue_pending(&queue->state, &run->vring);
	__u16 from = queue->state.last_avail;
	__u32 room = DIRECT_IN_FLIGHT_MAX - queue->state.in_flight, i;

	if (direct_held(run))
		return;
	if (room > DIRECT_BATCH)
		room = queue->state.in_flight > DIRECT_IN_FLIGHT_MAX ? 0 : DIRECT_BATCH;
	if (count > room)
		count = room;
	count = vring_avail_fetch(&run->vring, queue->state.last_avail & (queue->state.size - 1),
				  count);
	if (count && run->vm->disk.kind != DISK_NULL) /* which is done before a clock could tell */
		direct_clock(queue);
	nvr_for(i, 0, count) {
		int head;

		if (!direct_has_room(queue))
			break;
		head = virtqueue_take(&queue->state, &run->vring);
		if (head < 0 || direct_start(run, (__u16)head))
			break;
	}
	run->stats->counters.requests += (__u16)(queue->state.last_avail - from);
	direct_publish(run);
}

/* direct_pending() - whether there is more that could be started now */
static __always_inline int direct_pending(struct direct_run *run)
{
	struct direct_queue *queue = run->queue;

	return direct_has_room(queue) && !direct_waits(queue) &&
	       queue->state.in_flight < DIRECT_IN_FLIGHT_MAX && !vring_faulted(&run->vring) &&
	       virtqueue_pending(&queue->state, &run->vring);
}

#endif
