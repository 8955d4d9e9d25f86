// SPDX-License-Identifier: GPL-2.0-only
/* What all kinds have in common: choosing the kind, the range, the lock. */
#include "backend.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/sysfs.h"
#include "base/util.h"

#define LOCK_WAIT_MS \
	10000 /* a killed daemon's last I/O takes no longer than the driver's retries */
#define LOCK_POLL_MS 20

#define NULL_TRANSFER (1U << 30)

static void open_null(const struct backend_options *options, struct backend *backend)
{
	backend->disk = (struct disk){
		.kind = DISK_NULL,
		.flags = DISK_DISCARD | DISK_ZEROES,
		.sectors = options->size >> NVR_SECTOR_SHIFT,
		.block_shift = NVR_SECTOR_SHIFT,
		.physical_shift = NVR_SECTOR_SHIFT,
		.max_transfer = NULL_TRANSFER,
		.max_segments = NULL_TRANSFER / DISK_FRAGMENT,
		.memory_align = 1,
		.max_discard = UINT32_MAX >> 1,
		.discard_align = 1,
		.max_zeroes = UINT32_MAX >> 1,
	};
	snprintf(backend->path, sizeof(backend->path), "null");
	snprintf(backend->description, sizeof(backend->description),
		 "null disk, moves no data, for measuring only");
}

static int open_device(const struct backend_options *options, struct backend *backend)
{
	char name[64];
	int err = sysfs_device_name(options->device, name, sizeof(name));

	if (err) {
		log_error("--device %s: %s", options->device,
			  err == -ENOTBLK ? "is no device; for a file use --image"
					  : strerror(-err));
		return err;
	}
	snprintf(backend->path, sizeof(backend->path), "%s", options->device);
	/* An NVMe namespace is served by passthrough, by whatever name it was given. */
	if (backend_nvme_serves(name))
		return backend_nvme_open(options, name, backend);
	return backend_block_open(options, name, backend);
}

/* Narrow the disk to --range, in logical blocks of what was opened. */
static int apply_range(const struct backend_options *options, struct backend *backend)
{
	struct disk *disk = &backend->disk;
	uint64_t blocks = disk->sectors >> (disk->block_shift - NVR_SECTOR_SHIFT);

	if (!options->has_range)
		return 0;
	if (!options->range_length || options->range_start >= blocks ||
	    options->range_length > blocks - options->range_start) {
		log_error("--range %llu+%llu: the device has %llu blocks of %u bytes",
			  (unsigned long long)options->range_start,
			  (unsigned long long)options->range_length, (unsigned long long)blocks,
			  1U << disk->block_shift);
		return -ERANGE;
	}
	backend->fixed = true;
	disk->offset += options->range_start << disk->block_shift;
	disk->sectors = options->range_length << (disk->block_shift - NVR_SECTOR_SHIFT);
	return 0;
}

/*
 * On the open file, which the kernel keeps until the last I/O on it has ended: who gets the lock
 * knows that no earlier daemon's write is still to come.
 */
int backend_lock(const struct backend *backend, uint64_t sectors)
{
	const struct disk *disk = &backend->disk;
	struct flock lock = {
		.l_type = disk->flags & DISK_READ_ONLY ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)disk->offset,
		.l_len = (off_t)(sectors << NVR_SECTOR_SHIFT),
	};

	if (!fcntl(backend->fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

static int wait_for_lock(const struct backend *backend)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };
	int err;

	for (int waited = 0; waited <= LOCK_WAIT_MS; waited += LOCK_POLL_MS) {
		err = backend_lock(backend, backend->disk.sectors);
		if (err != -EBUSY)
			break;
		if (!waited)
			log_info("%s: another process serves it; waiting", backend->path);
		nanosleep(&pause, NULL);
	}
	if (err == -EBUSY)
		log_error("%s: another process serves these bytes; stop it, or choose another "
			  "--range",
			  backend->path);
	else if (err)
		log_error("%s: cannot be locked: %s", backend->path, strerror(-err));
	return err ? -EBUSY : 0;
}

static void set_id(const struct backend_options *options, struct disk *disk)
{
	if (!options->serial)
		return;
	memset(disk->id, 0, sizeof(disk->id));
	memcpy(disk->id, options->serial, strnlen(options->serial, sizeof(disk->id)));
}

int backend_open(const struct backend_options *options, struct backend *ret_backend)
{
	struct backend backend = { .fd = -1, .claim_fd = -1 };
	int err = 0;

	if (options->null)
		open_null(options, &backend);
	else if (options->image)
		err = backend_file_open(options, &backend);
	else
		err = open_device(options, &backend);
	if (!err && options->read_only)
		backend.disk.flags |= DISK_READ_ONLY;
	if (!err)
		err = apply_range(options, &backend);
	if (!err && !backend.disk.sectors) {
		log_error("%s: holds no whole block", backend.path);
		err = -ENOSPC;
	}
	if (!err && backend.fd >= 0)
		err = wait_for_lock(&backend);
	if (err) {
		backend_close(&backend);
		return err;
	}
	set_id(options, &backend.disk);
	*ret_backend = backend;
	return 0;
}

void backend_close(struct backend *backend)
{
	backend->fd = fd_close(backend->fd);
	backend->claim_fd = fd_close(backend->claim_fd);
}
