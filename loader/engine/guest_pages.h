/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking up pinned guest memory's pages for BPF (include/guest_peek.h). Control thread only. */
#ifndef NVRING_GUEST_PAGES_H
#define NVRING_GUEST_PAGES_H

#include <stdbool.h>

struct direct_maps;
struct pinned_memory;

/**
 * guest_pages_find() - let BPF read guest memory where it is pinned, or no more
 * @maps: filled, while no queue runs
 * @pinned: NULL for nothing
 *
 * Where this kernel keeps its pages in another way than we know, BPF copies from guest memory as
 * without pinning; that is logged.
 */
void guest_pages_find(struct direct_maps *maps, const struct pinned_memory *pinned);

/* guest_pages_found() - whether BPF reads guest memory in place now */
bool guest_pages_found(const struct direct_maps *maps);

#endif
