// SPDX-License-Identifier: GPL-2.0-only
/* Block devices other than NVMe namespaces: io_uring READ, WRITE, FSYNC, FALLOCATE. */
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "backend.h"
#include "base/log.h"
#include "base/sysfs.h"
#include "base/util.h"

#define BLOCK_TRANSFER (1U << 30) /* the block layer splits; below MAX_RW_COUNT */

struct facts {
	struct stat st;
	uint64_t bytes;
	int logical;
	unsigned int physical, min_io, optimal_io;
};

static int ask(int fd, struct facts *ret_facts)
{
	if (fstat(fd, &ret_facts->st) || ioctl(fd, BLKGETSIZE64, &ret_facts->bytes) ||
	    ioctl(fd, BLKSSZGET, &ret_facts->logical) ||
	    ioctl(fd, BLKPBSZGET, &ret_facts->physical) ||
	    ioctl(fd, BLKIOMIN, &ret_facts->min_io) || ioctl(fd, BLKIOOPT, &ret_facts->optimal_io))
		return -errno;
	return 0;
}

/* A partition has its whole device's queue. */
static uint64_t limit(const char *name, const char *attribute, uint64_t otherwise)
{
	uint64_t whole =
		sysfs_number(otherwise, "/sys/class/block/%s/../queue/%s", name, attribute);

	return sysfs_number(whole, "/sys/class/block/%s/queue/%s", name, attribute);
}

static bool has_cache(const char *name)
{
	char mode[32];

	if (sysfs_read(mode, sizeof(mode), "/sys/class/block/%s/queue/write_cache", name) &&
	    sysfs_read(mode, sizeof(mode), "/sys/class/block/%s/../queue/write_cache", name))
		return true;
	return !strcmp(mode, "write back");
}

static uint32_t sectors_of(uint64_t bytes)
{
	return (uint32_t)min(bytes >> NVR_SECTOR_SHIFT, (uint64_t)UINT32_MAX >> 1);
}

static void fill(const struct backend_options *options, const char *name, const struct facts *facts,
		 struct disk *disk)
{
	uint32_t logical = (uint32_t)facts->logical;
	uint64_t discard = limit(name, "discard_max_bytes", 0);

	*disk = (struct disk){
		.kind = DISK_BLOCK,
		/* The kernel writes zeroes itself where the device has no command for it. */
		.flags = DISK_ZEROES,
		.sectors = facts->bytes / logical * (logical >> NVR_SECTOR_SHIFT),
		.block_shift = (uint32_t)__builtin_ctz(logical),
		.physical_shift = (uint32_t)__builtin_ctz(max(facts->physical, logical)),
		.min_io = facts->min_io,
		.optimal_io = facts->optimal_io,
		.max_transfer = BLOCK_TRANSFER,
		.max_segments = BLOCK_TRANSFER / DISK_FRAGMENT,
		.memory_align = 1,
		.max_discard = sectors_of(discard),
		.discard_align = sectors_of(
			max(limit(name, "discard_granularity", logical), (uint64_t)logical)),
		.max_zeroes = UINT32_MAX >> 1,
	};
	if (discard)
		disk->flags |= DISK_DISCARD;
	if (options->buffered || has_cache(name))
		disk->flags |= DISK_CACHE;
	/* dma_alignment is a mask, in /sys since Linux 6.1; before, whole blocks are safe. */
	if (!options->buffered)
		disk->memory_align = (uint32_t)limit(name, "dma_alignment", logical - 1) + 1;
}

/*
 * Hold the device O_EXCL: it is not mounted nor in use, and nobody mounts it under us. By another
 * descriptor than I/O's, which io_uring keeps until the last I/O of a killed daemon has ended: its
 * successor shall wait for that (by the lock), not be refused.
 */
static int claim(const struct backend_options *options, struct backend *backend)
{
	int err;

	if (options->read_only)
		return 0;
	backend->claim_fd = open(options->device, O_RDWR | O_EXCL | O_CLOEXEC);
	if (backend->claim_fd >= 0)
		return 0;
	err = -errno;
	log_error("--device %s: %s%s", options->device, strerror(-err),
		  err == -EBUSY
			  ? "; it is mounted or in use; unmount it, or stop who uses it, first"
			  : "");
	return err;
}

int backend_block_open(const struct backend_options *options, const char *name,
		       struct backend *backend)
{
	int flags = options->read_only ? O_RDONLY : O_RDWR;
	struct facts facts;
	int err;

	backend->fd = open(options->device, flags | O_CLOEXEC | (options->buffered ? 0 : O_DIRECT));
	if (backend->fd < 0 || ask(backend->fd, &facts)) {
		err = -errno;
		log_error("--device %s: %s", options->device, strerror(-err));
		return err;
	}
	err = claim(options, backend);
	if (err)
		return err;
	fill(options, name, &facts, &backend->disk);
	backend->disk_number = sysfs_whole_disk(facts.st.st_rdev);
	snprintf(backend->description, sizeof(backend->description), "block device %s, %s", name,
		 options->buffered ? "through the page cache" : "O_DIRECT");
	return 0;
}
