/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the request code must know of the disk behind a VM. Filled once by the back-end
 * (loader/disk/backend.c); constant while queues run, but for DISK_WRITE_THROUGH, and sectors,
 * which may grow (loader/serve/resize.h).
 */
#ifndef NVRING_DISK_H
#define NVRING_DISK_H

#include "arch.h"

enum disk_kind {
	DISK_NVME,  /* passthrough: NVMe commands to /dev/ngXnY */
	DISK_BLOCK, /* block device: read, write, fsync, fallocate */
	DISK_FILE,  /* regular file: likewise */
	DISK_NULL,  /* moves no data; for measuring */
};

/* disk.flags */
#define DISK_READ_ONLY	   (1U << 0)
#define DISK_CACHE	   (1U << 1) /* has a volatile write cache: FLUSH means something */
#define DISK_WRITE_THROUGH (1U << 2) /* writes must be durable when they complete */
#define DISK_DISCARD	   (1U << 3) /* DISCARD is offered */
#define DISK_ZEROES	   (1U << 4) /* WRITE_ZEROES is offered */

#define DISK_ID_BYTES	20    /* VIRTIO_BLK_ID_BYTES */
#define DISK_RANGES_MAX 16    /* ranges in one DISCARD or WRITE_ZEROES request */
#define DISK_FRAGMENT	4096U /* what one of max_segments covers: an NVMe PRP entry */

struct disk {
	__u32 kind;	      /* enum disk_kind */
	__u32 flags;	      /* DISK_* */
	__u64 sectors;	      /* capacity, in 512-byte sectors, a multiple of the block size */
	__u64 offset;	      /* bytes from the device's start to the VM's sector 0 */
	__u32 block_shift;    /* log2 of the logical block size, 9..16 */
	__u32 physical_shift; /* log2 of the physical block size, at least block_shift */
	__u32 min_io;	      /* bytes, preferred granularity, 0 unknown */
	__u32 optimal_io;     /* bytes, 0 unknown */
	__u32 nsid;	      /* NVMe namespace */
	__u32 max_transfer;   /* bytes of one read or write; whole blocks, and memory_align */
	__u32 max_segments;   /* 4 KiB fragments of one read or write command */
	__u32 memory_align;   /* O_DIRECT: buffers must start and end on it, power of two, or 1 */
	__u32 max_discard;    /* sectors of one DISCARD range */
	__u32 discard_align;  /* sectors */
	__u32 max_zeroes;     /* sectors of one WRITE_ZEROES command to the device */
	__u32 reserved;
	char id[DISK_ID_BYTES]; /* GET_ID, padded with zeroes */
	__u32 reserved2;
};

NVR_INLINE __u32 disk_block_mask(const struct disk *disk)
{
	return (1U << disk->block_shift) - 1;
}

/**
 * disk_holds() - whether a byte range lies on the disk and on whole blocks
 * @disk: the disk
 * @sector: first sector, as the guest sent it
 * @bytes: length
 *
 * This is the confinement of a VM to its range: sectors beyond disk->sectors are never reached.
 * Return: 1 or 0.
 */
NVR_INLINE int disk_holds(const struct disk *disk, __u64 sector, __u64 bytes)
{
	__u64 sectors = bytes >> NVR_SECTOR_SHIFT, have = load_once(&disk->sectors);

	if (((sector << NVR_SECTOR_SHIFT) | bytes) & disk_block_mask(disk))
		return 0;
	return sector <= have && sectors <= have - sector;
}

#endif
