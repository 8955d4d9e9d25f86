// SPDX-License-Identifier: GPL-2.0-only
#include "vm_limits.h"

#include <string.h>
#include <sys/eventfd.h>

#include "base/json_add.h"
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

/* Whoever waits is asked for again. */
static void change(struct vm *vm)
{
	bool on = vm->drive_percent > 0;

	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		on |= vm->io_max[kind] > 0;
	store_once(&vm->limits->on, on);
	__atomic_fetch_add(&vm->limits->generation, 1, __ATOMIC_SEQ_CST);
	wake(vm);
}

void vm_limits_set(struct vm *vm, const uint64_t per_second[LIMIT_KINDS])
{
	struct limits *limits = vm->limits;

	if (!memcmp(vm->io_max, per_second, sizeof(vm->io_max)))
		return;
	memcpy(vm->io_max, per_second, sizeof(vm->io_max));
	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++) {
		store_once(&limits->rate[kind],
			   per_second[kind] ? limit_rate(per_second[kind]) : 0);
		store_once(&limits->paid[kind], 0);
	}
	change(vm);
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
		if (vm->io_max[kind])
			json_add_number(object, io_max_name(kind), vm->io_max[kind]);
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
