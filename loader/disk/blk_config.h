/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtio-blk configuration space and feature bits. Virtio 1.3 §5.2.3, §5.2.4. */
#ifndef NVRING_BLK_CONFIG_H
#define NVRING_BLK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "disk.h"

#define BLK_CONFIG_BYTES 256 /* what GET_CONFIG can carry; zeroes after the known fields */

/**
 * blk_config_features() - VIRTIO_BLK_F_* and VIRTIO_F_* the disk offers
 * @disk: the disk
 * @queues: number of queues
 */
uint64_t blk_config_features(const struct disk *disk, uint32_t queues);

/**
 * blk_config_fill() - the configuration space as the guest reads it
 * @disk: the disk
 * @queues: number of queues
 * @ret_config: filled
 */
void blk_config_fill(const struct disk *disk, uint32_t queues,
		     uint8_t ret_config[BLK_CONFIG_BYTES]);

/**
 * blk_config_write() - the guest wrote configuration space
 * @offset: of the write
 * @data: what it wrote
 * @bytes: how much
 * @ret_write_back: set to the new cache mode
 *
 * Only the writeback byte can be written, with VIRTIO_BLK_F_CONFIG_WCE.
 * Return: 0, or -EINVAL for anything else.
 */
int blk_config_write(uint32_t offset, const uint8_t *data, uint32_t bytes, bool *ret_write_back);

#endif
