/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps the direct engines share. bpf/direct.bpf.c makes them, once for a VM; the engines'
 * objects are given those (loader/direct_maps.c). Sizes are set before they are made.
 */
#ifndef NVRING_DIRECT_MAPS_H
#define NVRING_DIRECT_MAPS_H

#include "direct.h"

/* By queue number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct direct_queue);
} nvr_queues SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct direct_vm);
} nvr_vm SEC(".maps");

/* In-flight tracking, by queue number. The front-end holds this map for our successor. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct inflight_largest);
} nvr_inflight SEC(".maps");

/* Calls the worker: struct direct_call. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} nvr_calls SEC(".maps");

#endif
