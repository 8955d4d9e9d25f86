/* SPDX-License-Identifier: GPL-2.0-only */
/* Timers of an event loop. */
#ifndef NVRING_TIMER_H
#define NVRING_TIMER_H

#include <systemd/sd-event.h>
#include <time.h>

/**
 * timer_open() - a timer of CLOCK_MONOTONIC that is off
 * @event: the loop
 * @accuracy_us: how late it may be, as others of the loop come then
 * @handler: called when its time has come
 * @data: for @handler
 * @ret_timer: set; free with sd_event_source_disable_unref()
 *
 * Return: 0 or -errno.
 */
static inline int timer_open(sd_event *event, uint64_t accuracy_us, sd_event_time_handler_t handler,
			     void *data, sd_event_source **ret_timer)
{
	sd_event_source *timer = NULL;
	int err = sd_event_add_time(event, &timer, CLOCK_MONOTONIC, 0, accuracy_us, handler, data);

	if (err >= 0)
		err = sd_event_source_set_enabled(timer, SD_EVENT_OFF);
	if (err < 0) {
		sd_event_source_unref(timer);
		return err;
	}
	*ret_timer = timer;
	return 0;
}

#endif
