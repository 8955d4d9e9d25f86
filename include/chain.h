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

/* A copy of an indirect table. */
struct chain_table {
	struct vring_desc desc[QUEUE_SIZE_MAX];
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
NVR_GLOBAL int chain_add(struct queue_state *queue NVR_NONNULL,
			 const struct guest_memory *memory NVR_NONNULL,
			 struct chain *chain NVR_NONNULL, const struct vring_desc *desc NVR_NONNULL)
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

/*
 * chain_table() - copy an indirect table out of guest memory, where it may change
 *
 * Return: 0, -ERANGE outside guest memory, -EFAULT as guest_read().
 */
NVR_INLINE int chain_table(const struct guest_memory *memory, __u64 gpa, __u32 bytes,
			   struct chain_table *table)
{
	__u32 done = 0;

	for (int piece = 0; done < bytes && piece < CHAIN_PIECES; piece++) {
		__u64 len = 0, hva = guest_memory_find(memory, gpa + done, &len);
		int err;

		if (!hva)
			return -ERANGE;
		/* Whole, and not the rest of a table that began in another region. */
		if (!done && len >= bytes && bytes <= sizeof(*table))
			return guest_read(table, hva, bytes);
		/* In pieces: the verifier does not follow where they go. */
		if (NVR_BPF)
			return -EFAULT;
		if (len > bytes - done)
			len = bytes - done;
		err = guest_read((char *)table + done, hva, (__u32)len);
		if (err)
			return err;
		done += (__u32)len;
	}
	return done == bytes ? 0 : -ERANGE;
}

/* chain_indirect() - walk the indirect table that @desc names; it ends the chain, §2.7.5.3 */
NVR_GLOBAL int chain_indirect(struct queue_state *queue NVR_NONNULL,
			      const struct guest_memory *memory NVR_NONNULL,
			      const struct vring_desc *desc NVR_NONNULL,
			      struct chain_table *table NVR_NONNULL,
			      struct chain *chain NVR_NONNULL)
{
	__u32 count = desc->len / sizeof(*desc), at = 0, step;
	int err;

	if (!(queue->flags & QUEUE_INDIRECT) || (desc->flags & VRING_DESC_F_NEXT) || !count ||
	    desc->len % sizeof(*desc) || count > QUEUE_SIZE_MAX) {
		virtqueue_break(queue, QUEUE_FAULT_INDIRECT);
		return -EPROTO;
	}
	err = chain_table(memory, desc->addr, desc->len, table);
	if (err == -ERANGE) {
		virtqueue_break(queue, QUEUE_FAULT_INDIRECT_MEM);
		return -EPROTO;
	}
	if (err)
		return err;
	nvr_for(step, 0, count) {
		at &= QUEUE_SIZE_MAX - 1; /* it is below count: for the verifier */
		struct vring_desc entry = {
			.addr = le64_to_cpu(table->desc[at].addr),
			.len = le32_to_cpu(table->desc[at].len),
			.flags = le16_to_cpu(table->desc[at].flags),
			.next = le16_to_cpu(table->desc[at].next),
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
 * @table: scratch
 * @chain: filled
 *
 * Return: 0, -EPROTO when the queue broke, or -EFAULT as guest_read().
 */
NVR_INLINE int chain_read(struct queue_state *queue, const struct vring_memory *vring,
			  const struct guest_memory *memory, __u16 head, struct chain_table *table,
			  struct chain *chain)
{
	__u32 at = head, step;

	chain->count = 0;
	chain->readable = 0;
	chain->flags = 0;
	chain->readable_len = 0;
	chain->writable_len = 0;
	chain->status_gpa = 0;
	nvr_for(step, 0, queue->size) {
		struct vring_desc desc;

		if (vring_desc_read(vring, (__u16)at, &desc))
			return -EFAULT;
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
