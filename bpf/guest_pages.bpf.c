// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks up which pages a ring has registered, once they are (include/guest_peek.h). Nobody but
 * the ring knows, and it is asked in the kernel's own words; so what came of it is tried on memory
 * of which it is known what is in it, before anything relies on it.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <linux/errno.h>

#include "guest_peek.h"

char LICENSE[] SEC("license") = "GPL";

#define PAGE_SHIFT 12

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
	__u64 file = word((__u64)BPF_CORE_READ(task, files, fdt, fd) + fd * sizeof(void *));

	return file ? BPF_CORE_READ((struct file *)file, private_data) : (void *)0;
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
	return at - (page << GUEST_PAGE_SHIFT);
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

/*
 * Fill @pages, where the kernel's list is what we know; 0 on success.
 *
 * A run of several pages is a folio, which lies aligned to its size. So where the first one's page
 * does, and all of it from the offset on is the buffer's, that offset is the folio's own.
 */
static __always_inline int look_up(const struct io_mapped_ubuf *buffer, __u64 direct,
				   struct guest_pages *pages)
{
	__u64 list = (__u64)buffer + bpf_core_field_offset(struct io_mapped_ubuf, bvec);
	__u32 shift = BPF_CORE_READ(buffer, folio_shift), count = BPF_CORE_READ(buffer, nr_bvecs);
	const struct bio_vec *first = (void *)list;
	__u32 skip = BPF_CORE_READ(first, bv_offset), bytes = BPF_CORE_READ(first, bv_len);
	__u64 at = ((__u64)BPF_CORE_READ(first, bv_page) << GUEST_PAGE_SHIFT) + direct;

	if (BPF_CORE_READ(buffer, ubuf) != pages->hva || shift < PAGE_SHIFT ||
	    shift > GUEST_BUFFER_SHIFT || at & ((1ULL << shift) - 1) ||
	    (count > 1 && skip + bytes != 1U << shift))
		return -EINVAL;
	pages->skip = skip;
	pages->shift = shift;
	pages->direct = direct;
	pages->list = list;
	return 0;
}

/* The buffer whose words are their own addresses, read as guest memory will be. */
static __always_inline int check(const struct buffers *buffers, __u64 direct,
				 const struct guest_pages_args *args)
{
	struct guest_pages pages = { .hva = args->check_hva };
	int err = look_up(buffer_at(buffers, args->check), direct, &pages);
	__u32 i;

	if (err)
		return err;
	nvr_for(i, 0, GUEST_PAGES_CHECK) {
		__u64 at = i * sizeof(__u64);

		if ((__u64)guest_pair(guest_pages_at(&pages, at))->tv_sec != args->check_hva + at)
			return -EINVAL;
	}
	return 0;
}

/* 0, or -errno where pages cannot be found by the way we know */
SEC("syscall")
int nvr_find_pages(struct guest_pages_args *args)
{
	struct io_ring_ctx *ring = ring_of(args->ring_fd);
	struct buffers buffers = buffers_of(ring);
	__u64 direct = direct_map(ring);
	__u32 count = args->count, i;
	int err;

	if (sizeof(struct bio_vec) != bpf_core_type_size(struct bio_vec) ||
	    bpf_core_type_size(struct page) != 1U << (PAGE_SHIFT - GUEST_PAGE_SHIFT))
		return -EOPNOTSUPP;
	err = check(&buffers, direct, args);
	nvr_for(i, 0, count) {
		struct guest_pages *pages = bpf_map_lookup_elem(&nvr_guest_pages, &i);

		if (err || !pages)
			break;
		err = look_up(buffer_at(&buffers, i), direct, pages);
	}
	return err;
}
