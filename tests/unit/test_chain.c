// SPDX-License-Identifier: GPL-2.0-only
/* Descriptor chains, direct and indirect, sane and not. */
#include "unit.h"

#include "guest.h"

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

static int read_chain(struct guest *guest, __u16 head)
{
	memset(&guest->request.chain, 0x5a, sizeof(guest->request.chain));
	return chain_read(&guest->queue, &guest->vring, &guest->memory, head, &guest->table,
			  &guest->request.chain);
}

static void is_segment(struct guest *guest, int at, __u64 gpa, __u64 len)
{
	const struct segment *segment = &guest->request.chain.segment[at];

	assert_int_equal(segment->addr, (uintptr_t)guest_hva(guest, gpa));
	assert_int_equal(segment->len, len);
}

static const struct guest_piece three[] = {
	{ GUEST_HEADER, 16, 0 },
	{ GUEST_DATA, 4096, 1 },
	{ GUEST_STATUS, 1, 1 },
};

static void is_three(struct guest *guest)
{
	const struct chain *chain = &guest->request.chain;

	assert_int_equal(chain->count, 3);
	assert_int_equal(chain->readable, 1);
	assert_int_equal(chain->flags, 0);
	assert_int_equal(chain->readable_len, 16);
	assert_int_equal(chain->writable_len, 4097);
	assert_int_equal(chain->status_gpa, GUEST_STATUS);
	is_segment(guest, 0, GUEST_HEADER, 16);
	is_segment(guest, 1, GUEST_DATA, 4096);
	is_segment(guest, 2, GUEST_STATUS, 1);
}

static void direct_chain(void **state)
{
	struct guest *guest = *state;

	guest_chain(guest, three, 3);
	assert_int_equal(read_chain(guest, 0), 0);
	is_three(guest);
}

/* Heads and links anywhere in the table, backwards too. */
static void scattered_chain(void **state)
{
	struct guest *guest = *state;

	guest_desc(&guest->desc[15], GUEST_HEADER, 16, VRING_DESC_F_NEXT, 3);
	guest_desc(&guest->desc[3], GUEST_DATA, 4096, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0);
	guest_desc(&guest->desc[0], GUEST_STATUS, 1, VRING_DESC_F_WRITE, 0xffff);
	assert_int_equal(read_chain(guest, 15), 0);
	is_three(guest);
}

static void indirect_chain(void **state)
{
	struct guest *guest = *state;

	guest_indirect(guest, three, 3);
	assert_int_equal(read_chain(guest, 0), 0);
	is_three(guest);
}

/* A table that itself lies across two regions. */
static void indirect_table_in_two_regions(void **state)
{
	struct guest *guest = *state;
	struct vring_desc table[3];
	__u64 gpa = GUEST_BORDER - 24;

	guest_pieces(table, three, 3);
	memcpy(guest_hva(guest, gpa), table, 24);
	memcpy(guest_hva(guest, GUEST_BORDER), (char *)table + 24, sizeof(table) - 24);
	guest_desc(&guest->desc[0], gpa, sizeof(table), VRING_DESC_F_INDIRECT, 0);
	assert_int_equal(read_chain(guest, 0), 0);
	is_three(guest);
}

static void descriptor_in_two_regions(void **state)
{
	struct guest *guest = *state;
	const struct guest_piece piece[] = { { GUEST_BORDER - 100, 300, 0 },
					     { GUEST_STATUS, 1, 1 } };

	guest_chain(guest, piece, 2);
	assert_int_equal(read_chain(guest, 0), 0);
	assert_int_equal(guest->request.chain.count, 3);
	assert_int_equal(guest->request.chain.readable, 2);
	is_segment(guest, 0, GUEST_BORDER - 100, 100);
	is_segment(guest, 1, GUEST_BORDER, 200);
}

static void empty_descriptors_are_passed_over(void **state)
{
	struct guest *guest = *state;
	const struct guest_piece piece[] = {
		{ GUEST_HEADER, 16, 0 }, { 0, 0, 0 },
		{ GUEST_DATA, 4096, 1 }, { GUEST_DATA, 0, 1 },
		{ GUEST_STATUS, 1, 1 },	 { ~0ULL, 0, 1 },
	};

	guest_chain(guest, piece, 6);
	assert_int_equal(read_chain(guest, 0), 0);
	is_three(guest);
}

/* Each outside memory in its own way; the request can still be answered. */
static void bad_addresses_are_marked(void **state)
{
	static const struct guest_piece bad[] = {
		{ 0, 16, 0 },
		{ GUEST_BASE - 1, 16, 0 },
		{ GUEST_END - 15, 16, 0 },
		{ GUEST_END, 1, 0 },
		{ GUEST_BASE, 0xffffffff, 0 },
		{ ~0ULL, 16, 0 },
		{ ~0ULL - 7, 0xffffffff, 0 },
	};
	struct guest *guest = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct guest_piece piece[] = { bad[i], { GUEST_STATUS, 1, 1 } };

		guest_chain(guest, piece, 2);
		assert_int_equal(read_chain(guest, 0), 0);
		assert_int_equal(guest->request.chain.flags, CHAIN_BAD_ADDRESS);
		assert_int_equal(guest->request.chain.status_gpa, GUEST_STATUS);
	}
}

static void more_segments_than_fit(void **state)
{
	struct guest *guest = *state;
	struct guest_piece piece[CHAIN_SEGMENTS + 2];

	for (int i = 0; i < CHAIN_SEGMENTS + 2; i++)
		piece[i] = (struct guest_piece){ GUEST_DATA + i * 512, 512, i > 0 };
	guest_indirect(guest, piece, CHAIN_SEGMENTS);
	assert_int_equal(read_chain(guest, 0), 0);
	assert_int_equal(guest->request.chain.count, CHAIN_SEGMENTS);
	assert_int_equal(guest->request.chain.flags, 0);
	guest_indirect(guest, piece, CHAIN_SEGMENTS + 2);
	assert_int_equal(read_chain(guest, 0), 0);
	assert_int_equal(guest->request.chain.count, CHAIN_SEGMENTS);
	assert_int_equal(guest->request.chain.flags, CHAIN_TOO_LONG);
	/* Its status byte is known all the same. */
	assert_int_equal(guest->request.chain.status_gpa,
			 GUEST_DATA + 512 * (CHAIN_SEGMENTS + 2) - 1);
}

static void breaks(struct guest *guest, enum queue_fault fault)
{
	assert_int_equal(read_chain(guest, 0), -EPROTO);
	assert_true(guest->queue.flags & QUEUE_BROKEN);
	assert_int_equal(guest->queue.fault, fault);
	guest->queue.flags &= ~QUEUE_BROKEN;
	guest->queue.fault = QUEUE_FAULT_NONE;
}

static void loops_break(void **state)
{
	struct guest *guest = *state;
	struct vring_desc *table = guest_hva(guest, GUEST_TABLE);

	guest_desc(&guest->desc[0], GUEST_DATA, 16, VRING_DESC_F_NEXT, 0);
	breaks(guest, QUEUE_FAULT_CHAIN_LOOP);
	guest_desc(&guest->desc[0], GUEST_DATA, 16, VRING_DESC_F_NEXT, 1);
	guest_desc(&guest->desc[1], GUEST_DATA, 16, VRING_DESC_F_NEXT, 0);
	breaks(guest, QUEUE_FAULT_CHAIN_LOOP);
	guest_indirect(guest, three, 3);
	guest_desc(&table[2], GUEST_STATUS, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	breaks(guest, QUEUE_FAULT_CHAIN_LOOP);
}

/* The whole table as one chain is the longest that is none. */
static void longest_chain(void **state)
{
	struct guest *guest = *state;
	struct guest_piece piece[16];

	for (int i = 0; i < 16; i++)
		piece[i] = (struct guest_piece){ GUEST_DATA + i * 512, 512, i > 0 };
	guest_chain(guest, piece, 16);
	assert_int_equal(read_chain(guest, 0), 0);
	assert_int_equal(guest->request.chain.count, 16);
	guest_desc(&guest->desc[15], GUEST_STATUS, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 16);
	breaks(guest, QUEUE_FAULT_CHAIN_RANGE);
}

static void links_out_of_the_indirect_table_break(void **state)
{
	struct guest *guest = *state;
	struct vring_desc *table = guest_hva(guest, GUEST_TABLE);

	guest_indirect(guest, three, 3);
	guest_desc(&table[1], GUEST_DATA, 4096, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 3);
	breaks(guest, QUEUE_FAULT_CHAIN_RANGE);
}

static void readable_after_writable_breaks(void **state)
{
	struct guest *guest = *state;
	const struct guest_piece piece[] = { { GUEST_STATUS, 1, 1 }, { GUEST_HEADER, 16, 0 } };

	guest_chain(guest, piece, 2);
	breaks(guest, QUEUE_FAULT_CHAIN_ORDER);
	guest_indirect(guest, piece, 2);
	breaks(guest, QUEUE_FAULT_CHAIN_ORDER);
}

static void bad_indirect_descriptors_break(void **state)
{
	struct guest *guest = *state;
	struct vring_desc *table = guest_hva(guest, GUEST_TABLE), *desc = &guest->desc[0];

	guest_indirect(guest, three, 3);
	desc->flags |= cpu_to_le16(VRING_DESC_F_NEXT);
	breaks(guest, QUEUE_FAULT_INDIRECT);
	guest_indirect(guest, three, 3);
	desc->len = cpu_to_le32(0);
	breaks(guest, QUEUE_FAULT_INDIRECT);
	desc->len = cpu_to_le32(47);
	breaks(guest, QUEUE_FAULT_INDIRECT);
	desc->len = cpu_to_le32((QUEUE_SIZE_MAX + 1) * 16);
	breaks(guest, QUEUE_FAULT_INDIRECT);
	desc->len = cpu_to_le32(0xfffffff0);
	breaks(guest, QUEUE_FAULT_INDIRECT);
	guest_indirect(guest, three, 3);
	table[0].flags |= cpu_to_le16(VRING_DESC_F_INDIRECT);
	breaks(guest, QUEUE_FAULT_INDIRECT);
	guest_indirect(guest, three, 3);
	guest->queue.flags &= ~QUEUE_INDIRECT;
	breaks(guest, QUEUE_FAULT_INDIRECT);
}

static void indirect_table_outside_memory_breaks(void **state)
{
	static const __u64 bad[] = { 0, GUEST_BASE - 16, GUEST_END - 32, GUEST_END, ~0ULL - 15 };
	struct guest *guest = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		guest_desc(&guest->desc[0], bad[i], 48, VRING_DESC_F_INDIRECT, 0);
		breaks(guest, QUEUE_FAULT_INDIRECT_MEM);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(direct_chain),
		TEST(scattered_chain),
		TEST(indirect_chain),
		TEST(indirect_table_in_two_regions),
		TEST(descriptor_in_two_regions),
		TEST(empty_descriptors_are_passed_over),
		TEST(bad_addresses_are_marked),
		TEST(more_segments_than_fit),
		TEST(loops_break),
		TEST(longest_chain),
		TEST(links_out_of_the_indirect_table_break),
		TEST(readable_after_writable_breaks),
		TEST(bad_indirect_descriptors_break),
		TEST(indirect_table_outside_memory_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
