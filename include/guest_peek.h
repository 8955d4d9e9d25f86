/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading guest memory where it is, by the kernel's own addresses.
 *
 * To copy from user memory, BPF calls a helper, which costs far more than the few bytes of a
 * request's table and header. A driver has these in few pages, the same ones again and again. So
 * pages that BPF copied from are pinned, and while they are it loads from them, where the kernel
 * has all memory mapped for itself in one piece (its direct map). Which pages, the control thread
 * sees to (loader/engine/guest_pages.c); a page that is not among them is copied from, and noted.
 *
 * The guest's memory at an address may become another page all the same, as a balloon, free page
 * reporting and virtio-mem give pages back to the host: then the one that is pinned is no page of
 * the memory's file any more, which is looked at before each use.
 */
#ifndef NVRING_GUEST_PEEK_H
#define NVRING_GUEST_PEEK_H

#include "arch.h"

#define GUEST_PAGE 4096U

/* Pages of one VM that are pinned at most. One goes where its address says, so that it is found by
 * one look. A power of two. */
#define GUEST_PAGES 1024U

/* One writes and many read, as under a sequence lock: what was read counts where its turn is not
 * over afterwards. */
struct guest_page {
	__u64 hva;    /* the page, in the serving process; 0: none */
	__u64 wanted; /* another page, that was copied from for want of it here, or 0 */
	__u64 pinned; /* what the ring has for the slot, 0: nothing; not hva until it was found */
	__u32 turn;   /* how many were here */
	__u32 used;   /* 1: it was, since the control thread looked */
};

/* The kernel's side of a slot, which is BPF's own: what loads from the kernel's addresses does not
 * take them from the process that faces the guest. The page is one of a file that this has mapped.
 */
struct guest_place {
	__u64 address; /* where the kernel has the page */
	__u64 file_at; /* kernel address where its folio tells the file that it is a page of */
	__u64 file;    /* what that is */
	__u64 reserved;
};

/* Argument of bpf/guest_pages.bpf.c. */
struct guest_pages_args {
	__u32 ring_fd; /* has slots' pages registered, by number; of the calling process */
	__u32 reserved;
	__u64 try_hva; /* the page to try */
};

/* Guest memory as it is loaded, whatever it is taken for then. */
typedef __u64 __attribute__((may_alias)) guest_word;

NVR_INLINE __u32 guest_page_slot(__u64 hva)
{
	return (__u32)(hva / GUEST_PAGE) % GUEST_PAGES;
}

#ifdef __bpf__
#include "guest_peek_bpf.h"
#else

/* guest_peek() - guest_read() of @pairs times 16 bytes without a helper; 1 when it was done: user
 * space has no need of that */
NVR_INLINE int guest_peek(__u64 hva, guest_word *to, __u32 pairs)
{
	(void)hva;
	(void)to;
	(void)pairs;
	return 0;
}

#endif
#endif
