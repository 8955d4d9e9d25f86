/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest for tests of the code in include/: memory, a virtqueue, and the
 * driver's side of it.
 *
 * Guest memory is two regions whose guest addresses touch, while the process
 * has them apart, so that a descriptor across the border becomes two segments.
 * Behind the second is a hole.
 */
#ifndef NVRING_UNIT_GUEST_H
#define NVRING_UNIT_GUEST_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "request.h"

#define GUEST_RAM	   (64ULL << 20) /* bytes of each region */
#define GUEST_BASE	   0x100000ULL	 /* guest-physical address of the first */
#define GUEST_BORDER	   (GUEST_BASE + GUEST_RAM)
#define GUEST_END	   (GUEST_BASE + 2 * GUEST_RAM)
#define GUEST_HEADER	   GUEST_BASE
#define GUEST_STATUS	   (GUEST_BASE + 64)
#define GUEST_TABLE	   (GUEST_BASE + 0x1000) /* indirect */
#define GUEST_DATA	   (GUEST_BASE + 0x10000)
#define GUEST_GAP	   (1ULL << 20) /* between the regions, in the process */
#define GUEST_CHAIN_LENGTH 300

struct guest_piece {
	__u64 gpa;
	__u32 len;
	__u32 writable;
};

struct guest {
	struct vring_desc desc[QUEUE_SIZE_MAX] __attribute__((aligned(16)));
	__u16 avail[3 + QUEUE_SIZE_MAX];	/* flags, idx, ring, used_event */
	__u32 used[1 + 2 * QUEUE_SIZE_MAX + 1]; /* flags and idx, ring, avail_event */
	struct vring_memory vring;
	struct queue_state queue;
	struct guest_memory memory;
	struct chain_table table;
	struct request request;
	char *ram;
};

/* guest_new() - a guest with an empty queue of @size; NULL without memory */
static inline struct guest *guest_new(__u16 size)
{
	struct guest *guest = aligned_alloc(64, (sizeof(*guest) + 63) & ~63UL);

	if (!guest)
		return NULL;
	memset(guest, 0, sizeof(*guest));
	guest->ram = mmap(NULL, 2 * GUEST_RAM + GUEST_GAP, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (guest->ram == MAP_FAILED) {
		free(guest);
		return NULL;
	}
	guest->vring.desc = guest->desc;
	guest->vring.avail = (struct vring_avail *)guest->avail;
	guest->vring.used = (struct vring_used *)guest->used;
	guest->queue.size = size;
	guest->queue.flags = QUEUE_INDIRECT;
	guest->memory.count = 2;
	for (int i = 0; i < 2; i++)
		guest->memory.region[i] = (struct guest_region){
			.gpa = GUEST_BASE + i * GUEST_RAM,
			.size = GUEST_RAM,
			.hva = (__UINTPTR_TYPE__)guest->ram + i * (GUEST_RAM + GUEST_GAP),
		};
	return guest;
}

static inline void guest_free(struct guest *guest)
{
	munmap(guest->ram, 2 * GUEST_RAM + GUEST_GAP);
	free(guest);
}

/* guest_hva() - where the process has a guest address; NULL outside memory */
static inline void *guest_hva(const struct guest *guest, __u64 gpa)
{
	__u64 len;

	return (void *)(__UINTPTR_TYPE__)guest_memory_find(&guest->memory, gpa, &len);
}

static inline void guest_desc(struct vring_desc *desc, __u64 gpa, __u32 len, __u16 flags,
			      __u16 next)
{
	desc->addr = cpu_to_le64(gpa);
	desc->len = cpu_to_le32(len);
	desc->flags = cpu_to_le16(flags);
	desc->next = cpu_to_le16(next);
}

/* guest_pieces() - a chain of these descriptors in a table, from its first
 * entry on */
static inline void guest_pieces(struct vring_desc *table, const struct guest_piece *piece,
				__u32 count)
{
	for (__u32 i = 0; i < count; i++) {
		__u16 flags = i + 1 < count ? VRING_DESC_F_NEXT : 0;

		if (piece[i].writable)
			flags |= VRING_DESC_F_WRITE;
		guest_desc(&table[i], piece[i].gpa, piece[i].len, flags, (__u16)(i + 1));
	}
}

/* guest_chain() - a chain that starts at descriptor 0 */
static inline void guest_chain(struct guest *guest, const struct guest_piece *piece, __u32 count)
{
	guest_pieces(guest->desc, piece, count);
}

/* guest_indirect() - the same in an indirect table, which descriptor 0 names */
static inline void guest_indirect(struct guest *guest, const struct guest_piece *piece, __u32 count)
{
	guest_pieces(guest_hva(guest, GUEST_TABLE), piece, count);
	guest_desc(&guest->desc[0], GUEST_TABLE, count * sizeof(struct vring_desc),
		   VRING_DESC_F_INDIRECT, 0);
}

/* guest_scatter() - the driver puts @len bytes into the readable pieces, in order; those that are
 * outside memory or behind the pieces are dropped */
static inline void guest_scatter(const struct guest *guest, const struct guest_piece *piece,
				 __u32 count, const void *bytes, __u32 len)
{
	const char *from = bytes;

	for (__u32 i = 0; i < count && len; i++) {
		for (__u32 at = 0; !piece[i].writable && at < piece[i].len && len; at++, len--) {
			char *to = guest_hva(guest, piece[i].gpa + at);

			if (to)
				*to = *from;
			from++;
		}
	}
}

static inline void guest_offer(struct guest *guest, __u16 head)
{
	struct vring_avail *avail = guest->vring.avail;

	avail->ring[avail->idx & (guest->queue.size - 1)] = cpu_to_le16(head);
	__atomic_store_n(&avail->idx, (__u16)(avail->idx + 1), __ATOMIC_RELEASE);
}

/* guest_parse() - what an engine does with head 0; the request is
 * guest->request */
static inline int guest_parse(struct guest *guest, const struct disk *disk)
{
	memset(&guest->request, 0x5a, sizeof(guest->request));
	guest->request.self = (__UINTPTR_TYPE__)&guest->request;
	return request_parse(&guest->queue, &guest->vring, &guest->memory, disk, 0, &guest->table,
			     &guest->request);
}

/* guest_request() - parse a request of these data pieces between its header and
 * its status */
static inline int guest_request(struct guest *guest, const struct disk *disk, __u32 type,
				__u64 sector, const struct guest_piece *data, __u32 count)
{
	struct guest_piece piece[GUEST_CHAIN_LENGTH] = { { GUEST_HEADER, 16, 0 } };
	struct virtio_blk_outhdr *header = guest_hva(guest, GUEST_HEADER);

	*header = (struct virtio_blk_outhdr){ .type = cpu_to_le32(type),
					      .sector = cpu_to_le64(sector) };
	if (count)
		memcpy(&piece[1], data, count * sizeof(*data));
	piece[count + 1] = (struct guest_piece){ GUEST_STATUS, 1, 1 };
	guest_indirect(guest, piece, count + 2);
	return guest_parse(guest, disk);
}

#endif
