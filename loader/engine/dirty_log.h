/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages of guest memory that we wrote, for a front-end that migrates the guest: vhost-user,
 * "Migration". A bit for each page of 4 KiB, in memory that the front-end shares, sets back and
 * looks at whenever it likes.
 *
 * A page is marked once it was written, and before the front-end is told that a queue has stopped.
 * BPF marks none: workers serve while there is a migration.
 */
#ifndef NVRING_DIRTY_LOG_H
#define NVRING_DIRTY_LOG_H

#include <stddef.h>
#include <stdint.h>

struct guest_memory;
struct request;
struct vhost_queue;

#define DIRTY_LOG_PAGE_SHIFT 12 /* VHOST_LOG_PAGE */

struct dirty_log {
	uint8_t *bits;	/* NULL: there is none */
	uint64_t pages; /* it has bits for */
	void *mapping;	/* what munmap() gets */
	size_t mapping_bytes;
};

/**
 * dirty_log_open() - log here from now on
 * @log: one that was open is closed; no queue runs
 * @fd: the log's file; stays the caller's
 * @bytes: its size
 * @offset: where in the file it begins
 *
 * Return: 0, -EINVAL when the file has less, -ENOSPC when too much is guarded already (sigbus.h),
 * or what mmap says; nothing has changed then.
 */
int dirty_log_open(struct dirty_log *log, int fd, uint64_t bytes, uint64_t offset);

/* dirty_log_close() - open or not */
void dirty_log_close(struct dirty_log *log);

/* dirty_log_mark() - guest addresses that were written; those the log has no bits for are ignored.
 * Any thread. */
void dirty_log_mark(const struct dirty_log *log, uint64_t gpa, uint64_t bytes);

/**
 * dirty_log_command() - a command of a request's that may have written to the guest is over
 * @log: open or not
 * @memory: the guest's
 * @request: its command and data segments as they were sent
 */
void dirty_log_command(const struct dirty_log *log, const struct guest_memory *memory,
		       const struct request *request);

/* dirty_log_request() - a request was answered: its status, and data that took no command */
void dirty_log_request(const struct dirty_log *log, const struct guest_memory *memory,
		       const struct request *request);

/* dirty_log_used() - a queue's used ring was written, where the front-end wants that logged */
void dirty_log_used(const struct dirty_log *log, const struct vhost_queue *queue);

#endif
