/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accessors of a split virtqueue's memory by helper calls, for kernels that give BPF no pointers
 * into user memory (before 6.13). The same names as in include/vring.h; for bpf/vring_bpf.h.
 *
 * A call costs far more than the bytes it moves: entries go by the batch, from and to copies
 * (struct vring_shadow), and descriptors are read in place where that can be (guest_peek.h).
 * Where a page is not present, the call fails, the turn ends with what it has, and user space has
 * the page mapped.
 *
 * The helpers copy, and a copy of two bytes may be two stores: a driver that looks in between would
 * see the used index go back, from 0xff by 0x00 to 0x100. Eight aligned bytes are one store, which
 * the daemon proves before it lets us (loader/engine/user_copy.c). So indices are read and written
 * as the head of their ring: {flags, idx, ring[0].id}. The id there is written again and again with
 * the value that it has. Not so avail_event: the bytes around it are not ours. A driver that reads
 * half of it has announced its entries before, and the look that follows the barrier finds them.
 */
#ifndef NVRING_VRING_HELPERS_H
#define NVRING_VRING_HELPERS_H

#include "vring_shadow.h"

struct vring_memory {
	struct vring_window *window;
	struct vring_shadow *shadow;
};

/* Keep an offset that the verifier knows the bounds of as it is. */
#define vring_opaque(value) __asm__ volatile("" : "+r"(value))

NVR_INLINE int vring_fault(struct vring_shadow *shadow)
{
	shadow->faulted = 1;
	return -EFAULT;
}

NVR_INLINE int vring_faulted(const struct vring_memory *vring)
{
	return vring->shadow->faulted;
}

/*
 * vring_avail_word() - the word at @offset of the avail ring, read with the bytes around it
 *
 * The functions that call helpers are verified once each, not wherever they are used.
 */
NVR_GLOBAL int vring_avail_word(struct vring_shadow *shadow NVR_NONNULL, __u32 offset)
{
	__u64 bytes;

	if (bpf_probe_read_user(&bytes, VRING_HEAD_BYTES,
				(void *)guest_view(shadow->avail + (offset & -VRING_HEAD_BYTES))))
		return vring_fault(shadow);
	return (__u16)(bytes >> 8 * (offset & (VRING_HEAD_BYTES - 1)));
}

/* Nothing new where it cannot be read. */
NVR_INLINE __u16 vring_avail_idx(const struct vring_memory *vring)
{
	int idx = vring_avail_word(vring->shadow, 2);

	if (idx >= 0)
		vring->shadow->avail_idx = (__u32)idx;
	return (__u16)vring->shadow->avail_idx;
}

NVR_INLINE __u16 vring_avail_flags(const struct vring_memory *vring)
{
	int flags = vring_avail_word(vring->shadow, 0);

	return flags < 0 ? 0 : (__u16)flags;
}

/* An interrupt is wanted where it cannot be read: as if for the last entry. */
NVR_INLINE __u16 vring_read_used_event(const struct vring_memory *vring, __u16 size)
{
	int event = vring_avail_word(vring->shadow, 4 + 2U * size);

	return event < 0 ? (__u16)(vring->shadow->used_ring.idx - 1) : (__u16)event;
}

NVR_INLINE int vring_fetch_part(struct vring_shadow *shadow, __u32 slot, __u32 count)
{
	__u32 bytes = count * sizeof(shadow->avail_ring[0]);

	vring_opaque(slot);
	slot &= QUEUE_SIZE_MAX - 1;
	vring_opaque(bytes);
	if (bytes > VRING_FETCH_MAX * sizeof(shadow->avail_ring[0]))
		return -EFAULT;
	if (bpf_probe_read_user(&shadow->avail_ring[slot], bytes,
				(void *)guest_view(shadow->avail + 4 + 2U * slot)))
		return vring_fault(shadow);
	return 0;
}

NVR_GLOBAL __u32 vring_shadow_fetch(struct vring_shadow *shadow NVR_NONNULL, __u32 slot,
				    __u32 count)
{
	__u32 first = shadow->size - slot;

	if (first > count)
		first = count;
	if (vring_fetch_part(shadow, slot, first))
		return 0;
	if (first < count && vring_fetch_part(shadow, 0, count - first))
		return first;
	return count;
}

NVR_INLINE __u32 vring_avail_fetch(const struct vring_memory *vring, __u16 slot, __u32 count)
{
	return count ? vring_shadow_fetch(vring->shadow, slot, count) : 0;
}

/* @slot was fetched */
NVR_INLINE __u16 vring_avail_entry(const struct vring_memory *vring, __u16 slot)
{
	return vring->shadow->avail_ring[slot & (QUEUE_SIZE_MAX - 1)];
}

/* vring_shadow_desc() - read one; bpf/poller_vring.h */
NVR_GLOBAL int vring_shadow_desc(__u64 hva, struct vring_desc *ret_desc NVR_NONNULL);

NVR_INLINE int vring_desc_read(const struct vring_memory *vring, __u16 index,
			       struct vring_desc *ret_desc)
{
	return vring_shadow_desc(vring->shadow->desc + 16U * index, ret_desc);
}

/* Into the copy: the guest has it when it is published. */
NVR_INLINE void vring_used_entry(const struct vring_memory *vring, __u16 slot, __u32 id, __u32 len)
{
	struct vring_used_elem *entry = &vring->shadow->used_ring.ring[slot & (QUEUE_SIZE_MAX - 1)];

	entry->id = id;
	entry->len = len;
}

NVR_INLINE int vring_write_entries(struct vring_shadow *shadow, __u32 slot, __u32 count)
{
	__u32 bytes = count * sizeof(struct vring_used_elem);

	vring_opaque(slot);
	slot &= QUEUE_SIZE_MAX - 1;
	vring_opaque(bytes);
	if (!bytes)
		return 0;
	vring_opaque(bytes);
	if (bytes > sizeof(shadow->used_ring.none))
		return -EFAULT;
	if (bpf_probe_write_user((void *)guest_view(shadow->used + 4 + 8U * slot),
				 &shadow->used_ring.ring[slot], bytes))
		return vring_fault(shadow);
	return 0;
}

/* With the id of the first entry, which is the one the guest has, or that of an entry to be
 * published: the driver has done with the entry in whose place it comes. */
NVR_INLINE int vring_write_head(struct vring_shadow *shadow)
{
	if (bpf_probe_write_user((void *)guest_view(shadow->used), &shadow->used_ring,
				 VRING_HEAD_BYTES))
		return vring_fault(shadow);
	return 0;
}

/* x86 keeps the order of stores, of those that move many bytes and the next ones, too. */
NVR_GLOBAL int vring_shadow_publish(struct vring_shadow *shadow NVR_NONNULL, __u16 idx)
{
	__u16 from = shadow->used_ring.idx;
	__u32 slot = from & (shadow->size - 1), count = (__u16)(idx - from);
	__u32 first = shadow->size - slot;

	if (first > count)
		first = count;
	if (vring_write_entries(shadow, slot, first) ||
	    (first < count && vring_write_entries(shadow, 0, count - first)))
		return -EFAULT;
	shadow->used_ring.idx = idx;
	if (!vring_write_head(shadow))
		return 0;
	shadow->used_ring.idx = from;
	return -EFAULT;
}

NVR_INLINE int vring_used_publish(const struct vring_memory *vring, __u16 idx)
{
	return vring_shadow_publish(vring->shadow, idx);
}

NVR_GLOBAL int vring_shadow_flags(struct vring_shadow *shadow NVR_NONNULL, __u16 flags)
{
	shadow->used_ring.flags = flags;
	return vring_write_head(shadow);
}

NVR_INLINE void vring_used_flags(const struct vring_memory *vring, __u16 flags)
{
	vring_shadow_flags(vring->shadow, flags);
}

NVR_GLOBAL int vring_shadow_event(struct vring_shadow *shadow NVR_NONNULL, __u16 size, __u16 event)
{
	if (bpf_probe_write_user((void *)guest_view(shadow->used + 4 + 8U * size), &event,
				 sizeof(event)))
		return vring_fault(shadow);
	return 0;
}

NVR_INLINE void vring_write_avail_event(const struct vring_memory *vring, __u16 size, __u16 event)
{
	vring_shadow_event(vring->shadow, size, event);
}

#endif
