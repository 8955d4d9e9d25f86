// SPDX-License-Identifier: GPL-2.0-only
#include "direct_queue.h"

#include <sched.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "direct_maps.h"
#include "vm.h"

#define WAIT_FIRST_NS 20000 /* doubled up to the last */
#define WAIT_LAST_NS  1000000
#define SWEEP_NS      100000000 /* a missed event is found after so long at most */

/* The part's first page goes to its first place in the window. */
static uint32_t place(const void *part, size_t bytes, void **ret_pages)
{
	uintptr_t start = (uintptr_t)part, page = start & ~(uintptr_t)(VRING_PAGE_BYTES - 1);

	for (; page < start + bytes; page += VRING_PAGE_BYTES)
		*ret_pages++ = (void *)page;
	return (uint32_t)(start & (VRING_PAGE_BYTES - 1));
}

struct vring_window direct_queue_window(const struct vhost_queue *queue,
					void *ret_pages[VRING_PAGES])
{
	const struct vring_memory *vring = &queue->vring;
	struct vring_window window = { 0 };

	memset(ret_pages, 0, VRING_PAGES * sizeof(ret_pages[0]));
	window.desc =
		place(vring->desc, vring_desc_bytes(queue->size), ret_pages + VRING_DESC_PAGE);
	window.avail =
		place(vring->avail, vring_avail_bytes(queue->size), ret_pages + VRING_AVAIL_PAGE);
	window.used =
		place(vring->used, vring_used_bytes(queue->size), ret_pages + VRING_USED_PAGE);
	return window;
}

void direct_queue_load(struct vhost_queue *queue)
{
	struct direct_queue *direct = queue->direct;
	struct direct_vm *vm = queue->vm->maps->vm;
	void *pages[VRING_PAGES];

	vm->disk = queue->vm->backend.disk;
	vm->memory = queue->vm->map.memory;
	direct->index = queue->index;
	direct->tracked = queue->inflight != NULL;
	direct->inflight_counter = queue->inflight_counter;
	direct->window = direct_queue_window(queue, pages);
	direct->state = queue->state;
	queue->help_published = true;
	direct->self = (uintptr_t)direct;
	direct->one = 1;
	direct->sweep_delay[0] = 0;
	direct->sweep_delay[1] = SWEEP_NS;
	direct->turn_armed = 0;
	direct->hold_armed = 0;
	direct->debt_until = 0;
	direct->reported = 0;
	direct->attention = 0;
	direct->foreign = 0;
	direct->wanted = 0;
	direct->kicker = 0;
	direct->vcpu = 0;
	coalesce_init(&direct->coalesce, queue->vm->options.moderation,
		      queue->vm->options.patience);
	direct->kicked_at = 0;
	direct->owed_at = 0;
	direct->told = 0;
	queue->stats->trace.active = 0;
	direct->idle_since = 0;
	direct->slept_at = 0;
	direct->spin = (struct spin){ .budget_ns = queue->vm->options.spin_us * 1000ULL };
	direct->batch_count = 0;
	direct->handed_head = direct->handed_tail;
	direct->returned_head = direct->returned_tail;
	direct->pool_count = DIRECT_POOL;
	for (uint32_t i = 0; i < DIRECT_POOL; i++) {
		direct->pool_free[i] = (uint8_t)i;
		direct->pool[i].self = (uintptr_t)&direct->pool[i];
	}
	memset(direct->slot, 0, sizeof(direct->slot));
}

static bool is_held(const struct direct_queue *direct)
{
	return __atomic_load_n(&direct->lock, __ATOMIC_ACQUIRE) & DIRECT_HELD;
}

bool direct_queue_busy(const struct vhost_queue *queue)
{
	return load_once(&queue->direct->state.in_flight) || is_held(queue->direct);
}

void direct_queue_wait(struct direct_wait *wait)
{
	struct timespec nap;

	wait->ns = wait->ns ? min(wait->ns * 2, (long)WAIT_LAST_NS) : WAIT_FIRST_NS;
	nap = (struct timespec){ .tv_nsec = wait->ns };
	nanosleep(&nap, NULL);
}

void direct_queue_await(const struct vhost_queue *queue)
{
	while (is_held(queue->direct))
		sched_yield();
}

void direct_queue_store(struct vhost_queue *queue)
{
	struct direct_queue *direct = queue->direct;

	__atomic_store_n(&direct->mode, DIRECT_OFF, __ATOMIC_SEQ_CST);
	queue->state = direct->state;
	queue->inflight_counter = direct->inflight_counter;
}
