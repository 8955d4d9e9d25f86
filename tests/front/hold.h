/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events that the poller's BPF program misses. A tracing program is skipped where it is running
 * already, which no kernel that disables preemption in tracepoints lets happen for this one; so the
 * vring is taken from it, from outside, in the map it finds it by. Its runs then do nothing, and
 * the events that brought them are as good as missed.
 */
#ifndef NVRING_FRONT_HOLD_H
#define NVRING_FRONT_HOLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hold {
	int vrings_fd; /* the daemon's map of vrings */
	int vring_fd;  /* the queue's entry of it */
	uint32_t index;
	pid_t daemon;
};

/* hold_open() - find a queue that the poller serves; false when it serves none in that process */
bool hold_open(struct hold *hold, pid_t daemon, uint32_t index);

/* hold_take() - from now on events are missed, until hold_give() */
void hold_take(const struct hold *hold);
void hold_give(const struct hold *hold);

/* hold_completions() - how many the ring's CQ has; of a daemon with one queue */
uint32_t hold_completions(const struct hold *hold);

/* hold_close() - given back; before the queue is stopped */
void hold_close(struct hold *hold);

#endif
