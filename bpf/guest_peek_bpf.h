/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading pinned guest memory in place: BPF's part of include/guest_peek.h. */
#ifndef NVRING_GUEST_PEEK_BPF_H
#define NVRING_GUEST_PEEK_BPF_H

#include <bpf/bpf_core_read.h>

/* By registered buffer. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, GUEST_PAGES_MAX);
	__type(key, __u32);
	__type(value, struct guest_pages);
} nvr_guest_pages SEC(".maps");

#define GUEST_PAGE	 4096U
#define GUEST_PAGE_SHIFT 6 /* from the address of a struct page, of 64 bytes, to its page's */

/* BPF may load what is one of the kernel's structs; this is one that is two words. */
#define guest_pair(address) \
	((const volatile struct timespec64 *)bpf_core_cast((void *)(address), struct timespec64))

/* guest_pages_at() - the kernel's address of what a registered buffer has @offset bytes from its
 * start on, in the page that this is in */
static __always_inline __u64 guest_pages_at(const struct guest_pages *pages, __u64 offset)
{
	__u64 at = offset + pages->skip;
	__u64 run = pages->list + (at >> pages->shift) * sizeof(struct bio_vec);

	return ((__u64)guest_pair(run)->tv_sec << GUEST_PAGE_SHIFT) + pages->direct +
	       (at & ((1ULL << pages->shift) - 1));
}

/* guest_address() - the kernel's address of @bytes of guest memory, or 0 where there is none to be
 * used */
static __always_inline __u64 guest_address(const struct guest_memory *memory, __u64 hva,
					   const __u32 bytes)
{
	const struct guest_pages *pages;
	int buffer;

	if (!memory->pinned || (hva & (GUEST_PAGE - 1)) > GUEST_PAGE - bytes)
		return 0;
	buffer = guest_buffer_find(memory, hva, 1);
	pages = bpf_map_lookup_elem(&nvr_guest_pages, &buffer);
	return pages && pages->list ? guest_pages_at(pages, hva - pages->hva) : 0;
}

/*
 * guest_peek() - guest_read() of @pairs times 16 bytes without a helper; 1 when it was done
 *
 * A page may be gone from the direct map, as one that the hardware reported broken: then loads from
 * it yield zeros, which a caller is not to take for what the guest wrote.
 */
static __always_inline int guest_peek(const struct guest_memory *memory, __u64 hva, guest_word *to,
				      const __u32 pairs)
{
	__u64 address = guest_address(memory, hva, 16 * pairs);

	if (!address)
		return 0;
	for (__u32 i = 0; i < pairs; i++) {
		to[2 * i] = (__u64)guest_pair(address + 16 * i)->tv_sec;
		to[2 * i + 1] = (__u64)guest_pair(address + 16 * i)->tv_nsec;
	}
	return 1;
}

#endif
