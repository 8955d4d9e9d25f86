/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A descriptor chain as segments of the serving process's memory. Virtio 1.3 §2.7.5.
 *
 * The chain is the guest's: each descriptor is read once, checked, and only the copy is used.
 * Loops end at the queue size. What cannot be understood breaks the queue; an address outside
 * guest memory only marks the chain, so that the request can still be answered with an error.
 */
#ifndef NVRING_CHAIN_H
#define NVRING_CHAIN_H

#include <linux/errno.h>

#include "guest_memory.h"
#include "virtqueue.h"

/* Data segments of a request as seg_max announces, and room for a header in several pieces, the
 * status, and segments that memory regions cut in two. */
#define CHAIN_DATA_SEGMENTS 254
#define CHAIN_SEGMENTS	    288
#define CHAIN_PIECES	    4 /* memory regions one descriptor may span */

/* Layout of struct iovec, which the kernel reads straight from here. */
struct segment {
	__u64 addr; /* in the serving process */
	__u64 len;  /* bytes, above 0 */
};

/* chain.flags */
#define CHAIN_BAD_ADDRESS (1U << 0) /* a descriptor points outside guest memory */
#define CHAIN_TOO_LONG	  (1U << 1) /* more segments than fit */

struct chain {
	__u16 count;	/* segments, readable ones first */
	__u16 readable; /* of those, device-readable */
	__u32 flags;	/* CHAIN_* */
	__u64 readable_len;
	__u64 writable_len;
	__u64 status_gpa; /* last writable byte */
	struct segment segment[CHAIN_SEGMENTS];
};

/* chain_add() - translate one descriptor and append its pieces */
NVR_INLINE int chain_add(struct queue_state *queue, const struct guest_memory *memory,
			 struct chain *chain, const struct vring_desc *desc)
{
	int writable = desc->flags & VRING_DESC_F_WRITE;
	__u64 gpa = desc->addr, left = desc->len;

	if (!writable && chain->writable_len) {
		virtqueue_break(queue, QUEUE_FAULT_CHAIN_ORDER);
		return -EPROTO;
	}
	if (writable) {
		chain->writable_len += left;
		if (left)
			chain->status_gpa = gpa + left - 1;
	} else {
		chain->readable_len += left;
	}
	for (int piece = 0; left && piece < CHAIN_PIECES; piece++) {
		__u64 len = 0, hva = guest_memory_find(memory, gpa, &len);
		__u32 at = chain->count;

		if (!hva)
			break;
		if (at >= CHAIN_SEGMENTS) {
			chain->flags |= CHAIN_TOO_LONG;
			return 0;
		}
		if (len > left)
			len = left;
		chain->segment[at].addr = hva;
		chain->segment[at].len = len;
		chain->count++;
		if (!writable)
			chain->readable++;
		gpa += len;
		left -= len;
	}
	if (left)
		chain->flags |= CHAIN_BAD_ADDRESS;
	return 0;
}

/* chain_table() - copy an indirect table out of guest memory, where it may change */
NVR_INLINE int chain_table(const struct guest_memory *memory, __u64 gpa, __u32 bytes,
			   struct vring_desc *table)
{
	__u32 done = 0;

	for (int piece = 0; done < bytes && piece < CHAIN_PIECES; piece++) {
		__u64 len = 0, hva = guest_memory_find(memory, gpa + done, &len);
		int err;

		if (!hva)
			return -EFAULT;
		if (len > bytes - done)
			len = bytes - done;
		err = guest_read((char *)table + done, hva, (__u32)len);
		if (err)
			return err;
		done += (__u32)len;
	}
	return done == bytes ? 0 : -EFAULT;
}

/* chain_indirect() - walk the indirect table that @desc names; it ends the chain, §2.7.5.3 */
NVR_INLINE int chain_indirect(struct queue_state *queue, const struct guest_memory *memory,
			      const struct vring_desc *desc, struct vring_desc *table,
			      struct chain *chain)
{
	__u32 count = desc->len / sizeof(*table), at = 0;

	if (!(queue->flags & QUEUE_INDIRECT) || (desc->flags & VRING_DESC_F_NEXT) || !count ||
	    desc->len % sizeof(*table) || count > QUEUE_SIZE_MAX) {
		virtqueue_break(queue, QUEUE_FAULT_INDIRECT);
		return -EPROTO;
	}
	if (chain_table(memory, desc->addr, desc->len, table)) {
		virtqueue_break(queue, QUEUE_FAULT_INDIRECT_MEM);
		return -EPROTO;
	}
	for (__u32 steps = 0; steps < QUEUE_SIZE_MAX && steps < count; steps++) {
		struct vring_desc entry = {
			.addr = le64_to_cpu(table[at].addr),
			.len = le32_to_cpu(table[at].len),
			.flags = le16_to_cpu(table[at].flags),
			.next = le16_to_cpu(table[at].next),
		};

		if (entry.flags & VRING_DESC_F_INDIRECT) {
			virtqueue_break(queue, QUEUE_FAULT_INDIRECT);
			return -EPROTO;
		}
		if (chain_add(queue, memory, chain, &entry))
			return -EPROTO;
		if (!(entry.flags & VRING_DESC_F_NEXT))
			return 0;
		at = entry.next;
		if (at >= count) {
			virtqueue_break(queue, QUEUE_FAULT_CHAIN_RANGE);
			return -EPROTO;
		}
	}
	virtqueue_break(queue, QUEUE_FAULT_CHAIN_LOOP);
	return -EPROTO;
}

/**
 * chain_read() - read the chain that starts at @head
 * @queue: state; broken when the chain makes no sense
 * @vring: memory
 * @memory: guest memory table
 * @head: first descriptor, below the queue size
 * @table: room for QUEUE_SIZE_MAX descriptors, scratch
 * @chain: filled
 *
 * Return: 0, or -EPROTO when the queue broke.
 */
NVR_INLINE int chain_read(struct queue_state *queue, const struct vring_memory *vring,
			  const struct guest_memory *memory, __u16 head, struct vring_desc *table,
			  struct chain *chain)
{
	__u16 at = head;

	chain->count = 0;
	chain->readable = 0;
	chain->flags = 0;
	chain->readable_len = 0;
	chain->writable_len = 0;
	chain->status_gpa = 0;
	for (__u32 steps = 0; steps < QUEUE_SIZE_MAX && steps < queue->size; steps++) {
		struct vring_desc desc;

		vring_desc_read(vring, at, &desc);
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return chain_indirect(queue, memory, &desc, table, chain);
		if (chain_add(queue, memory, chain, &desc))
			return -EPROTO;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		at = desc.next;
		if (at >= queue->size) {
			virtqueue_break(queue, QUEUE_FAULT_CHAIN_RANGE);
			return -EPROTO;
		}
	}
	virtqueue_break(queue, QUEUE_FAULT_CHAIN_LOOP);
	return -EPROTO;
}

#endif
