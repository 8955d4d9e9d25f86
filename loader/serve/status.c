// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include "base/cgroup.h"
#include "base/cgroup_member.h"
#include "base/json_add.h"
#include "base/util.h"
#include "direct.h"
#include "engine/chooser.h"
#include "engine/counters.h"
#include "engine/latency.h"
#include "engine/steer.h"
#include "engine/vm_limits.h"
#include "engine/vm_pages.h"
#include "load/loader.h"
#include "privileges.h"

static uint32_t in_flight(const struct vhost_queue *queue)
{
	if (!queue->running)
		return 0;
	return load_once(queue->direct ? &queue->direct->state.in_flight : &queue->state.in_flight);
}

/* What broke the queue, or NULL. */
static const char *fault(const struct vhost_queue *queue)
{
	const struct queue_state *state = queue->direct ? &queue->direct->state : &queue->state;

	if (!queue->running || !(load_once(&state->flags) & QUEUE_BROKEN))
		return NULL;
	return vhost_queue_fault_name(load_once(&state->fault));
}

static struct json_object *all_latency_json(const struct queue_stats *stats)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "read", latency_json(&stats->read_latency));
	json_object_object_add(object, "write", latency_json(&stats->write_latency));
	json_object_object_add(object, "other", latency_json(&stats->other_latency));
	return object;
}

/* Of doorbells and interrupts, not of requests. */
static struct json_object *delay_json(const struct queue_stats *stats)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "kick", latency_json(&stats->kick_latency));
	json_object_object_add(object, "interrupt", latency_json(&stats->interrupt_latency));
	return object;
}

/* What it does to the time of a request, in percent, by so many comparisons. */
static struct json_object *patience_json(const struct patience *patience)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "compared", load_once(&patience->pairs));
	json_object_object_add(object, "cost",
			       json_object_new_double(load_once(&patience->cost) * 100 / 1024.0));
	return object;
}

static struct json_object *queue_json(struct vhost_queue *queue)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "queue", queue->index);
	json_add_number(object, "size", queue->size);
	json_add_bool(object, "running", queue->running);
	json_add_text(object, "engine", queue->running ? engine_name(queue->engine) : NULL);
	json_add_text(object, "asked", engine_name(queue->asked));
	if (steer_vcpu(queue) >= 0)
		json_add_number(object, "vcpu", (uint64_t)steer_vcpu(queue));
	json_add_text(object, "why", queue->running ? queue->stats->engine_why : NULL);
	if (queue->running && queue->asked == ENGINE_AUTO && chooser_measured_s(queue->vm) >= 0)
		json_add_number(object, "measured_s", (uint64_t)chooser_measured_s(queue->vm));
	json_add_number(object, "switches", queue->switches);
	json_add_number(object, "pause_us", queue->pause_ns / 1000);
	json_add_number(object, "in_flight", in_flight(queue));
	json_add_text(object, "broken", fault(queue));
	json_object_object_add(object, "limit", vm_limits_queue_json(queue));
	json_object_object_add(object, "counters", counters_json(queue));
	json_object_object_add(object, "direct", counters_direct_json(queue));
	json_object_object_add(object, "patience",
			       patience_json(&vhost_queue_coalesce(queue)->patience));
	json_object_object_add(object, "latency", all_latency_json(queue->stats));
	json_object_object_add(object, "delay", delay_json(queue->stats));
	return object;
}

static struct json_object *disk_json(const struct vm *vm)
{
	struct json_object *object = json_object_new_object();
	const struct disk *disk = &vm->backend.disk;

	json_add_text(object, "description", vm->backend.description);
	json_add_number(object, "bytes", disk->sectors << NVR_SECTOR_SHIFT);
	json_add_number(object, "block", 1ULL << disk->block_shift);
	json_add_bool(object, "read_only", disk->flags & DISK_READ_ONLY);
	return object;
}

/* Whether it is pinned, and from how many pages BPF reads in place. */
static struct json_object *memory_json(const struct vm *vm)
{
	const struct guest_memory *memory = &vm->map.memory;
	struct json_object *object = json_object_new_object();
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < memory->count; i++)
		bytes += memory->region[i].size;
	json_add_number(object, "bytes", bytes);
	json_add_number(object, "regions", memory->count);
	json_add_bool(object, "pinned", memory->pinned);
	json_add_number(object, "pages_in_place", vm_pages_count(vm));
	return object;
}

/* The VM's, the one this process is in, and why that is not below the VM's. */
static void add_cgroup(struct json_object *top, const struct vm *vm)
{
	char path[PATH_MAX];

	json_add_text(top, "cgroup", vm->cgroup ? vm->cgroup->path : NULL);
	if (!vm->cgroup)
		return;
	json_add_text(top, "process_cgroup", cgroup_of(getpid(), path) ? NULL : path);
	json_add_text(top, "process_cgroup_why", cgroup_member_why(vm->member));
}

struct json_object *status_json(struct vm *vm)
{
	struct json_object *top = json_object_new_object();
	struct json_object *queues = json_object_new_array();

	json_add_text(top, "nvring", NVRING_VERSION);
	json_add_number(top, "now_ns", clock_ns(CLOCK_MONOTONIC));
	json_add_number(top, "pid", (uint64_t)getpid());
	json_add_text(top, "name", vm->options.name);
	json_object_object_add(top, "disk", disk_json(vm));
	json_object_object_add(top, "memory", memory_json(vm));
	json_add_text(top, "confinement", privileges_confinement());
	if (vm->loader)
		json_add_number(top, "loader", (uint64_t)loader_pid(vm->loader));
	add_cgroup(top, vm);
	json_object_object_add(top, "limits", vm_limits_json(vm));
	json_add_bool(top, "connected", vm->front);
	json_add_text(top, "engine", engine_name(vm->options.engine));
	json_add_bool(top, "moderation", vm->options.moderation);
	json_add_bool(top, "patience", vm->options.patience);
	json_add_number(top, "spin_us", vm->options.spin_us);
	steer_add_json(vm, top);
	for (uint32_t i = 0; i < vm->options.queues; i++)
		json_object_array_add(queues, queue_json(&vm->queues[i]));
	json_object_object_add(top, "queues", queues);
	return top;
}
