/* SPDX-License-Identifier: GPL-2.0-only */
/* Latency histograms as JSON, in `nvring status`, and back. */
#ifndef NVRING_LATENCY_H
#define NVRING_LATENCY_H

#include "stats.h"

struct json_object;

/**
 * latency_json() - a histogram as an object
 * @histogram: perhaps changing
 *
 * {"count": N, "sum_ns": N, "p50_ns": N, "p99_ns": N, "p999_ns": N, "buckets": [[NS, N], ...]}: a
 * bucket has N requests that took at most NS; those that nobody is in are left out.
 * Return: the object, the caller's.
 */
struct json_object *latency_json(const struct histogram *histogram);

/* latency_parse() - the histogram of such an object; what is none of it is left out */
void latency_parse(struct json_object *object, struct histogram *ret_histogram);

#endif
