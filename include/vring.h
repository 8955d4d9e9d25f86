/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accessors of a split virtqueue's memory and of guest memory: user space.
 *
 * The engines differ in how they reach the vring. Everything above (virtqueue.h, request.h)
 * goes through these functions; BPF programs bring their own of the same names in
 * bpf/vring_bpf.h. Every value the guest can change is loaded exactly once.
 *
 * Ordering pairs with the driver, virtio 1.3 §2.7.13 and §2.7.14.
 */
#ifndef NVRING_VRING_H
#define NVRING_VRING_H

#ifdef __bpf__
#include "vring_bpf.h"
#else

#include <linux/virtio_ring.h>
#include <string.h>

#include "arch.h"

struct vring_memory {
	struct vring_desc *desc;   /* 16 bytes an entry, 16-byte aligned */
	struct vring_avail *avail; /* 2-byte aligned */
	struct vring_used *used;   /* 4-byte aligned */
};

/* Acquire: the ring entry and the descriptors are read after the index that announced them. */
NVR_INLINE __u16 vring_avail_idx(const struct vring_memory *vring)
{
	return le16_to_cpu(__atomic_load_n(&vring->avail->idx, __ATOMIC_ACQUIRE));
}

NVR_INLINE __u16 vring_avail_flags(const struct vring_memory *vring)
{
	return le16_to_cpu(load_once(&vring->avail->flags));
}

/* @slot must be below the queue size */
NVR_INLINE __u16 vring_avail_entry(const struct vring_memory *vring, __u16 slot)
{
	return le16_to_cpu(load_once(&vring->avail->ring[slot]));
}

/* used_event, the word after the avail ring, §2.7.7 */
NVR_INLINE __u16 vring_read_used_event(const struct vring_memory *vring, __u16 size)
{
	return le16_to_cpu(load_once(&vring->avail->ring[size]));
}

/* @index must be below the queue size. Return: 0, or -EFAULT as guest_read() */
NVR_INLINE int vring_desc_read(const struct vring_memory *vring, __u16 index,
			       struct vring_desc *ret_desc)
{
	const struct vring_desc *desc = &vring->desc[index];

	ret_desc->addr = le64_to_cpu(load_once(&desc->addr));
	ret_desc->len = le32_to_cpu(load_once(&desc->len));
	ret_desc->flags = le16_to_cpu(load_once(&desc->flags));
	ret_desc->next = le16_to_cpu(load_once(&desc->next));
	return 0;
}

/* @slot must be below the queue size */
NVR_INLINE void vring_used_entry(const struct vring_memory *vring, __u16 slot, __u32 id, __u32 len)
{
	store_once(&vring->used->ring[slot].id, cpu_to_le32(id));
	store_once(&vring->used->ring[slot].len, cpu_to_le32(len));
}

NVR_INLINE __u16 vring_used_idx(const struct vring_memory *vring)
{
	return le16_to_cpu(load_once(&vring->used->idx));
}

/*
 * Release: the driver that sees the index sees the entries, the status and the data.
 * Return: 0, or -EFAULT as guest_read(), and the driver sees nothing.
 */
NVR_INLINE int vring_used_publish(const struct vring_memory *vring, __u16 idx)
{
	__atomic_store_n(&vring->used->idx, cpu_to_le16(idx), __ATOMIC_RELEASE);
	return 0;
}

NVR_INLINE void vring_used_flags(const struct vring_memory *vring, __u16 flags)
{
	store_once(&vring->used->flags, cpu_to_le16(flags));
}

/* avail_event, the word after the used ring, §2.7.10 */
NVR_INLINE void vring_write_avail_event(const struct vring_memory *vring, __u16 size, __u16 event)
{
	__u16 value = cpu_to_le16(event);

	/* The ring's entries are 8 bytes, so the word is 4-byte aligned like the ring. */
	store_once((__u16 *)&vring->used->ring[size], value);
}

/* Full barrier between our store and our load, against the driver's opposite pair. */
NVR_INLINE void vring_barrier(const struct vring_memory *vring)
{
	(void)vring;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/**
 * guest_read() - copy out of guest memory
 * @to: where to
 * @hva: address in the serving process, from guest_memory_find()
 * @len: bytes, within the region
 *
 * Return: 0, or -EFAULT where the pages are not present (BPF only; user space faults them in).
 */
NVR_INLINE int guest_read(void *to, __u64 hva, __u32 len)
{
	memcpy(to, (const void *)(__UINTPTR_TYPE__)hva, len);
	return 0;
}

/* guest_write() - the same the other way */
NVR_INLINE int guest_write(__u64 hva, const void *from, __u32 len)
{
	memcpy((void *)(__UINTPTR_TYPE__)hva, from, len);
	return 0;
}

#endif
#endif
