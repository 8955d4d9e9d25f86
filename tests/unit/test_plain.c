// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plain requests: what plain_parse() makes of one is what request_parse() and command_next() make
 * of it, and whatever differs from a plain one in one thing is left to them.
 */
#include "unit.h"

#include "plain_layout.h"

#define RANDOM_CASES 200000

static int setup(void **state)
{
	*state = guest_new(32);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	guest_free(*state);
	return 0;
}

static int parse(struct guest *guest, const struct layout *layout, struct plain *ret_plain)
{
	layout_place(guest, layout);
	return plain_parse(&guest->memory, &layout->disk, &guest->desc[0], ret_plain);
}

/* What the general way makes of it is the same, and one command. */
static void check_same(struct guest *guest, const struct layout *layout, const struct plain *plain)
{
	struct request *request = &guest->request;

	assert_int_equal(guest_parse(guest, &layout->disk), 0);
	assert_int_equal(request->status, REQUEST_STATUS_PENDING);
	assert_int_equal(command_next(&layout->disk, request), COMMAND_SEND);
	assert_true(command_only(&layout->disk, request));
	assert_int_equal(plain->type, request->type);
	assert_int_equal(plain->used_len, request->used_len);
	assert_int_equal(plain->command.op, request->command.op);
	assert_int_equal(plain->command.flags, request->command.flags);
	assert_int_equal(plain->command.count, request->command.count);
	assert_int_equal(plain->command.offset, request->command.offset);
	assert_int_equal(plain->command.bytes, request->command.bytes);
	assert_int_equal(plain->command.addr, request->command.addr);
	assert_int_equal(request->status_addr,
			 (uintptr_t)guest_hva(guest, le64_to_cpu(layout->table[2].addr)));
	assert_int_equal(layout->status, VIRTIO_BLK_S_OK);
}

static void reads_and_writes_are_plain(void **state)
{
	struct guest *guest = *state;

	for (int write = 0; write < 2; write++) {
		struct layout layout = layout_plain(write, 5, GUEST_DATA, 4096);
		struct plain plain;

		assert_int_equal(parse(guest, &layout, &plain), 1);
		check_same(guest, &layout, &plain);
		layout.disk.flags |= DISK_WRITE_THROUGH;
		assert_int_equal(parse(guest, &layout, &plain), 1);
		assert_int_equal(plain.command.flags, write ? COMMAND_DURABLE : 0);
		check_same(guest, &layout, &plain);
	}
}

/* Each is a read that is plain but for one thing. */
#define SPOILT(name, spoil)                                                 \
	static void name(void **state)                                      \
	{                                                                   \
		struct layout l = layout_plain(false, 5, GUEST_DATA, 4096); \
		struct plain plain;                                         \
                                                                            \
		spoil;                                                      \
		assert_int_equal(parse(*state, &l, &plain), 0);             \
	}

SPOILT(direct_descriptors, l.first.flags = VRING_DESC_F_NEXT)
SPOILT(indirect_and_chained, l.first.flags |= VRING_DESC_F_NEXT)
SPOILT(table_of_four, l.first.len = 4 * 16)
SPOILT(table_of_odd_length, l.first.len = 3 * 16 + 1)
SPOILT(table_outside_memory, l.first.addr = GUEST_END)
SPOILT(table_over_the_end, l.first.addr = GUEST_END - 47)
SPOILT(table_over_the_border, l.first.addr = GUEST_BORDER - 16)
SPOILT(table_in_another_order, l.table[0].next = 2)
SPOILT(table_that_loops, l.table[1].next = 0)
SPOILT(table_in_a_table, l.table[1].flags |= VRING_DESC_F_INDIRECT)
SPOILT(header_alone, l.table[0].flags = 0)
SPOILT(header_that_is_writable, l.table[0].flags |= VRING_DESC_F_WRITE)
SPOILT(header_too_long, l.table[0].len = 17)
SPOILT(header_outside_memory, l.table[0].addr = GUEST_END; l.table[2].addr = GUEST_END + 16)
SPOILT(header_at_the_border, l.table[0].addr = GUEST_BORDER - 16; l.table[2].addr = GUEST_BORDER)
SPOILT(status_elsewhere, l.table[2].addr = GUEST_STATUS)
SPOILT(status_of_two_bytes, l.table[2].len = 2)
SPOILT(status_that_is_readable, l.table[2].flags = 0)
SPOILT(status_that_goes_on, l.table[2].flags |= VRING_DESC_F_NEXT; l.table[2].next = 3)
SPOILT(status_not_ok, l.status = VIRTIO_BLK_S_IOERR)
SPOILT(another_type, l.header.type = cpu_to_le32(VIRTIO_BLK_T_FLUSH))
SPOILT(data_the_wrong_way, l.table[1].flags = VRING_DESC_F_NEXT)
SPOILT(data_outside_memory, l.table[1].addr = GUEST_END)
SPOILT(data_over_the_border, l.table[1].addr = GUEST_BORDER - 512)
SPOILT(no_data, l.table[1].len = 0)
SPOILT(half_a_block, l.table[1].len = 4095)
SPOILT(beyond_the_disk, l.header.sector = cpu_to_le64(CASE_SECTORS - 7))
SPOILT(beyond_all_disks, l.header.sector = cpu_to_le64(UINT64_MAX - 6))
SPOILT(more_than_a_command, l.disk.max_transfer = 2048)
SPOILT(more_fragments_than_a_command, l.disk.max_segments = 2)
SPOILT(misaligned_for_the_disk, l.disk.memory_align = 4; l.table[1].addr++)
SPOILT(read_only_disk, l.header.type = cpu_to_le32(VIRTIO_BLK_T_OUT);
       l.table[1].flags = VRING_DESC_F_NEXT; l.disk.flags |= DISK_READ_ONLY)

static void same_as_the_general_way(void **state)
{
	uint64_t random = unit_seed(__func__);
	uint32_t plain_count = 0;

	for (int turn = 0; turn < RANDOM_CASES; turn++) {
		struct layout layout = layout_random(&random);
		struct plain plain;

		if (!parse(*state, &layout, &plain))
			continue;
		plain_count++;
		check_same(*state, &layout, &plain);
	}
	print_message("# %u of %u were plain\n", plain_count, RANDOM_CASES);
	assert_in_range(plain_count, RANDOM_CASES / 10, RANDOM_CASES * 9 / 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(reads_and_writes_are_plain),
		TEST(direct_descriptors),
		TEST(indirect_and_chained),
		TEST(table_of_four),
		TEST(table_of_odd_length),
		TEST(table_outside_memory),
		TEST(table_over_the_end),
		TEST(table_over_the_border),
		TEST(table_in_another_order),
		TEST(table_that_loops),
		TEST(table_in_a_table),
		TEST(header_alone),
		TEST(header_that_is_writable),
		TEST(header_too_long),
		TEST(header_outside_memory),
		TEST(header_at_the_border),
		TEST(status_elsewhere),
		TEST(status_of_two_bytes),
		TEST(status_that_is_readable),
		TEST(status_that_goes_on),
		TEST(status_not_ok),
		TEST(another_type),
		TEST(data_the_wrong_way),
		TEST(data_outside_memory),
		TEST(data_over_the_border),
		TEST(no_data),
		TEST(half_a_block),
		TEST(beyond_the_disk),
		TEST(beyond_all_disks),
		TEST(more_than_a_command),
		TEST(more_fragments_than_a_command),
		TEST(misaligned_for_the_disk),
		TEST(read_only_disk),
		TEST(same_as_the_general_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
