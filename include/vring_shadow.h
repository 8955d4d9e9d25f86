/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What BPF keeps of a vring that it reaches by helpers alone (bpf/vring_helpers.h): where it is,
 * and copies of its rings, from and to which many entries are moved at a time. The daemon lays it
 * out (loader/engine/poller_vring.c).
 */
#ifndef NVRING_VRING_SHADOW_H
#define NVRING_VRING_SHADOW_H

#include <linux/virtio_ring.h>

#include "queue.h"

/* Entries of the avail ring that are fetched at a time. */
#define VRING_FETCH_MAX 16U

/*
 * The used ring as the guest has it, but for entries not yet published. BPF alone writes the used
 * ring, so this is where the flags are kept, and what stands in its first entry is known.
 */
struct vring_used_shadow {
	__u16 flags;
	__u16 idx;
	struct vring_used_elem ring[QUEUE_SIZE_MAX];
	/* None: the verifier adds the largest offset and the largest length. */
	struct vring_used_elem none[QUEUE_SIZE_MAX];
};

/* The head of either ring, eight bytes that are read and written in one piece. */
#define VRING_HEAD_BYTES 8U

struct vring_shadow {
	__u64 desc, avail, used; /* addresses in the daemon, the rings' multiples of 8 */
	__u32 size;		 /* entries */
	__u32 faulted;		 /* a page was not present in this turn */
	__u32 avail_idx;	 /* when it was last read */
	__u16 avail_ring[QUEUE_SIZE_MAX + VRING_FETCH_MAX]; /* the latter: as above */
	__u32 reserved;
	struct vring_used_shadow used_ring;
};

_Static_assert(__builtin_offsetof(struct vring_used_shadow, ring) == 4, "as in the guest");
_Static_assert(sizeof(struct vring_shadow) % 8 == 0, "elements of the map have no gaps");

#endif
