/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps the direct engines share. bpf/direct.bpf.c makes them, once for a VM; the engines'
 * objects are given those (loader/engine/direct_maps.c). Sizes are set before they are made.
 */
#ifndef NVRING_DIRECT_MAPS_H
#define NVRING_DIRECT_MAPS_H

#include "direct.h"
#include "halted_at.h"

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

/*
 * In-flight tracking, by queue number. A front-end holds its map for our successor, and the next
 * front-end has another one: the one in use is the only entry of nvr_inflights. Maps of another
 * number of queues fit, too (BPF_F_INNER_MAP).
 */
struct nvr_inflight {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, DIRECT_INFLIGHT_FLAGS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct inflight_largest);
} nvr_inflight SEC(".maps"); /* before any front-end gave one */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct nvr_inflight);
} nvr_inflights SEC(".maps");

/* Calls the worker: struct direct_call. A queue has one on its way at most (attention), and all of
 * them fit: 8 bytes and the record's own 8, and the buffer is never filled to the last byte. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * DIRECT_QUEUES_MAX * 16);
} nvr_calls SEC(".maps");

#endif
