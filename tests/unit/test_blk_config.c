// SPDX-License-Identifier: GPL-2.0-only
/* Configuration space and feature bits, by the numbers of virtio 1.3 §5.2.3 and §5.2.4. */
#include "unit.h"

#include <errno.h>

#include "chain.h"
#include "disk/blk_config.h"

/* Byte offsets in the configuration space. */
#define CAPACITY		 0 /* 64 bits */
#define SIZE_MAX_FIELD		 8
#define SEG_MAX			 12
#define GEOMETRY		 16
#define BLK_SIZE		 20
#define PHYSICAL_BLOCK_EXP	 24 /* 8 bits */
#define ALIGNMENT_OFFSET	 25 /* 8 bits */
#define MIN_IO_SIZE		 26 /* 16 bits */
#define OPT_IO_SIZE		 28
#define WRITEBACK		 32 /* 8 bits */
#define NUM_QUEUES		 34 /* 16 bits */
#define MAX_DISCARD_SECTORS	 36
#define MAX_DISCARD_SEG		 40
#define DISCARD_SECTOR_ALIGNMENT 44
#define MAX_WRITE_ZEROES_SECTORS 48
#define MAX_WRITE_ZEROES_SEG	 52
#define WRITE_ZEROES_MAY_UNMAP	 56 /* 8 bits */

#define BIT(n) (1ULL << (n))

/* VIRTIO_F_VERSION_1, ANY_LAYOUT of old, RING_EVENT_IDX, RING_INDIRECT_DESC, BLK_F_TOPOLOGY,
 * BLK_SIZE, SEG_MAX, SIZE_MAX */
#define ALWAYS (BIT(32) | BIT(27) | BIT(29) | BIT(28) | BIT(10) | BIT(6) | BIT(2) | BIT(1))

#define F_RO	       BIT(5)
#define F_FLUSH	       BIT(9)
#define F_CONFIG_WCE   BIT(11)
#define F_MQ	       BIT(12)
#define F_DISCARD      BIT(13)
#define F_WRITE_ZEROES BIT(14)

static uint8_t config[BLK_CONFIG_BYTES];

static const struct disk all = {
	.flags = DISK_CACHE | DISK_DISCARD | DISK_ZEROES,
	.sectors = 0x123456789abcd8,
	.block_shift = 12,
	.physical_shift = 14,
	.min_io = 16384,
	.optimal_io = 1 << 20,
	.max_transfer = 512 << 10,
	.max_segments = 127,
	.memory_align = 1,
	.max_discard = 0x7ffffff8,
	.discard_align = 32,
	.max_zeroes = 0x1234,
};

static void fill(const struct disk *disk, uint32_t queues)
{
	memset(config, 0x5a, sizeof(config));
	blk_config_fill(disk, queues, config);
}

static uint64_t field(int at, int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | config[at + bytes];
	return value;
}

static void features_follow_the_disk(void **state)
{
	static const struct {
		uint32_t flags, queues;
		uint64_t want;
	} cases[] = {
		{ 0, 1, 0 },
		{ 0, 2, F_MQ },
		{ DISK_CACHE, 1, F_FLUSH | F_CONFIG_WCE },
		{ DISK_CACHE | DISK_WRITE_THROUGH, 1, F_FLUSH | F_CONFIG_WCE },
		{ DISK_DISCARD, 1, F_DISCARD },
		{ DISK_ZEROES, 1, F_WRITE_ZEROES },
		{ DISK_CACHE | DISK_DISCARD | DISK_ZEROES, 16,
		  F_FLUSH | F_CONFIG_WCE | F_DISCARD | F_WRITE_ZEROES | F_MQ },
		/* Nothing that writes. */
		{ DISK_READ_ONLY | DISK_CACHE | DISK_DISCARD | DISK_ZEROES, 1, F_RO },
		{ DISK_READ_ONLY, 4, F_RO | F_MQ },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct disk disk = all;

		disk.flags = cases[i].flags;
		assert_int_equal(blk_config_features(&disk, cases[i].queues),
				 cases[i].want | ALWAYS);
	}
}

static void every_field(void **state)
{
	(void)state;
	fill(&all, 5);
	assert_int_equal(field(CAPACITY, 8), 0x123456789abcd8); /* 512-byte sectors, always */
	assert_int_equal(field(SIZE_MAX_FIELD, 4), 512 << 10);
	assert_int_equal(field(SEG_MAX, 4), 127);
	assert_int_equal(field(GEOMETRY, 4), 0);
	assert_int_equal(field(BLK_SIZE, 4), 4096);
	assert_int_equal(field(PHYSICAL_BLOCK_EXP, 1), 2);
	assert_int_equal(field(ALIGNMENT_OFFSET, 1), 0);
	assert_int_equal(field(MIN_IO_SIZE, 2), 4); /* in blocks, as the next */
	assert_int_equal(field(OPT_IO_SIZE, 4), 256);
	assert_int_equal(field(WRITEBACK, 1), 1);
	assert_int_equal(field(NUM_QUEUES, 2), 5);
	assert_int_equal(field(MAX_DISCARD_SECTORS, 4), 0x7ffffff8);
	assert_int_equal(field(MAX_DISCARD_SEG, 4), 16);
	assert_int_equal(field(DISCARD_SECTOR_ALIGNMENT, 4), 32);
	assert_int_equal(field(MAX_WRITE_ZEROES_SECTORS, 4), 0x7fffffff);
	assert_int_equal(field(MAX_WRITE_ZEROES_SEG, 4), 16);
	assert_int_equal(field(WRITE_ZEROES_MAY_UNMAP, 1), 1);
	assert_int_equal(config[33], 0);
	for (int i = WRITE_ZEROES_MAY_UNMAP + 1; i < BLK_CONFIG_BYTES; i++)
		assert_int_equal(config[i], 0);
}

static void what_is_not_offered_is_zero(void **state)
{
	struct disk disk = all;

	(void)state;
	disk.flags = 0;
	fill(&disk, 1);
	assert_int_equal(field(WRITEBACK, 1), 0);
	assert_int_equal(field(NUM_QUEUES, 2), 1);
	for (int i = MAX_DISCARD_SECTORS; i < BLK_CONFIG_BYTES; i++)
		assert_int_equal(config[i], 0);
}

static void the_cache_mode_shows(void **state)
{
	struct disk disk = all;

	(void)state;
	disk.flags = DISK_CACHE;
	fill(&disk, 1);
	assert_int_equal(field(WRITEBACK, 1), 1);
	disk.flags = DISK_CACHE | DISK_WRITE_THROUGH;
	fill(&disk, 1);
	assert_int_equal(field(WRITEBACK, 1), 0);
	disk.flags = DISK_WRITE_THROUGH;
	fill(&disk, 1);
	assert_int_equal(field(WRITEBACK, 1), 0);
}

/* Hints the fields have no room for, or that a device does not give. */
static void hints_out_of_bounds(void **state)
{
	struct disk disk = all;

	(void)state;
	disk.block_shift = 9;
	disk.physical_shift = 9;
	disk.min_io = 512U * 0x10000;
	disk.optimal_io = ~0U;
	fill(&disk, 1);
	assert_int_equal(field(PHYSICAL_BLOCK_EXP, 1), 0);
	assert_int_equal(field(MIN_IO_SIZE, 2), 0xffff);
	assert_int_equal(field(OPT_IO_SIZE, 4), 0x7fffff);
	disk.min_io = 0;
	disk.optimal_io = 0;
	fill(&disk, 1);
	assert_int_equal(field(MIN_IO_SIZE, 2), 0);
	assert_int_equal(field(OPT_IO_SIZE, 4), 0);
}

/* The guest is told of segments that become one command, and always of one at least. */
static void segments_fit_a_command(void **state)
{
	static const struct {
		uint32_t max_transfer, max_segments, size_max, seg_max;
	} cases[] = {
		{ 512, 1, 512, 1 },
		{ 512, 100, 512, 1 },
		{ 4096, 100, 4096, 1 },
		{ 65536, 100, 65536, 16 },
		{ 131072, 33, 131072, 32 },
		{ 131072, 5, 131072, 5 },
		{ 1 << 20, 1000, 1 << 20, 254 },
		{ 1 << 30, 1 << 18, 1 << 20, 254 },
		{ 1 << 30, 1, 1 << 20, 1 },
		{ 4 << 20, 128, 1 << 20, 127 }, /* 2^18 sectors: see below */
		{ 4 << 20, 192, 1 << 20, 191 }, /* 6 * 2^16 */
	};
	struct disk disk = all;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		disk.max_transfer = cases[i].max_transfer;
		disk.max_segments = cases[i].max_segments;
		fill(&disk, 1);
		if (field(SIZE_MAX_FIELD, 4) != cases[i].size_max ||
		    field(SEG_MAX, 4) != cases[i].seg_max)
			fail_msg("%u bytes, %u segments: %llu, %llu", disk.max_transfer,
				 disk.max_segments, (unsigned long long)field(SIZE_MAX_FIELD, 4),
				 (unsigned long long)field(SEG_MAX, 4));
	}
}

/* SeaBIOS keeps size_max * seg_max in sectors in 16 bits, and never ends when these are 0. */
static void seabios_can_count_it(void **state)
{
	struct disk disk = all;

	(void)state;
	for (uint32_t sectors = 1; sectors <= 4096; sectors++)
		for (uint32_t segments = 1; segments <= 300; segments++) {
			uint64_t product;

			disk.max_transfer = sectors * 512;
			disk.max_segments = segments;
			fill(&disk, 1);
			product = field(SIZE_MAX_FIELD, 4) / 512 * field(SEG_MAX, 4);
			if (!(product & 0xffff))
				fail_msg("%u sectors, %u segments: %llu", sectors, segments,
					 (unsigned long long)product);
			assert_in_range(field(SEG_MAX, 4), 1, CHAIN_DATA_SEGMENTS);
			assert_true(field(SEG_MAX, 4) <= segments);
		}
}

static void only_the_cache_mode_is_written(void **state)
{
	static const uint8_t on[4] = { 1 }, off[4], two[4] = { 2 };
	bool mode = false;

	(void)state;
	assert_int_equal(blk_config_write(WRITEBACK, on, 1, &mode), 0);
	assert_true(mode);
	assert_int_equal(blk_config_write(WRITEBACK, off, 1, &mode), 0);
	assert_false(mode);
	mode = true;
	assert_int_equal(blk_config_write(WRITEBACK, two, 1, &mode), -EINVAL);
	assert_int_equal(blk_config_write(WRITEBACK, off, 0, &mode), -EINVAL);
	assert_int_equal(blk_config_write(WRITEBACK, off, 2, &mode), -EINVAL);
	assert_int_equal(blk_config_write(WRITEBACK, off, 4, &mode), -EINVAL);
	for (uint32_t at = 0; at < 300; at++)
		if (at != WRITEBACK)
			assert_int_equal(blk_config_write(at, off, 1, &mode), -EINVAL);
	assert_int_equal(blk_config_write(~0U, off, 1, &mode), -EINVAL);
	assert_true(mode);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_follow_the_disk),
		cmocka_unit_test(every_field),
		cmocka_unit_test(what_is_not_offered_is_zero),
		cmocka_unit_test(the_cache_mode_shows),
		cmocka_unit_test(hints_out_of_bounds),
		cmocka_unit_test(segments_fit_a_command),
		cmocka_unit_test(seabios_can_count_it),
		cmocka_unit_test(only_the_cache_mode_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
