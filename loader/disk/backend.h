/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What serves a VM's disk: an NVMe namespace by passthrough, a block device, a file, or nothing
 * (for measuring). Each kind fills struct disk and opens a file descriptor that io_uring uses;
 * on the path there is only the switch in include/sqe.h.
 */
#ifndef NVRING_BACKEND_H
#define NVRING_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "disk.h"

struct backend_options {
	const char *image;  /* regular file */
	const char *device; /* /dev/ngXnY, /dev/nvmeXnY[pZ], any block device */
	bool null;
	uint64_t size; /* bytes: of a new image, or of the null disk; 0 unset */
	bool has_range;
	uint64_t range_start;  /* logical blocks of the device */
	uint64_t range_length; /* likewise, above 0 */
	bool read_only;
	bool buffered;	    /* through the page cache */
	const char *serial; /* GET_ID, or NULL for the device's own */
};

struct backend {
	struct disk disk;
	int fd;		   /* for io_uring; -1 for DISK_NULL */
	int claim_fd;	   /* block device held O_EXCL while it is served, or -1 */
	bool fixed;	   /* a range or partition: what it is of may grow, it does not */
	dev_t disk_number; /* of the whole disk behind it, as io.max names it; 0: none is known */
	char path[256];
	char description[256]; /* one line for people */
};

/**
 * backend_open() - open what the options name
 * @options: from the command line
 * @ret_backend: filled on success
 *
 * The bytes served are locked on the open file (F_OFD_SETLK): another nvring cannot serve them,
 * and a successor of a killed one waits until the kernel has finished its last I/O.
 *
 * Return: 0 or -errno; the cause and the mend are logged.
 */
int backend_open(const struct backend_options *options, struct backend *ret_backend);

/**
 * backend_lock() - have the bytes served for ourselves, if nobody else has
 * @backend: open
 * @sectors: from its beginning; with what we have already
 *
 * Return: 0; -EBUSY when another process has some of them, or -errno.
 */
int backend_lock(const struct backend *backend, uint64_t sectors);

/* backend_close() - close the descriptors; no I/O is under way */
void backend_close(struct backend *backend);

/*
 * The kinds, each in its own file; backend_open() calls them, with @name as the kernel names the
 * device. All log their failures; on failure the caller closes what was opened. Range, serial
 * number and the read-only flag are the caller's to apply.
 */
int backend_nvme_open(const struct backend_options *options, const char *name,
		      struct backend *backend);
int backend_block_open(const struct backend_options *options, const char *name,
		       struct backend *backend);
int backend_file_open(const struct backend_options *options, struct backend *backend);

/* backend_nvme_bytes() - what the namespace has now; 0 or -errno, -ESTALE: it was formatted anew */
int backend_nvme_bytes(const struct backend *backend, uint64_t *ret_bytes);

/* backend_nvme_serves() - whether a device of this name is, or lies on, an NVMe namespace */
bool backend_nvme_serves(const char *name);

/* backend_nvme_disk() - number of the whole disk behind such a device, named by a path; 0: it is
 * none */
dev_t backend_nvme_disk(const char *path);

#endif
