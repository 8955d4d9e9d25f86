// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests become commands. Whatever is asked and whatever comes back, no command reaches outside
 * the VM's range of the device, and together they are the request, in order.
 */
#include "unit.h"

#include "command_walk.h"

#define REQUESTS 100000

static void commands_are_the_request(void **state)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	uint64_t random = unit_seed(__func__), sent = 0;

	(void)state;
	assert_non_null(walk);
	walk->guest = guest_new(16);
	assert_non_null(walk->guest);
	for (uint32_t turn = 0; turn < REQUESTS; turn++) {
		struct guest *guest = walk->guest;
		bool pending;

		*walk = (struct walk){ .guest = guest, .random = random };
		walk->disk = random_disk(&walk->random);
		random_request(&walk->random, guest, &walk->disk, &walk->one);
		if (walk->one.range_count)
			memcpy(guest_hva(guest, GUEST_DATA), walk->one.range,
			       walk->one.piece[0].len);
		assert_int_equal(guest_request(guest, &walk->disk, walk->one.type, walk->one.sector,
					       walk->one.piece, walk->one.piece_count),
				 0);
		pending = guest->request.status == REQUEST_STATUS_PENDING;
		if (pending != random_goes_to_disk(&walk->disk, &walk->one))
			fail_msg("request %u of type %u: status %u", turn, walk->one.type,
				 guest->request.status);
		if (pending)
			run_commands(walk);
		sent += pending;
		random = walk->random;
	}
	print_message("# %u requests, %llu to the disk; commands by op:", REQUESTS,
		      (unsigned long long)sent);
	for (int op = 0; op <= COMMAND_WRITE_ZERO_BUFFER; op++) {
		print_message(" %llu", (unsigned long long)counted[op]);
		assert_true(counted[op] > REQUESTS / 100);
	}
	print_message("\n");
	guest_free(walk->guest);
	free(walk);
}

/* Limits as of a common drive, a range in its middle. */
static const struct disk nvme = {
	.kind = DISK_NVME,
	.flags = DISK_CACHE | DISK_DISCARD | DISK_ZEROES,
	.sectors = 1 << 20,
	.offset = 1 << 30,
	.block_shift = 9,
	.max_transfer = 131072,
	.max_segments = 33,
	.memory_align = 1,
	.max_zeroes = 128,
};

static int setup(void **state)
{
	*state = guest_new(16);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	guest_free(*state);
	return 0;
}

static enum command_step begin(struct guest *guest, const struct disk *disk, uint32_t type,
			       uint64_t sector, const struct guest_piece *data, uint32_t count)
{
	assert_int_equal(guest_request(guest, disk, type, sector, data, count), 0);
	assert_int_equal(guest->request.status, REQUEST_STATUS_PENDING);
	return command_next(disk, &guest->request);
}

/* @step is to send a command of so many bytes. */
static void is_command(const struct guest *guest, enum command_step step, enum command_op op,
		       uint64_t offset, uint64_t bytes, uint16_t count)
{
	const struct command *command = &guest->request.command;

	assert_int_equal(step, COMMAND_SEND);
	assert_int_equal(command->op, op);
	assert_int_equal(command->offset, offset);
	assert_int_equal(command->bytes, bytes);
	assert_int_equal(command->count, count);
}

static void is_done(const struct guest *guest, enum command_step step)
{
	assert_int_equal(step, COMMAND_DONE);
	assert_int_equal(guest->request.status, VIRTIO_BLK_S_OK);
}

/* What fits, to the last byte, is one command with the guest's own memory. */
static void what_fits_is_one_command(void **state)
{
	const struct guest_piece data = { GUEST_DATA, 131072, 1 };
	struct guest *guest = *state;
	struct disk disk = nvme;

	disk.max_segments = 34; /* 32 whole pages, and one each in case the ends are not */
	is_command(guest, begin(guest, &disk, VIRTIO_BLK_T_IN, 8, &data, 1), COMMAND_READ,
		   (1 << 30) + 4096, 131072, 1);
	assert_int_equal(guest->request.command.addr, (uintptr_t)guest_hva(guest, GUEST_DATA));
	assert_true(command_only(&disk, &guest->request));
	is_done(guest, command_completed(&disk, &guest->request, 0));
}

static void splits_at_the_largest_transfer(void **state)
{
	const struct guest_piece data = { GUEST_DATA, 131072 + 131072 + 512, 0 };
	struct guest *guest = *state;
	struct request *request = &guest->request;

	is_command(guest, begin(guest, &nvme, VIRTIO_BLK_T_OUT, 0, &data, 1), COMMAND_WRITE,
		   1 << 30, 131072, 1);
	assert_false(command_only(&nvme, request));
	is_command(guest, command_completed(&nvme, request, 0), COMMAND_WRITE, (1 << 30) + 131072,
		   131072, 1);
	is_command(guest, command_completed(&nvme, request, 0), COMMAND_WRITE, (1 << 30) + 262144,
		   512, 1);
	assert_int_equal(request->command.addr, (uintptr_t)guest_hva(guest, GUEST_DATA + 262144));
	is_done(guest, command_completed(&nvme, request, 0));
}

/* Scattered pages: 33 of them, though 131072 bytes would be 32 in a row. */
static void splits_at_the_most_segments(void **state)
{
	struct guest_piece data[70];
	struct guest *guest = *state;
	struct request *request = &guest->request;
	struct disk disk = nvme;

	disk.max_transfer = 1 << 20;
	for (int i = 0; i < 70; i++)
		data[i] = (struct guest_piece){ GUEST_DATA + i * 8192, 4096, 1 };
	is_command(guest, begin(guest, &disk, VIRTIO_BLK_T_IN, 0, data, 70), COMMAND_READ, 1 << 30,
		   33 * 4096, 33);
	assert_int_equal(request->command.addr, (uintptr_t)&request->chain.segment[1]);
	is_command(guest, command_completed(&disk, request, 0), COMMAND_READ, (1 << 30) + 33 * 4096,
		   33 * 4096, 33);
	is_command(guest, command_completed(&disk, request, 0), COMMAND_READ, (1 << 30) + 66 * 4096,
		   4 * 4096, 4);
	is_done(guest, command_completed(&disk, request, 0));
}

/* Data that begins inside a page touches a page more, and counts so. */
static void pages_touched_count(void **state)
{
	const struct guest_piece data = { GUEST_DATA + 2048, 8 * 4096, 1 };
	struct guest *guest = *state;
	struct disk disk = nvme;

	disk.max_segments = 8;
	is_command(guest, begin(guest, &disk, VIRTIO_BLK_T_IN, 0, &data, 1), COMMAND_READ, 1 << 30,
		   8 * 4096 - 2048, 1);
	is_command(guest, command_completed(&disk, &guest->request, 0), COMMAND_READ,
		   (1 << 30) + 8 * 4096 - 2048, 2048, 1);
	is_done(guest, command_completed(&disk, &guest->request, 0));
}

/* A block in more pieces than segments is one command all the same: the kernel copies it. */
static void a_block_is_never_split(void **state)
{
	struct guest_piece data[64];
	struct guest *guest = *state;
	struct disk disk = nvme;

	disk.max_segments = 2;
	for (int i = 0; i < 64; i++)
		data[i] = (struct guest_piece){ GUEST_DATA + i * 4096, 16, 1 };
	is_command(guest, begin(guest, &disk, VIRTIO_BLK_T_IN, 0, data, 64), COMMAND_READ, 1 << 30,
		   512, 32);
	is_command(guest, command_completed(&disk, &guest->request, 0), COMMAND_READ,
		   (1 << 30) + 512, 512, 32);
	is_done(guest, command_completed(&disk, &guest->request, 0));
}

/* What is left of a block after a short transfer is no block: nothing behind it may be touched. */
static void the_rest_of_a_block_is_no_block(void **state)
{
	struct guest_piece data[64];
	struct guest *guest = *state;
	struct disk disk = nvme;

	disk.kind = DISK_FILE;
	disk.max_segments = 2;
	for (int i = 0; i < 64; i++)
		data[i] = (struct guest_piece){ GUEST_DATA + i * 4096, 16, 1 };
	is_command(guest, begin(guest, &disk, VIRTIO_BLK_T_IN, (1 << 20) - 2, data, 64),
		   COMMAND_READ, (3 << 29) - 1024, 512, 32);
	is_command(guest, command_completed(&disk, &guest->request, 512), COMMAND_READ,
		   (3 << 29) - 512, 512, 32);
	is_command(guest, command_completed(&disk, &guest->request, 100), COMMAND_READ,
		   (3 << 29) - 412, 412, 26);
	is_done(guest, command_completed(&disk, &guest->request, 412));
}

static void misaligned_memory_is_bounced(void **state)
{
	static const struct guest_piece odd[] = { { GUEST_DATA + 4, 512, 1 },
						  { GUEST_DATA + 4096, 1 << 20, 1 } };
	static const struct guest_piece even = { GUEST_DATA + 512, 1 << 20, 1 };
	struct guest *guest = *state;
	struct disk disk = nvme;

	disk.kind = DISK_FILE;
	disk.memory_align = 512;
	disk.max_transfer = 1 << 30;
	disk.max_segments = 1 << 18;
	is_command(guest, begin(guest, &disk, VIRTIO_BLK_T_IN, 0, odd, 2), COMMAND_READ, 1 << 30,
		   COMMAND_BOUNCE_BYTES, 2);
	assert_int_equal(guest->request.command.flags, COMMAND_BOUNCE);
	assert_false(command_only(&disk, &guest->request));
	/* The odd piece is over: the rest needs no copy. */
	is_command(guest, command_completed(&disk, &guest->request, COMMAND_BOUNCE_BYTES),
		   COMMAND_READ, (1 << 30) + COMMAND_BOUNCE_BYTES,
		   (1 << 20) + 512 - COMMAND_BOUNCE_BYTES, 1);
	assert_int_equal(guest->request.command.flags, 0);
	is_command(guest, begin(guest, &disk, VIRTIO_BLK_T_IN, 0, &even, 1), COMMAND_READ, 1 << 30,
		   1 << 20, 1);
	assert_int_equal(guest->request.command.flags, 0);
}

static void the_null_disk_is_always_done(void **state)
{
	static const struct guest_piece data = { GUEST_DATA, 4096, 0 };
	struct guest *guest = *state;
	struct disk disk = nvme;

	disk.kind = DISK_NULL;
	is_done(guest, begin(guest, &disk, VIRTIO_BLK_T_OUT, 0, &data, 1));
	is_done(guest, begin(guest, &disk, VIRTIO_BLK_T_FLUSH, 0, NULL, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_the_request),
		TEST(what_fits_is_one_command),
		TEST(splits_at_the_largest_transfer),
		TEST(splits_at_the_most_segments),
		TEST(pages_touched_count),
		TEST(a_block_is_never_split),
		TEST(the_rest_of_a_block_is_no_block),
		TEST(misaligned_memory_is_bounced),
		TEST(the_null_disk_is_always_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
