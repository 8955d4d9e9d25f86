// SPDX-License-Identifier: GPL-2.0-only
#include "sigbus.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "guest_memory.h"
#include "util.h"

#define GUARDED_MAX (GUEST_REGIONS_MAX + 1) /* and the in-flight area */

atomic_uint sigbus_count;

static struct sigaction before; /* who handled the signal: nobody, or a fuzzer */

/* Read by the handler in any thread: an entry counts once its end is set. */
static struct guarded {
	_Atomic uintptr_t start, end, page;
} guarded[GUARDED_MAX];

static struct guarded *find(uintptr_t address)
{
	for (size_t i = 0; i < GUARDED_MAX; i++)
		if (address < atomic_load(&guarded[i].end) &&
		    address >= atomic_load(&guarded[i].start))
			return &guarded[i];
	return NULL;
}

static bool put_empty_page(uintptr_t address, uintptr_t page)
{
	return mmap((void *)(address & ~(page - 1)), page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void handler(int signal_number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	struct guarded *entry = info->si_code > 0 ? find(address) : NULL;

	(void)context;
	/* A huge page cannot be replaced in part. */
	if (entry && (put_empty_page(address, PAGE_BYTES) ||
		      put_empty_page(address, atomic_load(&entry->page)))) {
		atomic_fetch_add(&sigbus_count, 1);
		return;
	}
	/* Not ours: the same access kills the process when the handler returns. */
	sigaction(signal_number, &before, NULL);
}

void sigbus_install(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, &before);
}

int sigbus_guard(void *address, size_t bytes, size_t page)
{
	for (size_t i = 0; i < GUARDED_MAX; i++) {
		if (atomic_load(&guarded[i].end))
			continue;
		atomic_store(&guarded[i].start, (uintptr_t)address);
		atomic_store(&guarded[i].page, page);
		atomic_store(&guarded[i].end, (uintptr_t)address + bytes);
		return 0;
	}
	return -ENOSPC;
}

void sigbus_release(void *address)
{
	for (size_t i = 0; i < GUARDED_MAX; i++)
		if (atomic_load(&guarded[i].end) &&
		    atomic_load(&guarded[i].start) == (uintptr_t)address)
			atomic_store(&guarded[i].end, 0);
}
