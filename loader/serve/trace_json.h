/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that were followed (include/trace.h), as JSON, for `nvring trace`. */
#ifndef NVRING_TRACE_JSON_H
#define NVRING_TRACE_JSON_H

#include <stdint.h>

#include "engine/vm.h"

struct json_object;

#define TRACE_EVERY_MAX 1000000000
#define TRACE_ASKED_S \
	3 /* requests are followed for so long after the last time that this was called */

/**
 * trace_json() - have requests followed, and take what is known of those that were
 * @vm: its main thread
 * @every: follow one in so many, 1..TRACE_EVERY_MAX; 0 ends it
 *
 * {"lost": N, "requests": [{"queue": N, "engine": NAME, "head": N, "op": NAME, "sector": N,
 * "bytes": N, "handed": BOOL, "kicked_ns": N, "taken_ns": N, "submitted_ns": N, "completed_ns": N,
 * "published_ns": N, "interrupted_ns": N}]}: times are CLOCK_MONOTONIC, those of stages that it did
 * not pass are left out. Each is in one answer; lost are those that nobody asked for in time.
 *
 * Return: the object, the caller's.
 */
struct json_object *trace_json(struct vm *vm, uint32_t every);

#endif
