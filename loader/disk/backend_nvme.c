// SPDX-License-Identifier: GPL-2.0-only
/*
 * NVMe namespaces by passthrough on their generic device, /dev/ngXnY.
 *
 * A namespace may be named by its generic device, its block device or a partition of it. What
 * the drive says of itself (Identify) is used together with what the kernel's driver allows
 * for the block device beside it: passthrough obeys the same queue limits.
 */
#include <fcntl.h>
#include <libnvme.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "backend.h"
#include "base/log.h"
#include "base/sysfs.h"
#include "base/util.h"

#define NVME_PAGE	  4096U	       /* least memory page size (CAP.MPSMIN), unit of MDTS */
#define FALLBACK_TRANSFER 131072U      /* where neither drive nor driver names a limit */
#define BLOCKS_MAX	  65536ULL     /* of one command: the drive is told so in 16 bits */
#define TRANSFER_MAX	  (1ULL << 30) /* fabrics may name no limit; fits the command's 32 bits */
#define FALLBACK_SEGMENTS 33U	       /* that in PRP entries, and one for the offset */

struct namespace
{
	char generic[40];   /* "ng0n1" */
	char block[40];	    /* "nvme0n1" */
	char partition[40]; /* "nvme0n1p2", or empty */
};

/* Split a kernel name into the namespace it belongs to; false when it is not NVMe. */
static bool parse_name(const char *name, struct namespace *ret_names)
{
	unsigned int controller, nsid, partition;
	struct namespace names = { 0 };
	int end = 0;

	if (sscanf(name, "ng%un%u%n", &controller, &nsid, &end) != 2 || name[end]) {
		if (sscanf(name, "nvme%un%u%n", &controller, &nsid, &end) != 2)
			return false;
		if (name[end]) {
			int more = 0;

			if (sscanf(name + end, "p%u%n", &partition, &more) != 1 || name[end + more])
				return false;
			snprintf(names.partition, sizeof(names.partition), "%.39s", name);
		}
	}
	snprintf(names.generic, sizeof(names.generic), "ng%un%u", controller, nsid);
	snprintf(names.block, sizeof(names.block), "nvme%un%u", controller, nsid);
	*ret_names = names;
	return true;
}

bool backend_nvme_serves(const char *name)
{
	struct namespace names;
	char path[64];

	if (!parse_name(name, &names))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", names.generic);
	return access(path, F_OK) == 0;
}

/*
 * Hold what is served O_EXCL, so that the host neither mounts it under us nor has it mounted.
 * Ranges of one namespace may be served by several daemons, which cannot all hold it: for them
 * the operator's word stands, and a mounted neighbour is only mentioned.
 */
static int claim(const struct backend_options *options, const struct namespace *names,
		 struct backend *backend)
{
	const char *name = names->partition[0] ? names->partition : names->block;
	char path[64];
	int fd;

	if (options->read_only)
		return 0;
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0 && errno != EBUSY)
		return 0; /* no block device beside it: nothing can be mounted */
	if (options->has_range) {
		if (fd < 0)
			log_warn("%s: parts of it are in use by the host or other daemons; they "
				 "must lie outside --range",
				 path);
		fd_close(fd);
		return 0;
	}
	if (fd < 0) {
		log_error("%s: is mounted or in use; unmount it, or stop who uses it, first", path);
		return -EBUSY;
	}
	backend->claim_fd = fd;
	return 0;
}

static uint64_t queue_limit(const struct namespace *names, const char *attribute)
{
	return sysfs_number(0, "/sys/class/block/%s/queue/%s", names->block, attribute);
}

/* Bytes and 4 KiB fragments of one command: the lesser of drive's and driver's limits. */
static void transfer_limits(const struct namespace *names, const struct nvme_id_ctrl *ctrl,
			    struct disk *disk)
{
	uint64_t drive = ctrl->mdts && ctrl->mdts < 20 ? (uint64_t)NVME_PAGE << ctrl->mdts : 0;
	uint64_t driver = queue_limit(names, "max_hw_sectors_kb") * 1024;
	uint64_t segments = queue_limit(names, "max_segments");
	uint64_t bytes = driver ? driver : FALLBACK_TRANSFER;

	if (drive)
		bytes = min(bytes, drive);
	bytes = min(bytes, BLOCKS_MAX << disk->block_shift);
	bytes = min(bytes, TRANSFER_MAX);
	bytes &= ~(uint64_t)disk_block_mask(disk);
	/* Blocks larger than the limit do not exist; one block must always fit. */
	disk->max_transfer = (uint32_t)max(bytes, 1ULL << disk->block_shift);
	disk->max_segments = segments ? (uint32_t)segments : FALLBACK_SEGMENTS;
}

/* What FLUSH, DISCARD and WRITE_ZEROES mean for this drive. */
static void command_support(const struct namespace *names, const struct nvme_id_ctrl *ctrl,
			    struct disk *disk)
{
	uint32_t block = 1U << disk->block_shift, sectors = block >> NVR_SECTOR_SHIFT;
	uint64_t zeroes = queue_limit(names, "write_zeroes_max_bytes");
	uint64_t granularity = queue_limit(names, "discard_granularity");
	uint16_t oncs = le16_to_cpu(ctrl->oncs);

	if (ctrl->vwc & 1)
		disk->flags |= DISK_CACHE;
	if (oncs & NVME_CTRL_ONCS_DSM) {
		disk->flags |= DISK_DISCARD;
		/* One range counts blocks in 32 bits, and the guest sectors likewise. */
		disk->max_discard = (UINT32_MAX >> 1) & ~(sectors - 1);
		disk->discard_align =
			(uint32_t)max(granularity, (uint64_t)block) >> NVR_SECTOR_SHIFT;
	}
	/* 0 where the driver knows the drive's Write Zeroes to be broken. */
	if (oncs & NVME_CTRL_ONCS_WRITE_ZEROES && zeroes) {
		disk->flags |= DISK_ZEROES;
		disk->max_zeroes = (uint32_t)min(zeroes >> NVR_SECTOR_SHIFT, BLOCKS_MAX * sectors);
	}
}

static int check_namespace(const char *path, const struct namespace *names,
			   const struct nvme_id_ns *ns, struct nvme_lbaf *ret_format)
{
	uint8_t index;
	char zoned[32];

	nvme_id_ns_flbas_to_lbaf_inuse(ns->flbas, &index);
	*ret_format = ns->lbaf[index];
	if (le16_to_cpu(ret_format->ms)) {
		log_error("%s: is formatted with %u bytes of metadata per block, which virtio-blk "
			  "cannot carry; format it without",
			  path, le16_to_cpu(ret_format->ms));
		return -EOPNOTSUPP;
	}
	if (ret_format->ds < NVR_SECTOR_SHIFT || ret_format->ds > 16) {
		log_error("%s: has blocks of 2^%u bytes; 512 to 65536 can be served", path,
			  ret_format->ds);
		return -EOPNOTSUPP;
	}
	if (!sysfs_read(zoned, sizeof(zoned), "/sys/class/block/%s/queue/zoned", names->block) &&
	    strcmp(zoned, "none") != 0) {
		log_error("%s: is zoned (%s), which is not supported", path, zoned);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int identify(const char *path, const struct namespace *names, int fd, struct disk *disk)
{
	struct nvme_id_ctrl ctrl;
	struct nvme_lbaf format;
	struct nvme_id_ns ns;
	uint32_t nsid;
	int err;

	err = nvme_get_nsid(fd, &nsid);
	if (!err)
		err = nvme_identify_ctrl(fd, &ctrl);
	if (!err)
		err = nvme_identify_ns(fd, nsid, &ns);
	if (err) {
		err = err < 0 ? -errno : -EIO;
		log_error("%s: the drive does not identify itself: %s", path, strerror(-err));
		return err;
	}
	err = check_namespace(path, names, &ns, &format);
	if (err)
		return err;
	*disk = (struct disk){
		.kind = DISK_NVME,
		.nsid = nsid,
		.block_shift = format.ds,
		.sectors = le64_to_cpu(ns.nsze) << (format.ds - NVR_SECTOR_SHIFT),
		.memory_align = 1,
	};
	disk->physical_shift = (uint32_t)__builtin_ctzll(
		max(queue_limit(names, "physical_block_size"), 1ULL << format.ds));
	disk->min_io = (uint32_t)queue_limit(names, "minimum_io_size");
	disk->optimal_io = (uint32_t)queue_limit(names, "optimal_io_size");
	memcpy(disk->id, ctrl.sn, min(sizeof(disk->id), sizeof(ctrl.sn)));
	for (size_t i = sizeof(disk->id); i && disk->id[i - 1] == ' '; i--)
		disk->id[i - 1] = '\0';
	transfer_limits(names, &ctrl, disk);
	command_support(names, &ctrl, disk);
	return 0;
}

/* Serve the partition's blocks alone. */
static int narrow(const struct namespace *names, struct disk *disk)
{
	uint64_t start, size;

	if (!names->partition[0])
		return 0;
	start = sysfs_number(UINT64_MAX, "/sys/class/block/%s/start", names->partition);
	size = sysfs_number(0, "/sys/class/block/%s/size", names->partition);
	if (!size || start > disk->sectors || size > disk->sectors - start ||
	    ((start | size) << NVR_SECTOR_SHIFT) & disk_block_mask(disk)) {
		log_error("/dev/%s: sectors %llu+%llu are no range of whole blocks of %s",
			  names->partition, (unsigned long long)start, (unsigned long long)size,
			  names->generic);
		return -EINVAL;
	}
	disk->offset = start << NVR_SECTOR_SHIFT;
	disk->sectors = size;
	return 0;
}

int backend_nvme_bytes(const struct backend *backend, uint64_t *ret_bytes)
{
	const struct disk *disk = &backend->disk;
	struct nvme_id_ns ns;
	uint8_t index;
	int err = nvme_identify_ns(backend->fd, disk->nsid, &ns);

	if (err)
		return err < 0 ? -errno : -EIO;
	nvme_id_ns_flbas_to_lbaf_inuse(ns.flbas, &index);
	if (ns.lbaf[index].ds != disk->block_shift || le16_to_cpu(ns.lbaf[index].ms))
		return -ESTALE; /* formatted anew meanwhile */
	*ret_bytes = le64_to_cpu(ns.nsze) << disk->block_shift;
	return 0;
}

static dev_t disk_number(const struct namespace *names)
{
	char text[64];
	unsigned int parts[2];

	if (sysfs_read(text, sizeof(text), "/sys/class/block/%s/dev", names->block) ||
	    sscanf(text, "%u:%u", &parts[0], &parts[1]) != 2)
		return 0;
	return makedev(parts[0], parts[1]);
}

dev_t backend_nvme_disk(const char *path)
{
	struct namespace names;
	char name[64];

	if (sysfs_device_name(path, name, sizeof(name)) || !parse_name(name, &names))
		return 0;
	return disk_number(&names);
}

int backend_nvme_open(const struct backend_options *options, const char *name,
		      struct backend *backend)
{
	struct namespace names;
	char path[64];
	int err;

	if (!parse_name(name, &names))
		return -EINVAL;
	snprintf(path, sizeof(path), "/dev/%s", names.generic);
	backend->fd = open(path, (options->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (backend->fd < 0) {
		err = -errno;
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	err = identify(path, &names, backend->fd, &backend->disk);
	if (!err)
		err = narrow(&names, &backend->disk);
	if (!err)
		err = claim(options, &names, backend);
	if (err)
		return err;
	backend->fixed = names.partition[0];
	backend->disk_number = disk_number(&names);
	snprintf(backend->path, sizeof(backend->path), "%s", path);
	snprintf(backend->description, sizeof(backend->description),
		 "NVMe passthrough on %s, namespace %u, blocks of %u bytes", path,
		 backend->disk.nsid, 1U << backend->disk.block_shift);
	return 0;
}
