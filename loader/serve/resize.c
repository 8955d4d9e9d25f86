// SPDX-License-Identifier: GPL-2.0-only
#include "resize.h"

#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "engine/direct_maps.h"
#include "engine/vm.h"
#include "vhost_user.h"

static int _printf_(3, 4) refuse(char ret_why[RESIZE_WHY_BYTES], int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_why, RESIZE_WHY_BYTES, format, args);
	va_end(args);
	return err;
}

/* Bytes that what is served has now; 0 or -errno. */
static int measure(const struct backend *backend, uint64_t *ret_bytes)
{
	struct stat st;

	if (backend->disk.kind == DISK_NVME)
		return backend_nvme_bytes(backend, ret_bytes);
	if (backend->disk.kind == DISK_BLOCK)
		return ioctl(backend->fd, BLKGETSIZE64, ret_bytes) ? -errno : 0;
	if (fstat(backend->fd, &st))
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static bool can_grow(const struct backend *backend)
{
	return !backend->fixed && backend->disk.kind != DISK_NULL;
}

/* The sectors to serve from now on, theirs and ours; those of a file are made. 0 or -errno. */
static int grow(const struct backend *backend, uint64_t bytes, uint64_t *ret_sectors,
		char ret_why[RESIZE_WHY_BYTES])
{
	const struct disk *disk = &backend->disk;
	uint64_t have;
	int err;

	if (!can_grow(backend))
		return refuse(
			ret_why, -EOPNOTSUPP,
			"%s: a partition, a range and a null disk stay as long as they are; a "
			"namespace, a block device or a file can grow",
			backend->path);
	if (bytes && disk->kind != DISK_FILE)
		return refuse(
			ret_why, -EINVAL,
			"%s: a device has a size of its own; change that, and leave out --size",
			backend->path);
	err = measure(backend, &have);
	if (err)
		return refuse(ret_why, err, "%s: %s", backend->path, strerror(-err));
	bytes = bytes ? bytes : have;
	*ret_sectors = bytes >> disk->block_shift << (disk->block_shift - NVR_SECTOR_SHIFT);
	if (bytes < have || *ret_sectors < disk->sectors)
		return refuse(
			ret_why, -EINVAL,
			"%s: from %llu bytes to %llu: the guest may be using its end; disks grow "
			"only",
			backend->path,
			(unsigned long long)max(have, disk->sectors << NVR_SECTOR_SHIFT),
			(unsigned long long)bytes);
	err = backend_lock(backend, *ret_sectors);
	if (err)
		return refuse(ret_why, err, "%s: another process serves the bytes behind it",
			      backend->path);
	if (bytes > have && ftruncate(backend->fd, (off_t)bytes))
		return refuse(ret_why, -errno, "%s: %s", backend->path, strerror(errno));
	return 0;
}

int resize(struct vm *vm, uint64_t bytes, bool *ret_told, char ret_why[RESIZE_WHY_BYTES])
{
	struct disk *disk = &vm->backend.disk;
	uint64_t sectors = 0;
	int err = grow(&vm->backend, bytes, &sectors, ret_why);

	*ret_told = false;
	if (err || sectors == disk->sectors)
		return err;
	/* Queues check against the one or the other; both are there. */
	store_once(&disk->sectors, sectors);
	if (vm->maps)
		store_once(&vm->maps->vm->disk.sectors, sectors);
	*ret_told = vm->front && !vhost_user_config_changed(vm->front);
	log_info("%s: %llu sectors from now on%s", vm->backend.path, (unsigned long long)sectors,
		 *ret_told ? "" : "; the guest could not be told");
	return 0;
}
