/* SPDX-License-Identifier: GPL-2.0-only */
/* What a daemon's status said of a VM at a moment: what `nvring top` and `nvring metrics` show. */
#ifndef NVRING_SAMPLE_H
#define NVRING_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "stats.h"

struct json_object;

#define SAMPLE_NAME_BYTES  64
#define SAMPLE_STATE_BYTES 16

struct sample_queue {
	uint64_t index;
	bool running;
	char engine[STATS_ENGINE_BYTES]; /* empty while it does not run */
	char why[STATS_WHY_BYTES];	 /* this engine, or what is wrong with the queue */
	uint64_t in_flight;
	uint64_t switches;
	uint64_t limited_ms;		/* it waited for the VM's limits */
	int vcpu;			/* that rings the doorbell; -1: not known */
	int cpu;			/* where that is, or was; -1: nowhere yet */
	char state[SAMPLE_STATE_BYTES]; /* what it does, or empty */
	struct queue_counters counters;
	struct histogram read, write, other, kick, interrupt; /* as in struct queue_stats */
};

struct sample {
	char name[SAMPLE_NAME_BYTES];	 /* printable */
	char engine[STATS_ENGINE_BYTES]; /* asked for */
	char limits[96];		 /* such as "riops=100 share=22.2%", or empty */
	double share;			 /* of the drive's time, that it may use; 1: all */
	char placed[64];		 /* CPUs that threads are kept on, or empty */
	uint64_t pid;
	uint64_t now_ns; /* CLOCK_MONOTONIC of the daemon's host */
	bool connected;
	uint64_t bytes; /* size of the disk */
	uint32_t queue_count;
	struct sample_queue queues[];
};

/**
 * sample_parse() - what `nvring status --json` has of a VM
 * @status: its object; members that are missing are 0 or empty
 * @fallback: name of a VM that has none
 *
 * Return: the sample, to be freed, or NULL without memory.
 */
struct sample *sample_parse(struct json_object *status, const char *fallback);

/**
 * sample_take() - ask a daemon
 * @control: its socket
 *
 * Return: the sample, to be freed, or NULL: the cause is logged.
 */
struct sample *sample_take(const char *control);

/* sample_sum() - all queues of a VM as one; its index, engine, why and vCPU are left out */
void sample_sum(const struct sample *sample, struct sample_queue *ret_sum);

/**
 * sample_since() - what happened between two samples
 * @queue: later; what it counts is from then on what happened since
 * @before: earlier, of the same queue
 *
 * Return: false when it is not the same that is counted: the daemon was started again.
 */
bool sample_since(struct sample_queue *queue, const struct sample_queue *before);

#endif
