/* SPDX-License-Identifier: GPL-2.0-only */
/* Names and places of threads. */
#ifndef NVRING_THREAD_H
#define NVRING_THREAD_H

#include <pthread.h>

#include "util.h"

/* thread_name() - the calling thread's, as `ps -L` and the kernel show it, up to 15 characters.
 * That of another is a file, which Landlock keeps us from (privileges.h). */
void thread_name(const char *format, ...) _printf_(1, 2);

/**
 * thread_pin() - let a thread run on one CPU only
 * @thread: of this process
 * @cpu: the CPU, or -1 to let it be
 *
 * Where the cpuset does not allow it that is logged.
 */
void thread_pin(pthread_t thread, int cpu);

#endif
