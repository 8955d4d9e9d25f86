// SPDX-License-Identifier: GPL-2.0-only
#include "vhost_queue.h"

#include <linux/virtio_config.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/log.h"
#include "direct.h"
#include "vm.h"

const char *vhost_queue_fault_name(uint16_t fault)
{
	static const char *const names[QUEUE_FAULT_COUNT] = {
		[QUEUE_FAULT_NONE] = "no fault",
		[QUEUE_FAULT_AVAIL_JUMP] = "the avail index jumped by more than the queue size",
		[QUEUE_FAULT_HEAD_RANGE] = "an avail entry names no descriptor",
		[QUEUE_FAULT_HEAD_BUSY] = "an avail entry names a request that is in flight",
		[QUEUE_FAULT_CHAIN_RANGE] = "a descriptor's next names no descriptor",
		[QUEUE_FAULT_CHAIN_LOOP] = "a descriptor chain is longer than its table",
		[QUEUE_FAULT_CHAIN_ORDER] = "a readable descriptor follows a writable one",
		[QUEUE_FAULT_INDIRECT] = "an indirect descriptor is not allowed or malformed",
		[QUEUE_FAULT_INDIRECT_MEM] = "an indirect table is outside guest memory",
		[QUEUE_FAULT_NO_HEADER] = "a request has no complete header",
		[QUEUE_FAULT_NO_STATUS] = "a request has no status byte in guest memory",
		[QUEUE_FAULT_MEMORY_GONE] = "guest memory was truncated by its owner",
	};

	return fault < QUEUE_FAULT_COUNT ? names[fault] : "unknown fault";
}

static void forget(struct vhost_queue *queue)
{
	queue->size = 0;
	queue->base = 0;
	queue->has_addr = false;
	queue->kicked = false;
	queue->enabled = false;
	queue->inflight = NULL;
	queue->kick_fd = fd_close(queue->kick_fd);
}

void vhost_queue_init(struct vhost_queue *queue, struct vm *vm, uint32_t index)
{
	queue->vm = vm;
	queue->index = index;
	queue->kick_fd = -1;
	queue->call_fd = -1;
	queue->err_fd = -1;
	queue->asked = vm->options.engine;
	queue->worker = &vm->workers[index % vm->options.workers];
}

/* Translate the ring's three parts; each must lie within one region. Virtio 1.3 §2.7. */
static int map_vring(struct vhost_queue *queue)
{
	const struct guest_map *map = &queue->vm->map;
	const struct vhost_vring_addr *addr = &queue->addr;
	struct vring_memory vring = {
		.desc = guest_map_find_user(map, addr->desc_user_addr,
					    vring_desc_bytes(queue->size)),
		.avail = guest_map_find_user(map, addr->avail_user_addr,
					     vring_avail_bytes(queue->size)),
		.used = guest_map_find_user(map, addr->used_user_addr,
					    vring_used_bytes(queue->size)),
	};

	if (!vring.desc || !vring.avail || !vring.used) {
		log_error("queue %u: ring at %#llx, %#llx, %#llx is outside guest memory",
			  queue->index, addr->desc_user_addr, addr->avail_user_addr,
			  addr->used_user_addr);
		return -EFAULT;
	}
	if ((uintptr_t)vring.desc % 16 || (uintptr_t)vring.avail % 2 || (uintptr_t)vring.used % 4) {
		log_error("queue %u: ring at %#llx, %#llx, %#llx is not aligned to 16, 2, 4 bytes",
			  queue->index, addr->desc_user_addr, addr->avail_user_addr,
			  addr->used_user_addr);
		return -EINVAL;
	}
	queue->vring = vring;
	return 0;
}

static int allocate(struct vhost_queue *queue)
{
	size_t bytes = queue->size * sizeof(struct io);

	/* Mapped, not malloced: slots never used stay without pages. */
	queue->ios = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (queue->ios == MAP_FAILED) {
		queue->ios = NULL;
		return -ENOMEM;
	}
	queue->ios_bytes = bytes;
	queue->batch = calloc(queue->size, sizeof(queue->batch[0]));
	return queue->batch ? 0 : -ENOMEM;
}

static void release(struct vhost_queue *queue)
{
	if (queue->ios)
		munmap(queue->ios, queue->ios_bytes);
	queue->ios = NULL;
	free(queue->batch);
	queue->batch = NULL;
	queue->batch_count = 0;
}

static void init_state(struct vhost_queue *queue)
{
	uint64_t features = queue->vm->features;
	uint16_t used_idx = vring_used_idx(&queue->vring);
	struct queue_state *state = &queue->state;

	state->size = queue->size;
	state->last_avail = queue->base;
	state->used_idx = used_idx;
	state->published = used_idx;
	/* One interrupt too many after a restart is harmless, one too few is not. */
	state->signalled = used_idx;
	state->fault = QUEUE_FAULT_NONE;
	state->in_flight = 0;
	state->flags = 0;
	if (features & 1ULL << VIRTIO_RING_F_EVENT_IDX)
		state->flags |= QUEUE_EVENT_IDX;
	if (features & 1ULL << VIRTIO_RING_F_INDIRECT_DESC)
		state->flags |= QUEUE_INDIRECT;
	queue->fault_reported = false;
	queue->paused = false;
}

static int start(struct vhost_queue *queue)
{
	struct vm *vm = queue->vm;
	int err;

	err = map_vring(queue);
	if (err)
		return err;
	err = allocate(queue);
	if (err) {
		release(queue);
		log_error("queue %u: no memory for %u requests", queue->index, queue->size);
		return err;
	}
	queue->inflight = NULL;
	if (vm->inflight_area && queue->index < vm->inflight_queues &&
	    queue->size <= vm->inflight_size)
		queue->inflight =
			(void *)((char *)vm->inflight_area + queue->index * vm->inflight_stride);
	init_state(queue);
	queue->running = true;
	engine_start(queue);
	/* What was published before the last process died may not have been notified. */
	if (queue->call_fd >= 0)
		eventfd_write(queue->call_fd, 1);
	log_debug("queue %u: started, size %u, avail %u, used %u%s", queue->index, queue->size,
		  queue->base, queue->state.published, queue->inflight ? ", tracked" : "");
	return 0;
}

void vhost_queue_stop(struct vhost_queue *queue)
{
	if (!queue->running)
		return;
	engine_stop(queue);
	dirty_log_used(&queue->vm->log, queue); /* whatever was written there last */
	queue->running = false;
	queue->base = queue->state.last_avail;
	release(queue);
	log_debug("queue %u: stopped at avail %u, used %u", queue->index, queue->base,
		  queue->state.published);
}

int vhost_queue_update(struct vhost_queue *queue)
{
	struct vm *vm = queue->vm;
	bool run = queue->size && queue->has_addr && queue->kicked && vm->memory_seen &&
		   (queue->enabled || !vm->has_protocol);

	if (run && !queue->running)
		return start(queue);
	if (!run)
		vhost_queue_stop(queue);
	return 0;
}

void vhost_queue_set_fd(struct vhost_queue *queue, int *slot, int fd)
{
	if (!queue->running) {
		fd_replace(slot, fd);
		return;
	}
	worker_swap_fd(queue->direct ? &queue->vm->workers[0] : queue->worker, queue, slot, fd);
	if (slot == &queue->call_fd && queue->direct) {
		engine_set_call(queue);
		eventfd_write(fd, 1);
	}
}

struct coalesce *vhost_queue_coalesce(struct vhost_queue *queue)
{
	return queue->direct ? &queue->direct->coalesce : &queue->coalesce;
}

struct queue_counters vhost_queue_counters(const struct vhost_queue *queue)
{
	struct queue_counters sum = { 0 };

	queue_counters_add(&sum, &queue->stats->counters);
	queue_counters_add(&sum, &queue->stats->helper);
	return sum;
}

void vhost_queue_reset(struct vhost_queue *queue, bool gone)
{
	vhost_queue_stop(queue);
	forget(queue);
	if (!gone)
		return;
	queue->call_fd = fd_close(queue->call_fd);
	queue->err_fd = fd_close(queue->err_fd);
}
