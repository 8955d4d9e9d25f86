/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading guest memory in place: BPF's part of include/guest_peek.h. */
#ifndef NVRING_GUEST_PEEK_BPF_H
#define NVRING_GUEST_PEEK_BPF_H

#include <bpf/bpf_core_read.h>

/* By guest_page_slot(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, GUEST_PAGES);
	__type(key, __u32);
	__type(value, struct guest_page);
} nvr_guest_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GUEST_PAGES);
	__type(key, __u32);
	__type(value, struct guest_place);
} nvr_guest_places SEC(".maps");

/* BPF may load what is one of the kernel's structs; this is one that is two words. */
#define guest_pair(address) \
	((const volatile struct timespec64 *)bpf_core_cast((void *)(address), struct timespec64))

/*
 * guest_peek() - guest_read() of @pairs times 16 bytes without a helper; 1 when it was done
 *
 * A page may be gone from the direct map, as one that the hardware reported broken: then loads from
 * it yield zeros, which a caller is not to take for what the guest wrote.
 */
static __always_inline int guest_peek(__u64 hva, guest_word *to, const __u32 pairs)
{
	__u64 hva_page = hva & -(__u64)GUEST_PAGE, address;
	__u32 slot = guest_page_slot(hva), turn;
	struct guest_place *place;
	struct guest_page *page;

	if ((hva & (GUEST_PAGE - 1)) > GUEST_PAGE - 16 * pairs)
		return 0;
	page = bpf_map_lookup_elem(&nvr_guest_pages, &slot);
	place = bpf_map_lookup_elem(&nvr_guest_places, &slot);
	if (!page || !place)
		return 0;
	turn = load_once(&page->turn);
	if (load_once(&page->hva) != hva_page ||
	    (__u64)guest_pair(load_once(&place->file_at))->tv_sec != place->file) {
		if (load_once(&page->wanted) != hva_page)
			store_once(&page->wanted, hva_page);
		return 0;
	}
	address = load_once(&place->address) + (hva & (GUEST_PAGE - 1));
	for (__u32 i = 0; i < pairs; i++) {
		to[2 * i] = (__u64)guest_pair(address + 16 * i)->tv_sec;
		to[2 * i + 1] = (__u64)guest_pair(address + 16 * i)->tv_nsec;
	}
	if (!load_once(&page->used))
		store_once(&page->used, 1);
	return load_once(&page->turn) == turn;
}

#endif
