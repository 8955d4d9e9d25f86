/* SPDX-License-Identifier: GPL-2.0-only */
/* Where BPF finds a vring: byte offsets into a window of pages, which the daemon lays out. */
#ifndef NVRING_VRING_WINDOW_H
#define NVRING_VRING_WINDOW_H

#include "arch.h"

#define VRING_PAGE_BYTES 4096U

struct vring_page {
	__u8 byte[VRING_PAGE_BYTES];
};

/*
 * The pages a vring of QUEUE_SIZE_MAX entries can touch, wherever its parts start. A part's pages
 * stand at the same place whatever the queue; one that two parts share is there twice. A BPF map
 * value can hold as many __uptr fields (BTF_FIELDS_MAX).
 */
#define VRING_DESC_PAGE	 0U
#define VRING_AVAIL_PAGE 5U
#define VRING_USED_PAGE	 7U
#define VRING_PAGES	 11U

/* The loop engine's window: a power of two, so that a mask keeps offsets within. */
#define VRING_REGION_BYTES 65536U

/*
 * Where each part starts, in bytes: poller, from its own first page's start; loop, from the start
 * of the region.
 */
struct vring_window {
	__u32 desc;
	__u32 avail;
	__u32 used;
	__u32 barrier; /* for its atomic operations alone */
};

/* Bytes of a vring's parts, with their event words. Virtio 1.3 §2.7. */
NVR_INLINE __u32 vring_desc_bytes(__u16 size)
{
	return 16U * size;
}

NVR_INLINE __u32 vring_avail_bytes(__u16 size)
{
	return 6 + 2U * size;
}

NVR_INLINE __u32 vring_used_bytes(__u16 size)
{
	return 6 + 8U * size;
}

#endif
