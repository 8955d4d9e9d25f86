// SPDX-License-Identifier: GPL-2.0-only
#include "vm_pages.h"

#include <string.h>

#include "base/log.h"
#include "base/timer.h"
#include "base/util.h"
#include "guest_pages.h"
#include "vm.h"

/* Steps: soon again while pages come, and seldom when a guest has what it uses. */
#define STEP_US	    2000ULL
#define STEP_MAX_US 4000000ULL

struct vm_pages {
	struct vm *vm;
	sd_event_source *timer;	   /* off while no queue is BPF's */
	uint64_t delay_us;	   /* to the next step */
	struct guest_pages *pages; /* NULL without maps, or where they cannot be found */
};

static bool any_direct(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->options.queues; i++) {
		if (vm->queues[i].direct)
			return true;
	}
	return false;
}

static void arm(struct vm_pages *pages)
{
	sd_event_source_set_time_accuracy(pages->timer, pages->delay_us / 4);
	sd_event_source_set_time_relative(pages->timer, pages->delay_us);
	sd_event_source_set_enabled(pages->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct vm_pages *pages = data;

	(void)source, (void)usec;
	if (!any_direct(pages->vm))
		return 0;
	pages->delay_us =
		guest_pages_step(pages->pages) ? STEP_US : min(2 * pages->delay_us, STEP_MAX_US);
	arm(pages);
	return 0;
}

void vm_pages_begin(struct vm *vm)
{
	int err = vm->pages ? guest_pages_open(vm->loader, vm->maps, &vm->pages->pages) : 0;

	if (err)
		log_info("BPF copies requests from guest memory, as its pages cannot be found on "
			 "this kernel: %s",
			 strerror(-err));
}

int vm_pages_open(sd_event *event, struct vm *vm)
{
	struct vm_pages *pages = calloc(1, sizeof(*pages));
	int err;

	if (!pages)
		return -ENOMEM;
	pages->vm = vm;
	err = timer_open(event, 0, on_timer, pages, &pages->timer);
	if (err) {
		free(pages);
		return err;
	}
	vm->pages = pages;
	if (vm->maps)
		vm_pages_begin(vm);
	return 0;
}

void vm_pages_close(struct vm *vm)
{
	if (!vm->pages)
		return;
	vm_pages_end(vm);
	sd_event_source_disable_unref(vm->pages->timer);
	free(vm->pages);
	vm->pages = NULL;
}

void vm_pages_wake(struct vm *vm)
{
	struct vm_pages *pages = vm->pages;

	if (!pages || !pages->pages)
		return;
	pages->delay_us = STEP_US;
	arm(pages);
}

void vm_pages_forget(struct vm *vm)
{
	if (vm->pages && vm->pages->pages)
		guest_pages_forget(vm->pages->pages);
}

void vm_pages_end(struct vm *vm)
{
	struct vm_pages *pages = vm->pages;

	if (!pages)
		return;
	guest_pages_close(pages->pages);
	pages->pages = NULL;
	sd_event_source_set_enabled(pages->timer, SD_EVENT_OFF);
}

uint32_t vm_pages_count(const struct vm *vm)
{
	return vm->pages ? guest_pages_count(vm->pages->pages) : 0;
}
