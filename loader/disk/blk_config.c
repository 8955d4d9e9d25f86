// SPDX-License-Identifier: GPL-2.0-only
#include "blk_config.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>

#include "base/util.h"
#include "request.h"

#define BIT(n)	     (1ULL << (n))
#define SIZE_MAX_CAP (1U << 20) /* what one segment may hold; requests are split anyway */

uint64_t blk_config_features(const struct disk *disk, uint32_t queues)
{
	uint64_t features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ANY_LAYOUT) |
			    BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |
			    BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX) |
			    BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_TOPOLOGY);

	if (queues > 1)
		features |= BIT(VIRTIO_BLK_F_MQ);
	if (disk->flags & DISK_READ_ONLY)
		return features | BIT(VIRTIO_BLK_F_RO);
	if (disk->flags & DISK_CACHE)
		features |= BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE);
	if (disk->flags & DISK_DISCARD)
		features |= BIT(VIRTIO_BLK_F_DISCARD);
	if (disk->flags & DISK_ZEROES)
		features |= BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	return features;
}

/* Largest segment the guest should build: what one command moves, within reason. */
static uint32_t segment_bytes(const struct disk *disk)
{
	return min(disk->max_transfer, SIZE_MAX_CAP);
}

/*
 * Segments of a request that is one command, however the guest's pages are scattered. SeaBIOS keeps
 * size_max * seg_max / 512 in 16 bits and loops for ever when these are 0: one segment less then.
 */
static uint32_t segments(const struct disk *disk)
{
	uint32_t fit = min(disk->max_segments, disk->max_transfer / DISK_FRAGMENT), sectors;

	fit = max(min(fit, (uint32_t)CHAIN_DATA_SEGMENTS), 1U);
	sectors = segment_bytes(disk) / NVR_SECTOR_SIZE * fit;
	return sectors & 0xffff ? fit : fit - 1;
}

void blk_config_fill(const struct disk *disk, uint32_t queues, uint8_t ret_config[BLK_CONFIG_BYTES])
{
	uint32_t block = 1U << disk->block_shift;
	struct virtio_blk_config config = {
		.capacity = cpu_to_le64(disk->sectors),
		.size_max = cpu_to_le32(segment_bytes(disk)),
		.seg_max = cpu_to_le32(segments(disk)),
		.blk_size = cpu_to_le32(block),
		.physical_block_exp = (uint8_t)(disk->physical_shift - disk->block_shift),
		.min_io_size = cpu_to_le16(min(disk->min_io / block, 0xffffU)),
		.opt_io_size = cpu_to_le32(disk->optimal_io / block),
		.wce = disk->flags & DISK_CACHE && !(disk->flags & DISK_WRITE_THROUGH),
		.num_queues = cpu_to_le16((uint16_t)queues),
	};

	if (disk->flags & DISK_DISCARD) {
		config.max_discard_sectors = cpu_to_le32(disk->max_discard);
		config.max_discard_seg = cpu_to_le32(DISK_RANGES_MAX);
		config.discard_sector_alignment = cpu_to_le32(disk->discard_align);
	}
	if (disk->flags & DISK_ZEROES) {
		/* Requests are split; only the field's own width limits them. */
		config.max_write_zeroes_sectors = cpu_to_le32(UINT32_MAX >> 1);
		config.max_write_zeroes_seg = cpu_to_le32(DISK_RANGES_MAX);
		config.write_zeroes_may_unmap = 1;
	}
	memset(ret_config, 0, BLK_CONFIG_BYTES);
	memcpy(ret_config, &config, sizeof(config));
}

int blk_config_write(uint32_t offset, const uint8_t *data, uint32_t bytes, bool *ret_write_back)
{
	if (offset != offsetof(struct virtio_blk_config, wce) || bytes != 1 || data[0] > 1)
		return -EINVAL;
	*ret_write_back = data[0];
	return 0;
}
