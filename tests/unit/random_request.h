/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks and requests drawn at random, and where their bytes lie, known without the code under
 * test. Requests within the disk are common, others are not rare; ends of the disk are frequent.
 */
#ifndef NVRING_UNIT_RANDOM_REQUEST_H
#define NVRING_UNIT_RANDOM_REQUEST_H

#include "guest.h"
#include "unit.h"

#define RANDOM_PIECES 60

/* A run of bytes in the process. */
struct extent {
	uint64_t addr;
	uint64_t len;
};

struct random_request {
	uint32_t type;
	uint64_t sector;
	uint64_t data_len;
	bool pages; /* data is whole aligned pages, as of a Linux guest */
	uint32_t piece_count;
	struct guest_piece piece[RANDOM_PIECES];
	uint32_t extent_count;
	struct extent extent[2 * RANDOM_PIECES]; /* of the data, in order */
	uint32_t range_count;
	struct virtio_blk_discard_write_zeroes range[DISK_RANGES_MAX + 1];
};

static inline bool one_in(uint64_t *random, uint32_t of)
{
	return !unit_below(random, of);
}

static inline struct disk random_disk(uint64_t *random)
{
	static const uint32_t shifts[] = { 9, 9, 9, 12, 12, 16 };
	static const uint32_t aligns[] = { 1, 1, 4, 512, 4096 };
	static const uint32_t kinds[] = { DISK_NVME, DISK_NVME, DISK_BLOCK, DISK_FILE };
	struct disk disk = { .flags = DISK_CACHE | DISK_DISCARD | DISK_ZEROES, .nsid = 1 };
	uint64_t block;

	disk.kind = kinds[unit_below(random, 4)];
	disk.block_shift = shifts[unit_below(random, 6)];
	disk.physical_shift = disk.block_shift;
	block = 1ULL << disk.block_shift;
	disk.memory_align = disk.kind == DISK_NVME ? 1 : aligns[unit_below(random, 5)];
	if (one_in(random, 3))
		disk.flags |= DISK_WRITE_THROUGH;
	if (one_in(random, 50))
		disk.flags |= DISK_READ_ONLY;
	if (one_in(random, 50))
		disk.flags &= ~(unsigned int)DISK_CACHE;
	disk.sectors = (1 + unit_below(random, one_in(random, 4) ? 1ULL << 36 : 500)) * block / 512;
	/* A VM's range begins anywhere in a namespace. */
	disk.offset = one_in(random, 3) ? 0 : unit_below(random, 1ULL << 37) * block;
	disk.max_transfer =
		(uint32_t)((1 + unit_below(random, one_in(random, 2) ? 8 : 64)) * block);
	if (disk.max_transfer % disk.memory_align)
		disk.max_transfer = (disk.max_transfer | (disk.memory_align - 1)) + 1;
	disk.max_segments = 1 + (uint32_t)unit_below(random, one_in(random, 2) ? 8 : 200);
	disk.max_discard = UINT32_MAX >> 1;
	disk.max_zeroes = (uint32_t)((1 + unit_below(random, 100)) * block / 512);
	return disk;
}

/* A sector on the disk, mostly, and a whole block's. */
static inline uint64_t random_sector(uint64_t *random, const struct disk *disk)
{
	uint64_t block = 1ULL << disk->block_shift >> NVR_SECTOR_SHIFT, sector;

	switch (unit_below(random, 10)) {
	case 0:
		sector = disk->sectors - 64 * block + unit_below(random, 70) * block;
		break;
	case 1:
		return unit_random(random) >> unit_below(random, 64);
	default:
		sector = unit_below(random, disk->sectors) & ~(block - 1);
	}
	return one_in(random, 40) ? sector + unit_below(random, 8) : sector;
}

/* Data of about @bytes in pieces of one of three kinds: pages, sectors, anything. */
static inline void random_pieces(uint64_t *random, struct random_request *one, uint64_t bytes,
				 uint32_t writable)
{
	uint32_t most = 1 + (uint32_t)unit_below(random, RANDOM_PIECES - 1);
	uint32_t unit = one->pages ? 4096 : one_in(random, 2) ? 512 : 1;

	while (bytes) {
		bool last = ++one->piece_count >= most;
		uint64_t len =
			last ? bytes : unit * (1 + unit_below(random, 2 * bytes / most / unit + 1));
		uint64_t gpa =
			GUEST_DATA + unit_below(random, 2 * GUEST_RAM - (16 << 20)) / unit * unit;

		if (one->pages && !last)
			len = 4096;
		if (one_in(random, 10) && !one->pages)
			gpa = GUEST_BORDER - unit_below(random, len / unit + 1) * unit;
		if (len > bytes)
			len = bytes;
		one->piece[one->piece_count - 1] =
			(struct guest_piece){ gpa, (uint32_t)len, writable };
		bytes -= len;
	}
}

/* Where the guest's pages are in the process: guest.h lays the regions out. */
static inline void random_extents(const struct guest *guest, struct random_request *one)
{
	for (uint32_t i = 0; i < one->piece_count; i++) {
		uint64_t gpa = one->piece[i].gpa, left = one->piece[i].len;

		one->data_len += left;
		while (left) {
			uint64_t ram = (uintptr_t)guest->ram + (gpa - GUEST_BASE), len = left;

			if (gpa >= GUEST_BORDER)
				ram += GUEST_GAP;
			else if (len > GUEST_BORDER - gpa)
				len = GUEST_BORDER - gpa;
			one->extent[one->extent_count++] = (struct extent){ ram, len };
			gpa += len;
			left -= len;
		}
	}
}

static inline void random_transfer(uint64_t *random, const struct disk *disk,
				   struct random_request *one)
{
	uint64_t block = 1ULL << disk->block_shift, bytes = block * (1 + unit_below(random, 64));

	one->pages = one_in(random, 3);
	if (one->pages)
		bytes = (bytes + 4095) & ~4095ULL;
	else if (one_in(random, 30))
		bytes += unit_below(random, 600);
	random_pieces(random, one, bytes, one->type == VIRTIO_BLK_T_IN);
}

static inline void random_ranges(uint64_t *random, const struct disk *disk,
				 struct random_request *one)
{
	uint64_t block = 1ULL << disk->block_shift >> NVR_SECTOR_SHIFT;

	one->range_count = 1 + (uint32_t)unit_below(random, one_in(random, 2) ? 1 : 17);
	for (uint32_t i = 0; i < one->range_count; i++) {
		uint64_t sector = unit_below(random, disk->sectors) & ~(block - 1);
		uint64_t sectors = unit_below(random, 300) * block;

		if (one_in(random, 40))
			sector = random_sector(random, disk);
		/* Mostly up to the end and no further. */
		if (!one_in(random, 40) && sectors > disk->sectors - sector)
			sectors = disk->sectors - sector;
		if (one_in(random, 100))
			sectors = unit_random(random);
		one->range[i].sector = cpu_to_le64(sector);
		one->range[i].num_sectors = cpu_to_le32((uint32_t)sectors);
		one->range[i].flags =
			cpu_to_le32(one->type == VIRTIO_BLK_T_WRITE_ZEROES && one_in(random, 3));
	}
	one->piece[one->piece_count++] =
		(struct guest_piece){ GUEST_DATA,
				      one->range_count * (uint32_t)sizeof(one->range[0]), 0 };
}

static inline void random_request(uint64_t *random, const struct guest *guest,
				  const struct disk *disk, struct random_request *ret_one)
{
	static const uint32_t types[] = {
		VIRTIO_BLK_T_IN,	   VIRTIO_BLK_T_IN,	 VIRTIO_BLK_T_IN,
		VIRTIO_BLK_T_OUT,	   VIRTIO_BLK_T_OUT,	 VIRTIO_BLK_T_OUT,
		VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_FLUSH,
	};

	memset(ret_one, 0, sizeof(*ret_one));
	ret_one->type = types[unit_below(random, 9)];
	ret_one->sector = random_sector(random, disk);
	if (ret_one->type == VIRTIO_BLK_T_IN || ret_one->type == VIRTIO_BLK_T_OUT)
		random_transfer(random, disk, ret_one);
	else if (ret_one->type != VIRTIO_BLK_T_FLUSH)
		random_ranges(random, disk, ret_one);
	random_extents(guest, ret_one);
}

/* Whether [sector, sector + bytes) is whole blocks of the disk's own. */
static inline bool random_on_disk(const struct disk *disk, uint64_t sector, uint64_t bytes)
{
	unsigned __int128 start = (unsigned __int128)sector * 512;
	uint64_t block = 1ULL << disk->block_shift;

	return start + bytes <= (unsigned __int128)disk->sectors * 512 && start % block == 0 &&
	       bytes % block == 0;
}

/* Whether a request has to reach the disk at all, rather than be answered at once. */
static inline bool random_goes_to_disk(const struct disk *disk, const struct random_request *one)
{
	if (one->type == VIRTIO_BLK_T_FLUSH)
		return disk->flags & DISK_CACHE;
	if (one->type != VIRTIO_BLK_T_IN && disk->flags & DISK_READ_ONLY)
		return false;
	if (one->type == VIRTIO_BLK_T_IN || one->type == VIRTIO_BLK_T_OUT)
		return random_on_disk(disk, one->sector, one->data_len);
	for (uint32_t i = 0; i < one->range_count; i++)
		if (!random_on_disk(disk, le64_to_cpu(one->range[i].sector),
				    512ULL * le32_to_cpu(one->range[i].num_sectors)))
			return false;
	return one->range_count <= DISK_RANGES_MAX;
}

#endif
