/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest-physical addresses to addresses of the serving process.
 *
 * The table is what the front-end sent (vhost-user SET_MEM_TABLE, ADD_MEM_REG): regions sorted
 * by guest address that do not overlap. It is replaced only while no queue runs.
 */
#ifndef NVRING_GUEST_MEMORY_H
#define NVRING_GUEST_MEMORY_H

#include "arch.h"

/* What QEMU can use at most with CONFIGURE_MEM_SLOTS; a power of two bounds the search. */
#define GUEST_REGIONS_MAX   512
#define GUEST_REGIONS_STEPS 10

struct guest_region {
	__u64 gpa;    /* first guest-physical address */
	__u64 size;   /* bytes; gpa + size does not wrap */
	__u64 hva;    /* where the serving process has it */
	__u32 buffer; /* the first of those it is registered as, include/guest_buffer.h */
	__u32 reserved;
};

struct guest_memory {
	__u32 count;  /* regions in use, 0..GUEST_REGIONS_MAX */
	__u32 pinned; /* 1: registered with every ring that serves */
	struct guest_region region[GUEST_REGIONS_MAX];
};

/* guest_memory_search() - guest_memory_find() among many regions */
NVR_GLOBAL __u64 guest_memory_search(const struct guest_memory *memory NVR_NONNULL, __u64 gpa,
				     __u64 *ret_len NVR_NONNULL)
{
	__u32 low = 0, high = memory->count;

	/* Invariant: only a region in [low, high) can hold gpa. */
	for (int step = 0; step < GUEST_REGIONS_STEPS && low < high; step++) {
		__u32 middle = (low + high) / 2;
		const struct guest_region *region;

		if (middle >= GUEST_REGIONS_MAX)
			break;
		region = &memory->region[middle];
		if (gpa < region->gpa) {
			high = middle;
		} else if (gpa - region->gpa >= region->size) {
			low = middle + 1;
		} else {
			*ret_len = region->size - (gpa - region->gpa);
			return region->hva + (gpa - region->gpa);
		}
	}
	return 0;
}

/**
 * guest_memory_find() - translate one address
 * @memory: the table
 * @gpa: guest-physical address
 * @ret_len: bytes from @gpa to the end of its region, set on success
 *
 * A PC has its memory in two regions, below and above the 32-bit hole: these are tried first.
 * Return: the process's address, or 0 when no region holds @gpa.
 */
NVR_INLINE __u64 guest_memory_find(const struct guest_memory *memory, __u64 gpa, __u64 *ret_len)
{
	const struct guest_region *region = &memory->region[0];

	if (memory->count == 2 && gpa >= memory->region[1].gpa)
		region = &memory->region[1];
	if (memory->count && gpa - region->gpa < region->size) {
		*ret_len = region->size - (gpa - region->gpa);
		return region->hva + (gpa - region->gpa);
	}
	return memory->count > 2 ? guest_memory_search(memory, gpa, ret_len) : 0;
}

#endif
