// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands as the drive gets them, byte by byte: the NVM command set specification's fields at the
 * places the kernel's struct nvme_uring_cmd has them, written out here once more by number.
 */
#include "unit.h"

#include "completion.h"
#include "guest.h"

/* Bytes of the passthrough command where 32-bit words begin. */
#define OPCODE	      0 /* a byte; flags and reserved ones behind it */
#define NSID	      4
#define CDW2	      8
#define CDW3	      12
#define METADATA      16 /* 64 bits */
#define DATA	      24 /* 64 bits */
#define METADATA_LEN  32
#define DATA_LEN      36
#define CDW10	      40
#define CDW11	      44
#define CDW12	      48
#define CDW13	      52
#define CDW14	      56
#define CDW15	      60
#define TIMEOUT	      64
#define RESERVED      68
#define COMMAND_BYTES 72

/* _IOWR('N', 0x80, 72 bytes) and its sister for vectors */
#define IO     0xc0484e80U
#define IO_VEC 0xc0484e81U

static const struct disk disk_512 = { .kind = DISK_NVME, .nsid = 0x11223344, .block_shift = 9 };
static const struct disk disk_4k = { .kind = DISK_NVME, .nsid = 1, .block_shift = 12 };
static const struct disk disk_64k = { .kind = DISK_NVME, .nsid = ~0U - 1, .block_shift = 16 };

static uint8_t bytes[COMMAND_BYTES + 8] __attribute__((aligned(8)));

static uint32_t fill(const struct disk *disk, const struct command *command)
{
	uint32_t op;

	memset(bytes, 0x5a, sizeof(bytes));
	op = nvme_fill(disk, command, (struct nvme_uring_cmd *)bytes);
	/* What stands behind the command in an SQE is not its own. */
	for (size_t i = COMMAND_BYTES; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0x5a);
	return op;
}

static uint32_t word(int at)
{
	uint32_t value;

	memcpy(&value, &bytes[at], sizeof(value));
	return le32_to_cpu(value);
}

static uint64_t address(void)
{
	return word(DATA) | (uint64_t)word(DATA + 4) << 32;
}

/* Words no command of ours uses: protection, metadata, streams, time limit. */
static void others_are_zero(void)
{
	static const int words[] = { CDW2,  CDW3,  METADATA, METADATA + 4, METADATA_LEN,
				     CDW13, CDW14, CDW15,    TIMEOUT,	   RESERVED };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(word(words[i]), 0);
	/* flags: no fused operation, PRP chosen by the driver */
	for (int i = 1; i < 4; i++)
		assert_int_equal(bytes[OPCODE + i], 0);
}

static void is_command(uint8_t opcode, uint32_t nsid, uint64_t lba, uint32_t cdw12)
{
	assert_int_equal(bytes[OPCODE], opcode);
	assert_int_equal(word(NSID), nsid);
	assert_int_equal(word(CDW10), (uint32_t)lba);
	assert_int_equal(word(CDW11), lba >> 32);
	assert_int_equal(word(CDW12), cdw12);
	others_are_zero();
}

static void has_data(uint64_t addr, uint32_t len)
{
	assert_int_equal(address(), addr);
	assert_int_equal(word(DATA_LEN), len);
}

static void the_layout_is_the_kernels(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct nvme_uring_cmd), COMMAND_BYTES);
	assert_int_equal(NVME_URING_CMD_IO, IO);
	assert_int_equal(NVME_URING_CMD_IO_VEC, IO_VEC);
}

static void reads(void **state)
{
	struct command command = { .op = COMMAND_READ,
				   .count = 1,
				   .offset = 7 * 512,
				   .bytes = 3 * 512,
				   .addr = 0x123456789abcdef0 };

	(void)state;
	assert_int_equal(fill(&disk_512, &command), IO);
	is_command(0x02, 0x11223344, 7, 2); /* NLB counts from 0 */
	has_data(0x123456789abcdef0, 1536);
}

static void writes(void **state)
{
	struct command command = {
		.op = COMMAND_WRITE, .count = 1, .offset = 5 << 12, .bytes = 1 << 12, .addr = 4096
	};

	(void)state;
	assert_int_equal(fill(&disk_4k, &command), IO);
	is_command(0x01, 1, 5, 0);
	has_data(4096, 4096);
	command.flags = COMMAND_DURABLE;
	assert_int_equal(fill(&disk_4k, &command), IO);
	is_command(0x01, 1, 5, 1U << 30); /* FUA */
	has_data(4096, 4096);
}

/* SLBA has 64 bits in two words; NLB 16, for 65,536 blocks. */
static void the_largest_numbers(void **state)
{
	struct command command = { .op = COMMAND_READ,
				   .count = 1,
				   .offset = 0xfffffffffffffe00,
				   .bytes = 65536ULL * 512 };

	(void)state;
	fill(&disk_512, &command);
	is_command(0x02, 0x11223344, 0x7fffffffffffff, 0xffff);
	has_data(0, 32 << 20);
	command.offset = 1ULL << (32 + 16);
	command.bytes = 1 << 16;
	fill(&disk_64k, &command);
	is_command(0x02, 0xfffffffe, 1ULL << 32, 0);
}

/* Several segments: the address is an iovec array's and the length its count. */
static void vectors(void **state)
{
	struct command command = {
		.op = COMMAND_WRITE, .count = 5, .offset = 512, .bytes = 4096, .addr = 64
	};

	(void)state;
	assert_int_equal(fill(&disk_512, &command), IO_VEC);
	is_command(0x01, 0x11223344, 1, 7);
	has_data(64, 5);
	command.op = COMMAND_READ;
	assert_int_equal(fill(&disk_512, &command), IO_VEC);
	is_command(0x02, 0x11223344, 1, 7);
}

/* Bounced transfers are like others. */
static void a_bounce_is_no_difference(void **state)
{
	struct command command = {
		.op = COMMAND_READ, .flags = COMMAND_BOUNCE, .count = 1, .bytes = 512, .addr = 64
	};

	(void)state;
	assert_int_equal(fill(&disk_512, &command), IO);
	is_command(0x02, 0x11223344, 0, 0);
	has_data(64, 512);
}

static void zeroes(void **state)
{
	struct command command = {
		.op = COMMAND_ZERO, .count = 1, .offset = 3ULL << 44, .bytes = 65536 * 512
	};

	(void)state;
	assert_int_equal(fill(&disk_512, &command), IO);
	is_command(0x08, 0x11223344, 3ULL << 35, 0xffff);
	has_data(0, 0);
	command.flags = COMMAND_UNMAP;
	fill(&disk_512, &command);
	is_command(0x08, 0x11223344, 3ULL << 35, 1U << 25 | 0xffff); /* DEAC */
	command.flags = COMMAND_UNMAP | COMMAND_DURABLE;
	fill(&disk_512, &command);
	is_command(0x08, 0x11223344, 3ULL << 35, 1U << 30 | 1U << 25 | 0xffff);
	has_data(0, 0);
}

static void flushes(void **state)
{
	const struct command command = { .op = COMMAND_FLUSH };

	(void)state;
	assert_int_equal(fill(&disk_512, &command), IO);
	is_command(0x00, 0x11223344, 0, 0);
	has_data(0, 0);
}

/* Little-endian number of @len bytes. */
static uint64_t number(const uint8_t *from, int len)
{
	uint64_t value = 0;

	while (len--)
		value = value << 8 | from[len];
	return value;
}

/* The whole way from the guest's request: NR, AD, and the ranges' 16 bytes each. */
static void deallocates(void **state)
{
	static const struct virtio_blk_discard_write_zeroes guest_ranges[] = {
		{ .sector = 8, .num_sectors = 16 },
		{ .sector = 1ULL << 40, .num_sectors = ~7U },
		{ .sector = 800, .num_sectors = 8 },
	};
	static const struct guest_piece data = { GUEST_DATA, sizeof(guest_ranges), 0 };
	struct disk disk = disk_4k;
	struct guest *guest = guest_new(16);
	const uint8_t *range;

	(void)state;
	assert_non_null(guest);
	disk.flags = DISK_DISCARD;
	disk.sectors = 1ULL << 41;
	disk.offset = 100 << 12;
	memcpy(guest_hva(guest, GUEST_DATA), guest_ranges, sizeof(guest_ranges));
	assert_int_equal(guest_request(guest, &disk, VIRTIO_BLK_T_DISCARD, 0, &data, 1), 0);
	assert_int_equal(command_next(&disk, &guest->request), COMMAND_SEND);
	assert_int_equal(fill(&disk, &guest->request.command), IO);
	assert_int_equal(bytes[OPCODE], 0x09);
	assert_int_equal(word(NSID), 1);
	assert_int_equal(word(CDW10), 2); /* NR counts from 0 */
	assert_int_equal(word(CDW11), 4); /* AD, bit 2 */
	assert_int_equal(word(CDW12), 0);
	assert_int_equal(word(DATA_LEN), 3 * 16);
	others_are_zero();
	range = (const uint8_t *)(uintptr_t)address();
	for (int i = 0; i < 3; i++, range += 16) {
		assert_int_equal(number(range, 4), 0);
		assert_int_equal(number(range + 4, 4), guest_ranges[i].num_sectors / 8);
		assert_int_equal(number(range + 8, 8), 100 + guest_ranges[i].sector / 8);
	}
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_layout_is_the_kernels),
		cmocka_unit_test(reads),
		cmocka_unit_test(writes),
		cmocka_unit_test(the_largest_numbers),
		cmocka_unit_test(vectors),
		cmocka_unit_test(a_bounce_is_no_difference),
		cmocka_unit_test(zeroes),
		cmocka_unit_test(flushes),
		cmocka_unit_test(deallocates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
