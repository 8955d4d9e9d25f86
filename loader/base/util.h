/* SPDX-License-Identifier: GPL-2.0-only */
/* Small things every file of the daemon uses: cleanup attributes, fds, arrays. */
#ifndef NVRING_UTIL_H
#define NVRING_UTIL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096ULL /* the smallest a file is mapped in */

#define ARRAY_SIZE(a)	    (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(fn)	    __attribute__((cleanup(fn)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

#define min(a, b)                              \
	({                                     \
		__auto_type min_a = (a);       \
		__auto_type min_b = (b);       \
		min_a < min_b ? min_a : min_b; \
	})
#define max(a, b)                              \
	({                                     \
		__auto_type max_a = (a);       \
		__auto_type max_b = (b);       \
		max_a > max_b ? max_a : max_b; \
	})

/* clock_ns() - a clock's time, ns */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/**
 * fd_close() - close an fd that may be unset
 * @fd: descriptor, or negative
 *
 * errno is kept. Return: -1, to assign to the variable that held @fd.
 */
static inline int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return -1;
}

/* fd_steal() - hand an fd over: the variable is left unset */
static inline int fd_steal(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* fd_replace() - close what @fd holds and let it own @with */
static inline void fd_replace(int *fd, int with)
{
	fd_close(*fd);
	*fd = with;
}

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_close_	 _cleanup_(fd_closep)
#define _cleanup_free_	 _cleanup_(freep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define steal_pointer(p)                   \
	({                                 \
		__auto_type stolen = *(p); \
		*(p) = NULL;               \
		stolen;                    \
	})

#endif
