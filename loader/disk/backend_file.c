// SPDX-License-Identifier: GPL-2.0-only
/* Regular files: io_uring READ, WRITE, FSYNC, FALLOCATE. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "backend.h"
#include "base/log.h"
#include "base/sysfs.h"
#include "base/util.h"

#define FILE_TRANSFER (1U << 30)	/* below the kernel's MAX_RW_COUNT */
#define FILE_RANGE    (UINT32_MAX >> 1) /* sectors of one DISCARD or WRITE_ZEROES */

/* Open or, with --size, create; 0 or -errno with errno's text logged by the caller. */
static int open_image(const struct backend_options *options, int flags)
{
	int fd = open(options->image, flags | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !options->size || options->read_only)
		return fd < 0 ? -errno : fd;
	fd = open(options->image, flags | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)options->size))
		return fd;
	flags = -errno;
	unlink(options->image);
	fd_close(fd);
	return flags;
}

static int check_image(const struct backend_options *options, int fd, struct stat *ret_st)
{
	if (fstat(fd, ret_st))
		return -errno;
	if (!S_ISREG(ret_st->st_mode)) {
		log_error("--image %s: is no regular file; for a device use --device",
			  options->image);
		return -EINVAL;
	}
	/* More is what it has grown to since it was created. */
	if (options->size && (uint64_t)ret_st->st_size < options->size) {
		log_error("--image %s: has %lld bytes, not %llu; leave out --size to serve it as "
			  "it is",
			  options->image, (long long)ret_st->st_size,
			  (unsigned long long)options->size);
		return -EINVAL;
	}
	return 0;
}

/* The file system's demands on O_DIRECT; 4096 suits whoever cannot tell (before Linux 6.1). */
static void direct_alignment(int fd, uint32_t *ret_memory, uint32_t *ret_offset)
{
	*ret_memory = 4096;
	*ret_offset = 4096;
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) ||
	    !(stx.stx_mask & STATX_DIOALIGN) || !stx.stx_dio_offset_align)
		return;
	*ret_memory = max(stx.stx_dio_mem_align, 1U);
	*ret_offset = stx.stx_dio_offset_align;
#endif
}

static uint32_t log2_of(uint32_t value)
{
	return 31 - (uint32_t)__builtin_clz(value);
}

int backend_file_open(const struct backend_options *options, struct backend *backend)
{
	uint32_t memory_align = 1, offset_align = NVR_SECTOR_SIZE, shift;
	int access = options->read_only ? O_RDONLY : O_RDWR, fd;
	bool buffered = options->buffered;
	struct stat st;
	int err;

	fd = open_image(options, access | (buffered ? 0 : O_DIRECT));
	if (fd == -EINVAL && !buffered) {
		buffered = true;
		fd = open_image(options, access);
		if (fd >= 0)
			log_warn("--image %s: its file system has no O_DIRECT; served through the "
				 "page cache",
				 options->image);
	}
	if (fd < 0) {
		log_error("--image %s: %s%s", options->image, strerror(-fd),
			  fd == -ENOENT ? "; --size SIZE creates it" : "");
		return fd;
	}
	backend->fd = fd;
	err = check_image(options, fd, &st);
	if (err)
		return err;
	if (!buffered)
		direct_alignment(fd, &memory_align, &offset_align);
	shift = max(log2_of(offset_align), (uint32_t)NVR_SECTOR_SHIFT);
	if (st.st_size & ((1 << shift) - 1))
		log_warn("--image %s: %lld bytes are no whole blocks of %u; the rest is not served",
			 options->image, (long long)st.st_size, 1U << shift);
	backend->disk = (struct disk){
		.kind = DISK_FILE,
		.flags = DISK_CACHE | DISK_DISCARD | DISK_ZEROES,
		.sectors = (uint64_t)st.st_size >> shift << (shift - NVR_SECTOR_SHIFT),
		.block_shift = shift,
		/* Smaller writes make the file system read before it writes. */
		.physical_shift = max(shift, log2_of(min((uint32_t)st.st_blksize, 65536U))),
		.max_transfer = FILE_TRANSFER,
		.max_segments = FILE_TRANSFER / DISK_FRAGMENT,
		.memory_align = memory_align,
		.max_discard = FILE_RANGE,
		.discard_align = max((uint32_t)st.st_blksize, NVR_SECTOR_SIZE) >> NVR_SECTOR_SHIFT,
		.max_zeroes = FILE_RANGE,
	};
	backend->disk_number = sysfs_whole_disk(st.st_dev);
	snprintf(backend->path, sizeof(backend->path), "%s", options->image);
	snprintf(backend->description, sizeof(backend->description), "file, %s",
		 buffered ? "through the page cache" : "O_DIRECT");
	return 0;
}
