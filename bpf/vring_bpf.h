/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accessors of a split virtqueue's memory and of guest memory: BPF. The same names as in
 * include/vring.h, which includes this file.
 *
 * The vring is reached by plain loads and stores: in the poller through pages pinned as __uptr
 * fields of a map value, in the loop engine (VRING_REGION) through the ring's memory region. A
 * poller on kernels that have neither reaches it by helpers (VRING_HELPERS, vring_helpers.h).
 * Offsets count from the window's start (struct vring_window). Alignments were checked when the
 * queue was started, so no access crosses a page; the masks tell the verifier.
 */
#ifndef NVRING_VRING_BPF_H
#define NVRING_VRING_BPF_H

#include <linux/virtio_ring.h>

#include "arch.h"
#include "vring_window.h"

/* guest_view() - where the task that runs us has what the daemon has at this address */
#ifndef guest_view
#define guest_view(hva) (hva)
#endif

#ifdef VRING_HELPERS
#include "vring_helpers.h"
#else

#ifdef VRING_REGION

struct vring_memory {
	struct vring_window *window;
	__u8 *region; /* VRING_REGION_BYTES */
};

#define vring_in_region(vring, offset, align) \
	((void *)&(vring)->region[(offset) & (VRING_REGION_BYTES - (align))])
#define vring_in_desc(vring, offset, align) \
	vring_in_region(vring, (vring)->window->desc + (offset), align)
#define vring_in_avail(vring, offset, align) \
	vring_in_region(vring, (vring)->window->avail + (offset), align)
#define vring_in_used(vring, offset, align) \
	vring_in_region(vring, (vring)->window->used + (offset), align)

#else

#define __uptr __attribute__((btf_type_tag("uptr")))

struct vring_pages {
	struct vring_page __uptr *desc0, *desc1, *desc2, *desc3, *desc4;
	struct vring_page __uptr *avail0, *avail1;
	struct vring_page __uptr *used0, *used1, *used2, *used3;
};

struct vring_memory {
	struct vring_window *window;
	struct vring_pages *pages;
};

/* Each field must be loaded at its own constant offset: keep clang from merging the loads. */
#define VRING_CASE(index, name)                            \
	case index:                                        \
		page = pages->name;                        \
		__asm__ volatile("# " #name : "+r"(page)); \
		break

#define VRING_PAGE_OF(part, cases)                                                          \
	static __always_inline void *vring_##part##_at(const struct vring_memory *vring,    \
						       __u32 offset, const __u32 align)     \
	{                                                                                   \
		struct vring_pages *pages = vring->pages;                                   \
		struct vring_page *page = 0;                                                \
                                                                                            \
		switch (offset / VRING_PAGE_BYTES) {                                        \
			cases                                                               \
		}                                                                           \
		return page ? &page->byte[offset & (VRING_PAGE_BYTES - align)] : (void *)0; \
	}

VRING_PAGE_OF(desc, VRING_CASE(0, desc0); VRING_CASE(1, desc1); VRING_CASE(2, desc2);
	      VRING_CASE(3, desc3); VRING_CASE(4, desc4);)
VRING_PAGE_OF(avail, VRING_CASE(0, avail0); VRING_CASE(1, avail1);)
VRING_PAGE_OF(used, VRING_CASE(0, used0); VRING_CASE(1, used1); VRING_CASE(2, used2);
	      VRING_CASE(3, used3);)

#define vring_in_desc(vring, offset, align) \
	vring_desc_at(vring, (vring)->window->desc + (offset), align)
#define vring_in_avail(vring, offset, align) \
	vring_avail_at(vring, (vring)->window->avail + (offset), align)
#define vring_in_used(vring, offset, align) \
	vring_used_at(vring, (vring)->window->used + (offset), align)

#endif

NVR_INLINE __u16 vring_load_avail(const struct vring_memory *vring, __u32 offset)
{
	const volatile __u16 *from = vring_in_avail(vring, offset, sizeof(__u16));

	return from ? le16_to_cpu(*from) : 0;
}

NVR_INLINE void vring_store_used16(const struct vring_memory *vring, __u32 offset, __u16 value)
{
	volatile __u16 *to = vring_in_used(vring, offset, sizeof(__u16));

	if (to)
		*to = cpu_to_le16(value);
}

NVR_INLINE void vring_store_used32(const struct vring_memory *vring, __u32 offset, __u32 value)
{
	volatile __u32 *to = vring_in_used(vring, offset, sizeof(__u32));

	if (to)
		*to = cpu_to_le32(value);
}

/* x86 keeps loads in order; the compiler is kept from moving them by volatile. */
NVR_INLINE __u16 vring_avail_idx(const struct vring_memory *vring)
{
	return vring_load_avail(vring, 2);
}

NVR_INLINE __u16 vring_avail_flags(const struct vring_memory *vring)
{
	return vring_load_avail(vring, 0);
}

NVR_INLINE __u16 vring_avail_entry(const struct vring_memory *vring, __u16 slot)
{
	return vring_load_avail(vring, 4 + 2U * slot);
}

/*
 * vring_avail_fetch() - about to take @count entries from @slot on; how many can be
 *
 * For the form that reads them at once; here each is a load.
 */
NVR_INLINE __u32 vring_avail_fetch(const struct vring_memory *vring, __u16 slot, __u32 count)
{
	return count;
}

/* vring_faulted() - whether a part of the vring was not present in this turn; these are pinned */
NVR_INLINE int vring_faulted(const struct vring_memory *vring)
{
	return 0;
}

NVR_INLINE __u16 vring_read_used_event(const struct vring_memory *vring, __u16 size)
{
	return vring_avail_entry(vring, size);
}

NVR_INLINE int vring_desc_read(const struct vring_memory *vring, __u16 index,
			       struct vring_desc *ret_desc)
{
	const volatile struct vring_desc *desc = vring_in_desc(vring, index * 16U, 16U);

	if (!desc)
		return -EFAULT;
	ret_desc->addr = le64_to_cpu(desc->addr);
	ret_desc->len = le32_to_cpu(desc->len);
	ret_desc->flags = le16_to_cpu(desc->flags);
	ret_desc->next = le16_to_cpu(desc->next);
	return 0;
}

NVR_INLINE void vring_used_entry(const struct vring_memory *vring, __u16 slot, __u32 id, __u32 len)
{
	vring_store_used32(vring, 4 + 8U * slot, id);
	vring_store_used32(vring, 8 + 8U * slot, len);
}

/* x86 keeps stores in order: the entries are seen before the index. */
NVR_INLINE int vring_used_publish(const struct vring_memory *vring, __u16 idx)
{
	vring_store_used16(vring, 2, idx);
	return 0;
}

NVR_INLINE void vring_used_flags(const struct vring_memory *vring, __u16 flags)
{
	vring_store_used16(vring, 0, flags);
}

NVR_INLINE void vring_write_avail_event(const struct vring_memory *vring, __u16 size, __u16 event)
{
	vring_store_used16(vring, 4 + 8U * size, event);
}

#endif /* VRING_HELPERS */

/* A locked instruction is a full barrier; BPF has none of its own. */
NVR_INLINE void vring_barrier(const struct vring_memory *vring)
{
	__sync_fetch_and_add(&vring->window->barrier, 1);
}

/* guest_read() - copy out of guest memory; -EFAULT where pages are not present */
#define guest_read(to, hva, len) \
	(bpf_probe_read_user(to, len, (void *)guest_view(hva)) ? -EFAULT : 0)

#endif
