/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's memory as this process has it mapped: the table behind include/guest_memory.h. */
#ifndef NVRING_GUEST_MAP_H
#define NVRING_GUEST_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "guest_memory.h"

/* A region as the front-end describes it (vhost-user "Memory region description"). */
struct guest_map_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user_addr;   /* in the front-end's address space; vring addresses use these */
	uint64_t mmap_offset; /* where the region starts in its file */
};

struct guest_map_entry {
	struct guest_map_region region;
	void *mapping; /* what munmap() gets */
	size_t mapping_bytes;
	uint64_t skip; /* bytes of the mapping before the region */
};

struct guest_map {
	struct guest_memory memory;			 /* for the request code, sorted */
	struct guest_map_entry entry[GUEST_REGIONS_MAX]; /* in the same order */
	uint32_t changes;				 /* how often the table changed */
	bool has_view; /* every region is in the front-end at our address plus view */
	uint64_t view;
};

/* guest_map_page() - what a file is mapped in units of: hugetlbfs maps nothing smaller */
uint64_t guest_map_page(const struct stat *st);

/**
 * guest_map_add() - map one region
 * @map: the table; no queue runs
 * @region: checked: size above 0, nothing wraps, the file is long enough, no overlap
 * @fd: the region's file; stays the caller's
 *
 * Return: 0, -EINVAL for a senseless region, -EEXIST for an overlap, -ENOSPC when full, or what
 * mmap says.
 */
int guest_map_add(struct guest_map *map, const struct guest_map_region *region, int fd);

/**
 * guest_map_remove() - unmap the region with these addresses and size
 * @map: the table; no queue runs
 * @region: gpa, size and user_addr are compared
 *
 * Return: 0 or -ENOENT.
 */
int guest_map_remove(struct guest_map *map, const struct guest_map_region *region);

/* guest_map_clear() - unmap everything */
void guest_map_clear(struct guest_map *map);

/**
 * guest_map_find_user() - translate an address of the front-end's
 * @map: the table
 * @user_addr: address in the front-end
 * @bytes: length, above 0; must lie within one region
 *
 * Return: our pointer, or NULL.
 */
void *guest_map_find_user(const struct guest_map *map, uint64_t user_addr, uint64_t bytes);

#endif
