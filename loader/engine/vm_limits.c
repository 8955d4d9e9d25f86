// SPDX-License-Identifier: GPL-2.0-only
#include "vm_limits.h"

#include <string.h>
#include <sys/eventfd.h>

#include "base/json_add.h"
#include "base/util.h"
#include "direct.h"
#include "disk/io_max.h"
#include "vm.h"

/* Queues that wait look again: workers now, BPF when its timer brings it, ten times a second. */
static void wake(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->workers_started; i++)
		eventfd_write(vm->workers[i].wake_fd, 1);
	for (uint32_t i = 0; i < vm->options.queues; i++)
		if (vm->queues[i].running && vm->queues[i].direct)
			store_once(&vm->queues[i].direct->debt_until, 0);
}

/* The tighter one of the cgroup's limit and the operator's; 0: there is none. */
static uint64_t in_force(const struct vm *vm, uint32_t kind)
{
	uint64_t io_max = vm->io_max[kind], own = vm->options.per_second[kind];

	return io_max && own ? min(io_max, own) : max(io_max, own);
}

/* Whoever waits is asked for again. */
static void change(struct vm *vm)
{
	bool on = vm->drive_percent > 0;

	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		on |= in_force(vm, kind) > 0;
	store_once(&vm->limits->on, on);
	__atomic_fetch_add(&vm->limits->generation, 1, __ATOMIC_SEQ_CST);
	wake(vm);
}

static void apply(struct vm *vm)
{
	struct limits *limits = vm->limits;

	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++) {
		uint64_t per_second = in_force(vm, kind);

		store_once(&limits->rate[kind], per_second ? limit_rate(per_second) : 0);
		store_once(&limits->paid[kind], 0);
	}
	change(vm);
}

void vm_limits_set(struct vm *vm, const uint64_t per_second[LIMIT_KINDS])
{
	memcpy(vm->options.per_second, per_second, sizeof(vm->options.per_second));
	apply(vm);
}

void vm_limits_set_io_max(struct vm *vm, const uint64_t per_second[LIMIT_KINDS])
{
	memcpy(vm->io_max, per_second, sizeof(vm->io_max));
	apply(vm);
}

void vm_limits_set_drive(struct vm *vm, double percent, const double ns[LIMIT_KINDS])
{
	bool was = vm->drive_percent > 0, is = percent > 0;

	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		store_once(&vm->limits->drive[kind],
			   is && ns[kind] > 0 ? limit_rate_ns(ns[kind]) : 0);
	vm->drive_percent = percent;
	if (was != is)
		change(vm);
}

void vm_limits_share(struct vm *vm, struct limits *to)
{
	if (!to)
		to = &vm->own_limits;
	if (to == vm->limits)
		return;
	/* Workers may be at the old ones meanwhile: the price of some requests is lost. */
	*to = *vm->limits;
	__atomic_store_n(&vm->limits, to, __ATOMIC_RELEASE);
}

struct json_object *vm_limits_json(const struct vm *vm)
{
	struct json_object *object;

	if (!vm->limits->on)
		return NULL;
	object = json_object_new_object();
	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		if (in_force(vm, kind))
			json_add_number(object, io_max_name(kind), in_force(vm, kind));
	if (vm->drive_percent > 0)
		json_object_object_add(object, "share", json_object_new_double(vm->drive_percent));
	return object;
}

struct json_object *vm_limits_queue_json(const struct vhost_queue *queue)
{
	const struct limit_share *share =
		queue->direct ? &queue->direct->state.limit : &queue->state.limit;
	struct json_object *object = json_object_new_object();

	json_add_number(object, "held", load_once(&share->held));
	json_add_number(object, "held_ms", load_once(&share->held_ns) / 1000000);
	return object;
}
