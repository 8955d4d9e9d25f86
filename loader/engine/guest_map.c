// SPDX-License-Identifier: GPL-2.0-only
#include "guest_map.h"

#include <string.h>
#include <sys/mman.h>

#include "base/sigbus.h"
#include "base/util.h"

#define HUGE_PAGE_MAX (1ULL << 30)

/*
 * Guest memory is mapped from here on, each region as far from the others as the front-end has
 * it: its addresses and ours then differ by one number, by which BPF finds guest memory while it
 * runs in a vCPU (bpf/dispatch.bpf.c). Programs, libraries and stacks are elsewhere.
 */
#define VIEW_START 0x200000000000ULL
#define VIEW_BYTES 0x100000000000ULL

static bool wraps(uint64_t start, uint64_t size)
{
	return size > UINT64_MAX - start;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check(const struct guest_map *map, const struct guest_map_region *region)
{
	if (!region->size || wraps(region->gpa, region->size) ||
	    wraps(region->user_addr, region->size) || wraps(region->mmap_offset, region->size))
		return -EINVAL;
	if (map->memory.count == GUEST_REGIONS_MAX)
		return -ENOSPC;
	for (uint32_t i = 0; i < map->memory.count; i++) {
		const struct guest_map_region *other = &map->entry[i].region;

		if (overlaps(region->gpa, region->size, other->gpa, other->size) ||
		    overlaps(region->user_addr, region->size, other->user_addr, other->size))
			return -EEXIST;
	}
	return 0;
}

uint64_t guest_map_page(const struct stat *st)
{
	uint64_t page = max((uint64_t)st->st_blksize, PAGE_BYTES);

	return page & (page - 1) || page > HUGE_PAGE_MAX ? PAGE_BYTES : page;
}

/* Where the region is to be, so that guest_map.view holds for it, too. */
static void *place(struct guest_map *map, const struct guest_map_region *region)
{
	if (!map->memory.count) {
		map->view = (region->user_addr & ~(VIEW_BYTES - 1)) - VIEW_START;
		map->has_view = true;
	}
	return (void *)(uintptr_t)(region->user_addr - map->view);
}

/* Map from the huge page the region starts in. */
static int map_region(const struct guest_map_region *region, int fd, char *at,
		      struct guest_map_entry *entry)
{
	uint64_t page, skip, bytes;
	struct stat st;
	void *mapping;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode) && region->mmap_offset + region->size > (uint64_t)st.st_size)
		return -EINVAL;
	page = guest_map_page(&st);
	skip = region->mmap_offset & (page - 1);
	bytes = (skip + region->size + page - 1) & ~(page - 1);
	/* A hint: where it cannot be had, the kernel chooses. */
	mapping = mmap(at - skip, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		       (off_t)(region->mmap_offset - skip));
	if (mapping == MAP_FAILED)
		return -errno;
	if (sigbus_guard(mapping, bytes, page)) {
		munmap(mapping, bytes);
		return -ENOSPC;
	}
	/* A guest's memory has no place in a core file of ours. */
	madvise(mapping, bytes, MADV_DONTDUMP);
	*entry = (struct guest_map_entry){
		.region = *region,
		.mapping = mapping,
		.mapping_bytes = bytes,
		.skip = skip,
	};
	return 0;
}

static void unmap(struct guest_map_entry *entry)
{
	sigbus_release(entry->mapping);
	munmap(entry->mapping, entry->mapping_bytes);
}

int guest_map_add(struct guest_map *map, const struct guest_map_region *region, int fd)
{
	struct guest_memory *memory = &map->memory;
	struct guest_map_entry entry = { 0 };
	uint32_t at = 0;
	int err;

	err = check(map, region);
	if (!err)
		err = map_region(region, fd, place(map, region), &entry);
	if (err)
		return err;
	if ((uintptr_t)entry.mapping + entry.skip != region->user_addr - map->view)
		map->has_view = false;
	while (at < memory->count && memory->region[at].gpa < region->gpa)
		at++;
	memmove(&memory->region[at + 1], &memory->region[at],
		(memory->count - at) * sizeof(memory->region[0]));
	memmove(&map->entry[at + 1], &map->entry[at], (memory->count - at) * sizeof(map->entry[0]));
	map->entry[at] = entry;
	memory->region[at] = (struct guest_region){
		.gpa = region->gpa,
		.size = region->size,
		.hva = (uintptr_t)entry.mapping + entry.skip,
	};
	memory->count++;
	map->changes++;
	return 0;
}

int guest_map_remove(struct guest_map *map, const struct guest_map_region *region)
{
	struct guest_memory *memory = &map->memory;

	for (uint32_t i = 0; i < memory->count; i++) {
		const struct guest_map_region *other = &map->entry[i].region;

		if (other->gpa != region->gpa || other->size != region->size ||
		    other->user_addr != region->user_addr)
			continue;
		unmap(&map->entry[i]);
		memory->count--;
		memmove(&memory->region[i], &memory->region[i + 1],
			(memory->count - i) * sizeof(memory->region[0]));
		memmove(&map->entry[i], &map->entry[i + 1],
			(memory->count - i) * sizeof(map->entry[0]));
		map->changes++;
		return 0;
	}
	return -ENOENT;
}

void guest_map_clear(struct guest_map *map)
{
	for (uint32_t i = 0; i < map->memory.count; i++)
		unmap(&map->entry[i]);
	map->memory.count = 0;
	map->changes++;
}

void *guest_map_find_user(const struct guest_map *map, uint64_t user_addr, uint64_t bytes)
{
	for (uint32_t i = 0; i < map->memory.count; i++) {
		const struct guest_map_region *region = &map->entry[i].region;
		uint64_t offset = user_addr - region->user_addr;

		if (user_addr < region->user_addr || offset >= region->size)
			continue;
		if (bytes > region->size - offset)
			return NULL;
		return (void *)(uintptr_t)(map->memory.region[i].hva + offset);
	}
	return NULL;
}
