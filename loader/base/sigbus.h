/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Surviving shared memory that its owner cuts short.
 *
 * A front-end can truncate the file behind guest memory while we use it; the access raises
 * SIGBUS. The handler puts an empty page there and makes a note; the worker then stops its
 * queues. Any other SIGBUS is a bug and kills the process as usual.
 */
#ifndef NVRING_SIGBUS_H
#define NVRING_SIGBUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

extern atomic_uint sigbus_count;

/* sigbus_install() - handle SIGBUS from now on; once */
void sigbus_install(void);

/**
 * sigbus_guard() - a mapping whose faults are survived
 * @address: page-aligned start
 * @bytes: length
 * @page: what its file is mapped in units of; 4096, or the size of its huge pages
 *
 * Control thread only. Return: 0, or -ENOSPC when too many are guarded.
 */
int sigbus_guard(void *address, size_t bytes, size_t page);

/* sigbus_release() - forget the mapping that starts at @address */
void sigbus_release(void *address);

/* sigbus_seen() - whether memory was found missing since sigbus_forget() */
static inline bool sigbus_seen(void)
{
	return atomic_load_explicit(&sigbus_count, memory_order_relaxed) != 0;
}

/* sigbus_forget() - the front-end is gone and its memory with it */
static inline void sigbus_forget(void)
{
	atomic_store(&sigbus_count, 0);
}

#endif
