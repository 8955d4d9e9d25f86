// SPDX-License-Identifier: GPL-2.0-only
#include "dirty_log.h"

#include <linux/vhost_types.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/sigbus.h"
#include "base/util.h"
#include "command.h"
#include "guest_map.h"
#include "vhost_queue.h"
#include "vring_window.h"

int dirty_log_open(struct dirty_log *log, int fd, uint64_t bytes, uint64_t offset)
{
	struct dirty_log opened;
	uint64_t page, skip;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!bytes || offset > (uint64_t)st.st_size || bytes > (uint64_t)st.st_size - offset)
		return -EINVAL;
	page = guest_map_page(&st);
	skip = offset & (page - 1);
	opened.mapping_bytes = (skip + bytes + page - 1) & ~(page - 1);
	opened.mapping = mmap(NULL, opened.mapping_bytes, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - skip));
	if (opened.mapping == MAP_FAILED)
		return -errno;
	if (sigbus_guard(opened.mapping, opened.mapping_bytes, page)) {
		munmap(opened.mapping, opened.mapping_bytes);
		return -ENOSPC;
	}
	opened.bits = (uint8_t *)opened.mapping + skip;
	opened.pages = bytes * 8;
	dirty_log_close(log);
	*log = opened;
	return 0;
}

void dirty_log_close(struct dirty_log *log)
{
	if (!log->bits)
		return;
	sigbus_release(log->mapping);
	munmap(log->mapping, log->mapping_bytes);
	*log = (struct dirty_log){ 0 };
}

void dirty_log_mark(const struct dirty_log *log, uint64_t gpa, uint64_t bytes)
{
	uint64_t page = gpa >> DIRTY_LOG_PAGE_SHIFT, last;

	if (!log->bits || !bytes)
		return;
	last = (gpa + bytes - 1) >> DIRTY_LOG_PAGE_SHIFT;
	/* Ordered behind the write, which the front-end then finds if it finds the bit. */
	for (; page <= last && page < log->pages; page++)
		__atomic_fetch_or(&log->bits[page / 8], (uint8_t)(1U << page % 8),
				  __ATOMIC_SEQ_CST);
}

/* The same by our addresses; what of it is before the region in which it ends is not the guest's.
 */
static void mark_ours(const struct dirty_log *log, const struct guest_memory *memory, uint64_t hva,
		      uint64_t bytes)
{
	uint64_t last = hva + bytes - 1;

	for (uint32_t i = 0; i < memory->count; i++) {
		const struct guest_region *region = &memory->region[i];

		if (last < region->hva || last - region->hva >= region->size)
			continue;
		if (hva < region->hva)
			hva = region->hva;
		dirty_log_mark(log, region->gpa + (hva - region->hva), last - hva + 1);
		return;
	}
}

void dirty_log_command(const struct dirty_log *log, const struct guest_memory *memory,
		       const struct request *request)
{
	uint64_t left = request->command.bytes;

	if (!log->bits || request->command.op != COMMAND_READ)
		return;
	for (uint32_t i = request->first; left && i < request->end; i++) {
		const struct segment *segment = &request->chain.segment[i];
		uint64_t now = min(left, (uint64_t)segment->len);

		mark_ours(log, memory, segment->addr, now);
		left -= now;
	}
}

/* The ID was written as the request was read, and its segments were moved on by that. */
static void mark_id(const struct dirty_log *log, const struct guest_memory *memory,
		    const struct request *request)
{
	const struct chain *chain = &request->chain;

	for (uint32_t i = chain->readable; i <= request->first && i < chain->count; i++)
		mark_ours(log, memory, chain->segment[i].addr - DISK_ID_BYTES, DISK_ID_BYTES);
}

void dirty_log_request(const struct dirty_log *log, const struct guest_memory *memory,
		       const struct request *request)
{
	if (!log->bits)
		return;
	if (request->type == VIRTIO_BLK_T_GET_ID)
		mark_id(log, memory, request);
	mark_ours(log, memory, request->status_addr, 1);
}

void dirty_log_used(const struct dirty_log *log, const struct vhost_queue *queue)
{
	if (queue->addr.flags & 1U << VHOST_VRING_F_LOG)
		dirty_log_mark(log, queue->addr.log_guest_addr, vring_used_bytes(queue->size));
}
