// SPDX-License-Identifier: GPL-2.0-only
#include "chooser.h"

#include "base/log.h"
#include "base/timer.h"
#include "choose.h"
#include "direct.h"
#include "vm.h"

#define ACCURACY_US 10000 /* of the timer */

struct chooser {
	struct vm *vm;
	sd_event_source *timer; /* on while queues run with auto */
	struct choose choose;
	bool begun; /* choose is initialised */
};

/* The one that neither spins nor wakes anybody, where it can be had. */
static void begin(struct chooser *chooser)
{
	struct choose *choose = &chooser->choose;
	char why[WHY_BYTES], reason[ENGINE_SENTENCE_BYTES];

	if (!engine_check(chooser->vm, ENGINE_LOOP, why)) {
		choose_init(choose, ENGINE_LOOP,
			    "auto begins with it, as it wakes no user thread and does not spin");
	} else {
		snprintf(reason, sizeof(reason), "auto begins with it: %s", why);
		choose_init(choose, ENGINE_WORKER, reason);
	}
	/* Whether it can be had is seen when it is tried. */
	choose_allow(choose, ENGINE_POLLER);
	chooser->begun = true;
}

static bool takes_part(const struct vhost_queue *queue)
{
	return queue->running && queue->asked == ENGINE_AUTO && !vm_migrates(queue->vm);
}

static bool any_takes_part(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->options.queues; i++)
		if (takes_part(&vm->queues[i]))
			return true;
	return false;
}

/* Other queues of the VM count, too: the CPU time is the whole process's. */
static struct choose_sample measure(const struct vm *vm)
{
	struct choose_sample sample = {
		.now_ns = clock_ns(CLOCK_MONOTONIC),
		.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
	};

	for (uint32_t i = 0; i < vm->options.queues; i++)
		sample.completed += load_once(&vm->queues[i].stats->counters.completed);
	return sample;
}

/* A queue that started meanwhile, or that could not go where the others are. */
static bool scattered(const struct chooser *chooser)
{
	enum engine engine = choose_engine(&chooser->choose);

	for (uint32_t i = 0; i < chooser->vm->options.queues; i++) {
		const struct vhost_queue *queue = &chooser->vm->queues[i];

		if (takes_part(queue) && queue->engine != engine)
			return true;
	}
	return false;
}

/* Return: 0, or -errno when a queue cannot go there: @ret_why says why. */
static int move(struct chooser *chooser, enum engine to, char ret_why[ENGINE_SENTENCE_BYTES])
{
	const struct choose *choose = &chooser->choose;
	const char *reason = to == choose->current ? choose->reason : "it is tried for a moment";
	int err = 0;

	for (uint32_t i = 0; i < chooser->vm->options.queues && !err; i++) {
		struct vhost_queue *queue = &chooser->vm->queues[i];

		if (takes_part(queue))
			err = engine_switch(queue, to, reason, ret_why);
	}
	return err;
}

/* The worker can always be had, so this ends. */
static void move_all(struct chooser *chooser)
{
	char why[ENGINE_SENTENCE_BYTES];
	enum engine to;

	while (to = choose_engine(&chooser->choose), move(chooser, to, why)) {
		log_info("auto: %s; it is not tried again", why);
		choose_drop(&chooser->choose, to, why);
	}
}

static void rearm(struct chooser *chooser)
{
	uint64_t next_ns = clock_ns(CLOCK_MONOTONIC) + choose_delay_ns(&chooser->choose);

	sd_event_source_set_time(chooser->timer, next_ns / 1000);
	sd_event_source_set_enabled(chooser->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct chooser *chooser = data;
	struct choose *choose = &chooser->choose;
	enum engine had = choose->current;
	struct choose_sample sample;

	(void)source, (void)usec;
	if (!any_takes_part(chooser->vm)) {
		choose_restart(choose);
		return 0;
	}
	sample = measure(chooser->vm);
	if (scattered(chooser))
		choose_restart(choose);
	else
		choose_step(choose, &sample);
	move_all(chooser);
	if (choose->current != had)
		log_info("auto: the %s serves from now on: %s", engine_name(choose->current),
			 choose->reason);
	rearm(chooser);
	return 0;
}

int chooser_open(sd_event *event, struct vm *vm)
{
	struct chooser *chooser = calloc(1, sizeof(*chooser));
	int err;

	if (!chooser)
		return -ENOMEM;
	chooser->vm = vm;
	err = timer_open(event, ACCURACY_US, on_timer, chooser, &chooser->timer);
	if (err) {
		free(chooser);
		return err;
	}
	vm->chooser = chooser;
	return 0;
}

void chooser_close(struct vm *vm)
{
	if (!vm->chooser)
		return;
	sd_event_source_disable_unref(vm->chooser->timer);
	free(vm->chooser);
	vm->chooser = NULL;
}

enum engine chooser_begin(struct vm *vm, char ret_reason[ENGINE_SENTENCE_BYTES])
{
	struct chooser *chooser = vm->chooser;

	if (!chooser) {
		snprintf(ret_reason, ENGINE_SENTENCE_BYTES, "nothing measures here");
		return ENGINE_WORKER;
	}
	if (!chooser->begun)
		begin(chooser);
	rearm(chooser);
	snprintf(ret_reason, ENGINE_SENTENCE_BYTES, "%s", chooser->choose.reason);
	return chooser->choose.current;
}

int64_t chooser_measured_s(const struct vm *vm)
{
	const struct chooser *chooser = vm->chooser;

	if (!chooser || !chooser->choose.measured_ns || chooser->choose.phase == CHOOSE_TRY)
		return -1;
	return (int64_t)((clock_ns(CLOCK_MONOTONIC) - chooser->choose.measured_ns) / 1000000000);
}
