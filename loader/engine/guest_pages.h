/* SPDX-License-Identifier: GPL-2.0-only */
/* The pages of guest memory that BPF reads in place (include/guest_peek.h). Control thread only. */
#ifndef NVRING_GUEST_PAGES_H
#define NVRING_GUEST_PAGES_H

#include <stdint.h>

struct direct_maps;
struct guest_pages;
struct loader;

/**
 * guest_pages_open() - see whether pages can be found, and read, on this kernel
 * @loader: of the VM, has loaded
 * @maps: its maps
 * @ret_pages: set; free with guest_pages_close()
 *
 * Return: 0, or -errno where they cannot: BPF goes on copying.
 */
int guest_pages_open(struct loader *loader, struct direct_maps *maps,
		     struct guest_pages **ret_pages);

/* guest_pages_close() - pin nothing any more; @pages may be NULL */
void guest_pages_close(struct guest_pages *pages);

/**
 * guest_pages_step() - pin the pages that BPF copied from since the last step
 * @pages: open; queues may run
 *
 * A page gives way to another one of the same slot when it was not used for a step.
 * Return: how many pages came where none was.
 */
uint32_t guest_pages_step(struct guest_pages *pages);

/* guest_pages_forget() - guest memory is another, and no queue runs: no page is pinned */
void guest_pages_forget(struct guest_pages *pages);

/* guest_pages_count() - how many pages BPF reads in place; @pages may be NULL */
uint32_t guest_pages_count(const struct guest_pages *pages);

#endif
