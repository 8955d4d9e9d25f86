/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory as buffers registered with a ring (--pin-memory): the kernel looks up and pins the
 * pages of a request's buffer once and for all, not for each request. A region is registered in
 * pieces of GUEST_BUFFER_BYTES, from region.buffer on; with every ring of a VM alike.
 */
#ifndef NVRING_GUEST_BUFFER_H
#define NVRING_GUEST_BUFFER_H

#include "guest_memory.h"

/* The kernel's limits for one registered buffer, and for their number (io_uring/rsrc.c). */
#define GUEST_BUFFER_SHIFT 30
#define GUEST_BUFFER_BYTES (1ULL << GUEST_BUFFER_SHIFT)
#define GUEST_BUFFERS_MAX  16384

NVR_INLINE int guest_buffer_in(const struct guest_region *region, __u64 hva, __u64 len)
{
	__u64 at = hva - region->hva;

	if (at >= region->size || len > GUEST_BUFFER_BYTES - (at & (GUEST_BUFFER_BYTES - 1)))
		return -1;
	return (int)(region->buffer + (at >> GUEST_BUFFER_SHIFT));
}

/* guest_buffer_search() - guest_buffer_find() among many regions, which are in no order here */
NVR_GLOBAL int guest_buffer_search(const struct guest_memory *memory NVR_NONNULL, __u64 hva,
				   __u64 len)
{
	__u32 i;

	nvr_for(i, 0, memory->count) {
		int index;

		if (i >= GUEST_REGIONS_MAX)
			break;
		index = guest_buffer_in(&memory->region[i], hva, len);
		if (index >= 0)
			return index;
	}
	return -1;
}

/**
 * guest_buffer_find() - which registered buffer holds these bytes
 * @memory: the table; pinned
 * @hva: where they are in the serving process, from guest_memory_find()
 * @len: how many, all in one region
 *
 * Return: its index, or -1 when they are not all in one.
 */
NVR_INLINE int guest_buffer_find(const struct guest_memory *memory, __u64 hva, __u64 len)
{
	const struct guest_region *region = &memory->region[0];

	if (memory->count > 2)
		return guest_buffer_search(memory, hva, len);
	if (memory->count == 2 && hva - region->hva >= region->size)
		region = &memory->region[1];
	return guest_buffer_in(region, hva, len);
}

#endif
