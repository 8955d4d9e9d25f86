// SPDX-License-Identifier: GPL-2.0-only
#include "vm_share.h"

#include "base/json_add.h"
#include "base/log.h"
#include "base/timer.h"
#include "base/util.h"
#include "disk/io_max.h"
#include "vm.h"
#include "vm_limits.h"

#define ACCURACY_US 10000

struct vm_share {
	struct vm *vm;
	sd_event_source *timer; /* off while there is no share */
	uint64_t reported_ns;	/* CLOCK_MONOTONIC, the last time */
};

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct vm_share *share = data;

	(void)source, (void)usec;
	log_info("no share of the drive any more, as the manager is silent: not limited by it");
	vm_limits_set_drive(share->vm, 0, NULL);
	return 0;
}

int vm_share_open(sd_event *event, struct vm *vm)
{
	struct vm_share *share = calloc(1, sizeof(*share));
	int err;

	if (!share)
		return -ENOMEM;
	share->vm = vm;
	err = timer_open(event, ACCURACY_US, on_timer, share, &share->timer);
	if (err) {
		free(share);
		return err;
	}
	vm->share = share;
	return 0;
}

void vm_share_close(struct vm *vm)
{
	if (!vm->share)
		return;
	sd_event_source_disable_unref(vm->share->timer);
	free(vm->share);
	vm->share = NULL;
}

void vm_share_set(struct vm *vm, double percent, const double ns[LIMIT_KINDS])
{
	vm_limits_set_drive(vm, percent, ns);
	if (percent > 0)
		sd_event_source_set_time_relative(vm->share->timer, VM_SHARE_US);
	sd_event_source_set_enabled(vm->share->timer,
				    percent > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

struct json_object *vm_share_report(struct vm *vm)
{
	struct json_object *object = json_object_new_object();
	uint64_t now = clock_ns(CLOCK_MONOTONIC), totals[LIMIT_KINDS] = { 0 };

	for (uint32_t i = 0; i < vm->options.queues; i++) {
		struct queue_counters counters = vhost_queue_counters(&vm->queues[i]);
		const struct queue_stats *stats = vm->queues[i].stats;

		totals[LIMIT_READ_BYTES] += counters.bytes_read;
		totals[LIMIT_WRITE_BYTES] += counters.bytes_written;
		totals[LIMIT_READS] += histogram_total(&stats->read_latency);
		totals[LIMIT_WRITES] += histogram_total(&stats->write_latency);
	}
	json_add_number(object, "now_ns", now);
	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		json_add_number(object, io_max_name(kind), totals[kind]);
	json_add_bool(object, "waited",
		      load_once(&vm->limits->drive_until) > vm->share->reported_ns);
	vm->share->reported_ns = now;
	return object;
}
