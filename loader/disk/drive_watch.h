/* SPDX-License-Identifier: GPL-2.0-only */
/* NVMe drives as their driver sees them, for as long as they are watched: bpf/drive.bpf.c. */
#ifndef NVRING_DRIVE_WATCH_H
#define NVRING_DRIVE_WATCH_H

#include <stdint.h>

#include "drive_abi.h"

struct drive_watch;

/* A queue that did something since the watch began, or has an interrupt. */
struct drive_seen {
	struct drive_key key;
	struct drive_times times;
	uint64_t interrupts; /* since the host started */
	int cpu;	     /* that it interrupts, -1 when it has no interrupt of its own */
};

/**
 * drive_watch_open() - begin to watch all drives of the host
 * @ret_watch: set; free with drive_watch_close()
 *
 * Return: 0; -ENOENT when there is no NVMe driver; -EPERM without privileges; or what the kernel
 * refuses it for.
 */
int drive_watch_open(struct drive_watch **ret_watch);

/* drive_watch_close() - end that; @watch may be NULL */
void drive_watch_close(struct drive_watch *watch);

/**
 * drive_watch_read() - what was seen so far
 * @watch: open
 * @ret_seen: set to an array in order of drives and queues; free() it
 * @ret_count: its length
 *
 * Return: 0 or -errno.
 */
int drive_watch_read(const struct drive_watch *watch, struct drive_seen **ret_seen,
		     uint32_t *ret_count);

#endif
