// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks up where the kernel has pages that a ring has registered (include/guest_peek.h). Nobody
 * but the ring knows, and it is asked in the kernel's own words; so what comes of it is tried on a
 * page of which it is known what is in it, before anything relies on it.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <linux/errno.h>

#include "anon_file.h"
#include "guest_peek.h"

char LICENSE[] SEC("license") = "GPL";

#define PAGE_SHIFT    12
#define RING_FILE     "[io_uring]"
#define PAGE_SHIFT_TO 6	   /* from the address of a struct page, of 64 bytes, to its page's */
#define FILE_NOT      3ULL /* bits of a folio's mapping: it is no file (PAGE_MAPPING_FLAGS) */
#define HEAD_MASKS    0xffffff0000000000ULL /* above all struct pages (x86-64's vmemmap) */
#define TRY_PAIRS     (GUEST_PAGE / 16)
#define PAGE_BYTES_OF (1U << (PAGE_SHIFT - PAGE_SHIFT_TO)) /* of a struct page */

static __always_inline __u64 word(__u64 address)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/* The ring behind a descriptor of the calling process. */
static __always_inline struct io_ring_ctx *ring_of(__u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file;

	if (fd >= BPF_CORE_READ(task, files, fdt, max_fds))
		return (void *)0;
	/* One of another kind would have something else where a ring has its buffers. */
	file = (void *)word((__u64)BPF_CORE_READ(task, files, fdt, fd) + fd * sizeof(void *));
	if (!file || !anon_file(file, RING_FILE, sizeof(RING_FILE)))
		return (void *)0;
	return BPF_CORE_READ(file, private_data);
}

/* What to add to where a struct page is, times 64: known of a page the ring has for itself. Where
 * that is not in the direct map, the trial fails. */
static __always_inline __u64 direct_map(struct io_ring_ctx *ring)
{
	struct io_ring_ctx___nodes *here = (void *)ring;
	struct io_ring_ctx___buffers *before = (void *)ring;
	__u64 at, page;

	if (bpf_core_field_exists(here->ring_region)) {
		at = (__u64)BPF_CORE_READ(here, ring_region.ptr);
		page = word((__u64)BPF_CORE_READ(here, ring_region.pages));
	} else {
		at = (__u64)BPF_CORE_READ(before, rings);
		page = word((__u64)BPF_CORE_READ(before, ring_pages));
	}
	return at - (page << PAGE_SHIFT_TO);
}

/* A ring's registered buffers; since Linux 6.13 there is a node for each. */
struct buffers {
	__u64 list;    /* kernel address of the pointers to them */
	__u64 of_node; /* where a node has its own, or NO_NODES */
};

#define NO_NODES (~0ULL)

/* What depends on the kernel is found here: of what is behind a loop's start the verifier no longer
 * knows that it cannot be. */
static __always_inline struct buffers buffers_of(struct io_ring_ctx *ring)
{
	struct io_ring_ctx___nodes *here = (void *)ring;
	struct io_ring_ctx___buffers *before = (void *)ring;

	if (!bpf_core_field_exists(here->buf_table))
		return (struct buffers){ (__u64)BPF_CORE_READ(before, user_bufs), NO_NODES };
	return (struct buffers){ (__u64)BPF_CORE_READ(here, buf_table.nodes),
				 bpf_core_field_offset(struct io_rsrc_node, buf) };
}

static __always_inline struct io_mapped_ubuf *buffer_at(const struct buffers *buffers, __u32 index)
{
	__u64 entry = word(buffers->list + index * sizeof(void *));

	return (void *)(buffers->of_node == NO_NODES ? entry : word(entry + buffers->of_node));
}

/* Where a page that is not a folio's first tells which that is. */
static __always_inline __u32 head_offset(void)
{
	return bpf_core_field_exists(((struct page___info *)0)->compound_info)
		       ? bpf_core_field_offset(struct page___info, compound_info)
		       : bpf_core_field_offset(struct page___head, compound_head);
}

/* The folio that a page is of: the page itself, or one that the page points to, or, since Linux
 * 7.1, has a mask for (compound_head(), include/linux/page-flags.h). */
static __always_inline __u64 folio_of(__u64 page, __u32 offset)
{
	__u64 head = word(page + offset);

	if (!(head & 1))
		return page;
	return head >= HEAD_MASKS ? page & head : head - 1;
}

static long note_file(struct task_struct *task, struct vm_area_struct *vma, __u64 *ret_file)
{
	(void)task;
	*ret_file = (__u64)BPF_CORE_READ(vma, vm_file, f_mapping);
	return 0;
}

/* The file that the calling process has mapped at @hva, as a folio names it; 0: none. */
static __always_inline __u64 mapped_file(__u64 hva)
{
	__u64 file = 0;

	bpf_find_vma(bpf_get_current_task_btf(), hva, note_file, &file, 0);
	return file;
}

/*
 * A slot has the page that is registered for it from now on, if it is a page of the file that the
 * process has mapped there: nothing else is read in place, whatever is registered, or changes while
 * we look. A place has its address last, and none before, so that it is never another page's.
 */
static __always_inline void look_up(const struct io_mapped_ubuf *buffer, __u64 direct, __u32 head,
				    struct guest_page *slot, struct guest_place *place)
{
	const struct bio_vec *first =
		(void *)buffer + bpf_core_field_offset(struct io_mapped_ubuf, bvec);
	__u64 page = (__u64)BPF_CORE_READ(first, bv_page), hva = load_once(&slot->pinned);
	__u64 file_at = folio_of(page, head) + bpf_core_field_offset(struct folio, mapping);
	__u64 file = mapped_file(hva);

	store_once(&place->address, 0);
	slot->used = 1;
	if (BPF_CORE_READ(buffer, ubuf) != hva || BPF_CORE_READ(buffer, nr_bvecs) != 1 ||
	    BPF_CORE_READ(first, bv_offset) || BPF_CORE_READ(first, bv_len) != GUEST_PAGE ||
	    page % PAGE_BYTES_OF || !file || file & FILE_NOT || word(file_at) != file)
		return;
	store_release(&place->file_at, file_at);
	store_release(&place->file, file);
	store_release(&place->address, (page << PAGE_SHIFT_TO) + direct);
	store_release(&slot->hva, hva);
}

/* 0, or -EOPNOTSUPP where pages cannot be found by the way we know */
SEC("syscall")
int nvr_find_pages(struct guest_pages_args *args)
{
	struct io_ring_ctx *ring = ring_of(args->ring_fd);
	struct buffers buffers = buffers_of(ring);
	__u32 head = head_offset(), i;
	__u64 direct = direct_map(ring);

	if (!ring)
		return -EBADF;
	if (sizeof(struct bio_vec) != bpf_core_type_size(struct bio_vec) ||
	    bpf_core_type_size(struct page) != PAGE_BYTES_OF)
		return -EOPNOTSUPP;
	nvr_for(i, 0, GUEST_PAGES) {
		struct guest_place *place = bpf_map_lookup_elem(&nvr_guest_places, &i);
		struct guest_page *page = bpf_map_lookup_elem(&nvr_guest_pages, &i);

		if (page && place && page->pinned && page->pinned != page->hva)
			look_up(buffer_at(&buffers, i), direct, head, page, place);
	}
	return 0;
}

/* The page whose words are their own addresses: 0, or -EINVAL where it is not read in place */
SEC("syscall")
int nvr_try_page(struct guest_pages_args *args)
{
	__u64 hva = args->try_hva;
	guest_word pair[2];
	__u32 i;

	nvr_for(i, 0, TRY_PAIRS) {
		if (!guest_peek(hva + 16 * i, pair, 1) || pair[0] != hva + 16 * i ||
		    pair[1] != hva + 16 * i + 8)
			return -EINVAL;
	}
	return 0;
}
