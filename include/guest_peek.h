/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned guest memory by the kernel's own addresses (--pin-memory).
 *
 * To copy from user memory, BPF calls a helper, which costs far more than the few bytes of a
 * request's table and header. Pages that are pinned stay where they are, and the kernel has all
 * memory mapped in one piece (its direct map): there BPF reads them by plain loads. Which pages
 * they are the ring knows that they are registered with; loader/engine/guest_pages.c has that
 * looked up once.
 */
#ifndef NVRING_GUEST_PEEK_H
#define NVRING_GUEST_PEEK_H

#include "guest_buffer.h"

/* Registered buffers of which the pages are known, 1 GiB each; what lies in others is copied. */
#define GUEST_PAGES_MAX 1024U

/*
 * The pages of a registered buffer, which the kernel lists in runs of equal length, each in a row
 * (struct io_mapped_ubuf, io_uring/rsrc.h). A page's address follows from where its struct page
 * is: these are in a row, too.
 */
struct guest_pages {
	__u64 hva;    /* where the buffer begins in the serving process */
	__u64 list;   /* kernel address of the runs' struct bio_vec; 0: not known */
	__u64 direct; /* kernel address of the page whose struct page were at address 0 */
	__u32 skip;   /* bytes of the first run before the buffer */
	__u32 shift;  /* a run has 1 << shift bytes */
};

/* Argument of bpf/guest_pages.bpf.c, which fills the rest of struct guest_pages. */
struct guest_pages_args {
	__u32 ring_fd; /* of the ring they are registered with, in the calling process */
	__u32 count;   /* buffers to look up, 0..GUEST_PAGES_MAX */
	__u32 check;   /* the buffer of GUEST_PAGES_CHECK words, each its own address */
	__u32 reserved;
	__u64 check_hva;
};

/* More than a page, so that the check's buffer has several. */
#define GUEST_PAGES_CHECK 1500U

/* Guest memory as it is loaded, whatever it is taken for then. */
typedef __u64 __attribute__((may_alias)) guest_word;

#ifdef __bpf__
#include "guest_peek_bpf.h"
#else

/* guest_peek() - guest_read() of @pairs times 16 bytes without a helper; 1 when it was done: user
 * space has no need of that */
NVR_INLINE int guest_peek(const struct guest_memory *memory, __u64 hva, guest_word *to, __u32 pairs)
{
	(void)memory;
	(void)hva;
	(void)to;
	(void)pairs;
	return 0;
}

#endif
#endif
