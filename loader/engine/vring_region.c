// SPDX-License-Identifier: GPL-2.0-only
#include "vring_region.h"

#include <sys/mman.h>

#include "base/util.h"
#include "direct.h"
#include "direct_queue.h"
#include "vm.h"

/* Bytes from @start to the end of the guest memory region it is in, 0 outside. */
static uint64_t bytes_from(const struct guest_memory *memory, uintptr_t start)
{
	for (uint32_t i = 0; i < memory->count; i++) {
		const struct guest_region *region = &memory->region[i];

		if (start >= region->hva && start - region->hva < region->size)
			return region->size - (start - region->hva);
	}
	return 0;
}

static bool in_place(const struct vhost_queue *queue, void **ret_region,
		     struct vring_window *ret_window)
{
	const struct vring_memory *vring = &queue->vring;
	uintptr_t desc = (uintptr_t)vring->desc, avail = (uintptr_t)vring->avail;
	uintptr_t used = (uintptr_t)vring->used;
	uintptr_t start = min(min(desc, avail), used) & ~(uintptr_t)(VRING_PAGE_BYTES - 1);
	uintptr_t end = max(
		max(desc + vring_desc_bytes(queue->size), avail + vring_avail_bytes(queue->size)),
		used + vring_used_bytes(queue->size));

	if (end - start > VRING_REGION_BYTES ||
	    bytes_from(&queue->vm->map.memory, start) < VRING_REGION_BYTES)
		return false;
	*ret_window = (struct vring_window){
		.desc = (uint32_t)(desc - start),
		.avail = (uint32_t)(avail - start),
		.used = (uint32_t)(used - start),
	};
	*ret_region = (void *)start;
	return true;
}

/* The window's first pages of each part are where the poller has them, too. */
static int map_again(const struct vhost_queue *queue, void **ret_region,
		     struct vring_window *ret_window)
{
	struct vring_window window;
	void *pages[VRING_PAGES];
	char *region;

	region = mmap(NULL, VRING_REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (region == MAP_FAILED)
		return -errno;
	window = direct_queue_window(queue, pages);
	for (uint32_t i = 0; i < VRING_PAGES; i++) {
		void *at = region + i * VRING_PAGE_BYTES;

		/* An old size of 0 maps pages of a shared mapping a second time. */
		if (pages[i] && mremap(pages[i], 0, VRING_PAGE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
				       at) == MAP_FAILED) {
			int err = -errno;

			munmap(region, VRING_REGION_BYTES);
			return err;
		}
	}
	window.desc += VRING_DESC_PAGE * VRING_PAGE_BYTES;
	window.avail += VRING_AVAIL_PAGE * VRING_PAGE_BYTES;
	window.used += VRING_USED_PAGE * VRING_PAGE_BYTES;
	*ret_region = region;
	*ret_window = window;
	return 0;
}

int vring_region_open(const struct vhost_queue *queue, void **ret_region, bool *ret_ours,
		      struct vring_window *ret_window)
{
	*ret_ours = !in_place(queue, ret_region, ret_window);
	return *ret_ours ? map_again(queue, ret_region, ret_window) : 0;
}

void vring_region_close(void *region, bool ours)
{
	if (region && ours)
		munmap(region, VRING_REGION_BYTES);
}
