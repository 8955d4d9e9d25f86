/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NVRING_INOTIFY_H
#define NVRING_INOTIFY_H

#include <sys/inotify.h>
#include <unistd.h>

/* inotify_drain() - take all events there are, of an @fd that does not block: for who looks at all
 * of it again, whatever they say, and however many they are */
static inline void inotify_drain(int fd)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(fd, events, sizeof(events)) > 0)
		;
}

#endif
