// SPDX-License-Identifier: GPL-2.0-only
/* virtio-blk requests: which are answered at once and how, which go to the disk. */
#include "unit.h"

#include "request_cases.h"

#define FILL   0xa5
#define LOOKED 4096U /* bytes of a piece that are compared */

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

static void expect(const struct request_case *one, const char *what, uint64_t have, uint64_t want)
{
	if (have != want)
		fail_msg("%s: %s is %#llx, not %#llx", one->name, what, (unsigned long long)have,
			 (unsigned long long)want);
}

/* The bytes of one direction, as pieces. */
static uint64_t bytes_of(const struct request_case *one, uint32_t writable)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < one->pieces; i++)
		bytes += one->piece[i].writable == writable ? one->piece[i].len : 0;
	return bytes;
}

static void fill_writable(const struct guest *guest, const struct request_case *one)
{
	for (uint32_t i = 0; i < one->pieces; i++)
		for (uint32_t at = 0; at < one->piece[i].len && at < LOOKED; at++) {
			char *byte = guest_hva(guest, one->piece[i].gpa + at);

			if (one->piece[i].writable && byte)
				*byte = (char)FILL;
		}
}

/* Parsing writes nothing to the guest; the status comes last, from the engine. */
static void is_untouched(const struct guest *guest, const struct request_case *one)
{
	for (uint32_t i = 0; i < one->pieces; i++)
		for (uint32_t at = 0; at < one->piece[i].len && at < LOOKED; at++) {
			const uint8_t *byte = guest_hva(guest, one->piece[i].gpa + at);

			if (one->piece[i].writable && byte)
				expect(one, "a writable byte", *byte, FILL);
		}
}

/* The data segments are the pieces' bytes in order, without the header or the status. */
static void is_data(const struct guest *guest, const struct request_case *one)
{
	const struct request *request = &guest->request;
	uint32_t writable = one->type == VIRTIO_BLK_T_IN, segment = request->first;
	uint64_t skip = writable ? 0 : 16, left = bytes_of(one, writable) - (writable ? 1 : 16);
	uint64_t in_segment = 0;

	for (uint32_t i = 0; i < one->pieces; i++)
		for (uint32_t at = 0; at < one->piece[i].len; at++) {
			uint64_t want = (uintptr_t)guest_hva(guest, one->piece[i].gpa + at);

			if (one->piece[i].writable != writable)
				continue;
			if (skip || !left) {
				skip -= skip > 0;
				continue;
			}
			left--;
			assert_true(segment < request->end);
			expect(one, "a data byte's address",
			       request->chain.segment[segment].addr + in_segment, want);
			if (++in_segment == request->chain.segment[segment].len) {
				segment++;
				in_segment = 0;
			}
		}
	expect(one, "segments of data", segment, request->end);
}

static void is_ranges(const struct request_case *one, const struct request *request)
{
	expect(one, "count of ranges", request->range_count, one->ranges);
	for (uint32_t i = 0; i < one->ranges; i++) {
		expect(one, "a range's sector", request->range[i].sector,
		       case_range(one, i)->sector);
		expect(one, "a range's sectors", request->range[i].sectors,
		       case_range(one, i)->sectors);
		expect(one, "a range's unmap", request->range[i].unmap, case_range(one, i)->flags);
	}
}

static void is_pending(const struct guest *guest, const struct request_case *one)
{
	const struct request *request = &guest->request;

	expect(one, "bytes of data", request->data_len, one->want_data_len);
	expect(one, "type", request->type, one->type);
	expect(one, "sector", request->sector, one->sector);
	expect(one, "done", request->done, 0);
	expect(one, "retries", request->retries, 0);
	expect(one, "fallbacks", request->fallback, 0);
	expect(one, "range to begin with", request->range_at, 0);
	expect(one, "what a cut left over", request->cut_len, 0);
	if (one->type == VIRTIO_BLK_T_IN || one->type == VIRTIO_BLK_T_OUT)
		is_data(guest, one);
	if (one->type == VIRTIO_BLK_T_DISCARD || one->type == VIRTIO_BLK_T_WRITE_ZEROES)
		is_ranges(one, request);
}

static void run_case(struct guest *guest, const struct request_case *one, bool indirect)
{
	const struct request *request = &guest->request;
	uint64_t writable = bytes_of(one, 1), status_gpa = 0;
	int have;

	guest->queue.flags = QUEUE_INDIRECT;
	guest->queue.fault = QUEUE_FAULT_NONE;
	fill_writable(guest, one);
	case_place(guest, one);
	if (indirect)
		guest_indirect(guest, one->piece, one->pieces);
	else
		guest_chain(guest, one->piece, one->pieces);
	have = guest_parse(guest, &case_disks[one->disk]);
	expect(one, "what request_parse() returns", (uint64_t)have, (uint64_t)one->want);
	expect(one, "fault", guest->queue.fault, one->want_fault);
	expect(one, "broken", !!(guest->queue.flags & QUEUE_BROKEN), !!one->want_fault);
	if (one->type != VIRTIO_BLK_T_GET_ID)
		is_untouched(guest, one);
	if (have)
		return;
	for (uint32_t i = 0; i < one->pieces; i++)
		if (one->piece[i].writable && one->piece[i].len)
			status_gpa = one->piece[i].gpa + one->piece[i].len - 1;
	expect(one, "status", request->status, one->want_status);
	expect(one, "address of the status", request->status_addr,
	       (uintptr_t)guest_hva(guest, status_gpa));
	expect(one, "used length", request->used_len, writable);
	expect(one, "head", request->head, 0);
	if (one->want_status == REQUEST_STATUS_PENDING)
		is_pending(guest, one);
}

static void run_cases(struct guest *guest, const struct request_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		run_case(guest, &cases[i], false);
		run_case(guest, &cases[i], true);
	}
}

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

static void transfers(void **state)
{
	run_cases(*state, transfer_cases, COUNT(transfer_cases));
}

static void shapes(void **state)
{
	run_cases(*state, shape_cases, COUNT(shape_cases));
}

static void flush_id_and_unknown_types(void **state)
{
	run_cases(*state, other_cases, COUNT(other_cases));
}

static void discard_and_write_zeroes(void **state)
{
	run_cases(*state, range_cases, COUNT(range_cases));
}

/* Cut @bytes that begin at @gpa into 1 to 8 pieces, behind those a case has. */
static void cut(struct request_case *one, uint64_t *random, uint64_t gpa, uint64_t bytes,
		uint32_t writable)
{
	uint32_t more = (uint32_t)unit_below(random, 8);

	for (; bytes; more--) {
		uint64_t len = more ? unit_below(random, bytes + 1) : bytes;

		/* Small ones, too, to cut headers and ranges. */
		if (more && len > 24 && unit_below(random, 2))
			len = unit_below(random, 24);
		one->piece[one->pieces++] = (struct guest_piece){ gpa, (uint32_t)len, writable };
		gpa += len;
		bytes -= len;
	}
}

/* However a request's bytes lie in descriptors, it is the same request. */
static void shape_changes_nothing(void **state)
{
	static const struct request_case_group groups[] = { CASE_GROUP(transfer_cases),
							    CASE_GROUP(range_cases) };
	uint64_t random = unit_seed(__func__);

	for (int turn = 0; turn < 10000; turn++) {
		const struct request_case_group *group = &groups[unit_below(&random, 2)];
		struct request_case one = group->cases[unit_below(&random, group->count)];
		uint64_t readable = bytes_of(&one, 0), writable = bytes_of(&one, 1);

		one.pieces = 0;
		cut(&one, &random, GUEST_DATA + unit_below(&random, 4096), readable, 0);
		cut(&one, &random, GUEST_BORDER - unit_below(&random, writable + 1), writable, 1);
		run_case(*state, &one, unit_below(&random, 2));
	}
}

/* GET_ID fills the room there is, up to 20 bytes, however it is cut. */
static void id_fills_its_room(void **state)
{
	static const char id[] = "abcdefghijklmnopqrst"; /* as long as can be, no zero behind */
	struct disk disk = case_disks[CASE_DISK_READ_ONLY];
	struct guest *guest = *state;

	memcpy(disk.id, id, DISK_ID_BYTES);
	for (uint32_t room = 0; room <= 64; room++) {
		const struct guest_piece data[] = { { GUEST_DATA, room / 3, 1 },
						    { GUEST_DATA + room / 3, room - room / 3, 1 } };
		uint32_t want = room < DISK_ID_BYTES ? room : DISK_ID_BYTES;
		char *have = guest_hva(guest, GUEST_DATA);

		memset(have, FILL, 80);
		assert_int_equal(guest_request(guest, &disk, VIRTIO_BLK_T_GET_ID, 0, data, 2), 0);
		assert_int_equal(guest->request.status, VIRTIO_BLK_S_OK);
		assert_int_equal(guest->request.used_len, room + 1);
		assert_memory_equal(have, id, want);
		for (uint32_t i = want; i < 80; i++)
			assert_int_equal((uint8_t)have[i], FILL);
	}
}

/* The status byte may be the one right behind the data: it is no room for the ID. */
static void id_spares_the_status(void **state)
{
	static const struct request_case one = {
		"GET_ID and status in one piece",
		.type = VIRTIO_BLK_T_GET_ID,
		PIECES(HEADER, { GUEST_DATA, 20, 1 }),
	};
	struct guest *guest = *state;
	uint8_t *have = guest_hva(guest, GUEST_DATA);

	run_case(guest, &one, false);
	assert_memory_equal(have, case_disks[CASE_DISK_512].id, 19);
	have[18] = 0;
	fill_writable(guest, &one);
	run_case(guest, &one, true);
	assert_int_equal(have[18], case_disks[CASE_DISK_512].id[18]);
	assert_int_equal(have[19], FILL);
}

static void as_many_segments_as_fit(void **state)
{
	struct guest *guest = *state;
	const struct disk *disk = &case_disks[CASE_DISK_LARGEST];
	struct guest_piece data[CHAIN_SEGMENTS];

	for (uint32_t i = 0; i < CHAIN_SEGMENTS; i++)
		data[i] = (struct guest_piece){ GUEST_DATA + i * 1024, 512, 1 };
	assert_int_equal(guest_request(guest, disk, VIRTIO_BLK_T_IN, 7, data, CHAIN_SEGMENTS - 2),
			 0);
	assert_int_equal(guest->request.status, REQUEST_STATUS_PENDING);
	assert_int_equal(guest->request.data_len, (CHAIN_SEGMENTS - 2) * 512);
	assert_int_equal(guest->request.end - guest->request.first, CHAIN_SEGMENTS - 2);
	/* One more, and the status has no segment, but an address to say so. */
	assert_int_equal(guest_request(guest, disk, VIRTIO_BLK_T_IN, 7, data, CHAIN_SEGMENTS - 1),
			 0);
	assert_int_equal(guest->request.status, VIRTIO_BLK_S_IOERR);
	assert_int_equal(guest->request.status_addr, (uintptr_t)guest_hva(guest, GUEST_STATUS));
	/* The announced number always fits. */
	assert_true(CHAIN_DATA_SEGMENTS <= CHAIN_SEGMENTS - 2);
}

/* More than the used ring's 32 bits can say. */
static void used_length_saturates(void **state)
{
	static const struct guest_piece data[] = { { GUEST_DATA, ~0U, 1 }, { GUEST_DATA, ~0U, 1 } };
	struct guest *guest = *state;

	assert_int_equal(
		guest_request(guest, &case_disks[CASE_DISK_LARGEST], VIRTIO_BLK_T_IN, 0, data, 2),
		0);
	assert_int_equal(guest->request.status, VIRTIO_BLK_S_IOERR);
	assert_int_equal(guest->request.used_len, ~0U);
}

/* Against arithmetic that cannot overflow, at every corner of the type and around the ends. */
static void the_disk_holds_what_lies_on_it(void **state)
{
	static const uint64_t sizes[] = { 0, 128, 1ULL << 32, 1ULL << 54, (1ULL << 55) - 128 };
	static const uint64_t corners[] = {
		0, 128, 1ULL << 32, 1ULL << 54, 1ULL << 55, 1ULL << 63
	};
	static const uint32_t shifts[] = { 9, 12, 16 };
	uint64_t random = unit_seed(__func__);

	(void)state;
	for (int turn = 0; turn < 1000000; turn++) {
		uint32_t shift = shifts[unit_below(&random, 3)];
		uint64_t block = 1ULL << shift, bytes, sector;
		struct disk disk = { .block_shift = shift };
		unsigned __int128 end;
		int want;

		disk.sectors = sizes[unit_below(&random, 5)];
		sector = corners[unit_below(&random, 6)] + unit_below(&random, 300) - 150;
		if (unit_below(&random, 2))
			sector = disk.sectors + unit_below(&random, 300) - 280;
		bytes = corners[unit_below(&random, 6)] + unit_below(&random, 300) - 150;
		if (unit_below(&random, 2))
			bytes = 512 * unit_below(&random, 300);
		end = (unsigned __int128)sector * 512 + bytes;
		want = end <= (unsigned __int128)disk.sectors * 512 &&
		       (unsigned __int128)sector * 512 % block == 0 && bytes % block == 0;
		if (disk_holds(&disk, sector, bytes) != want)
			fail_msg("sector %#llx, %#llx bytes, disk of %#llx: not %d",
				 (unsigned long long)sector, (unsigned long long)bytes,
				 (unsigned long long)disk.sectors, want);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(transfers),
		TEST(shapes),
		TEST(flush_id_and_unknown_types),
		TEST(discard_and_write_zeroes),
		TEST(shape_changes_nothing),
		TEST(id_fills_its_room),
		TEST(id_spares_the_status),
		TEST(as_many_segments_as_fit),
		TEST(used_length_saturates),
		cmocka_unit_test(the_disk_holds_what_lies_on_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
