// SPDX-License-Identifier: GPL-2.0-only
/* Which registered buffer holds a request's data, and the SQE for it. */
#include "unit.h"

#include "guest_buffer.h"
#include "sqe.h"

#define GIB (1ULL << 30)
#define HVA 0x7f0000000000ULL

/* Regions of 1, 2, ... GiB and a page, a gap between; numbered as the daemon does. */
static struct guest_memory *memory_of(uint32_t regions)
{
	struct guest_memory *memory = calloc(1, sizeof(*memory));
	uint64_t hva = HVA + regions * 1024 * GIB;
	uint32_t buffer = 0;

	assert_non_null(memory);
	memory->count = regions;
	memory->pinned = 1;
	for (uint32_t i = 0; i < regions; i++) {
		hva -= 1024 * GIB; /* in another order than guest addresses */
		memory->region[i] = (struct guest_region){
			.gpa = i * 1024 * GIB,
			.size = (i + 1) * GIB + 4096,
			.hva = hva,
			.buffer = buffer,
		};
		buffer += i + 2;
	}
	return memory;
}

static void every_piece_of_every_region(void **state)
{
	(void)state;
	for (uint32_t regions = 1; regions <= 5; regions++) {
		struct guest_memory *memory = memory_of(regions);
		int buffer = 0;

		for (uint32_t i = 0; i < regions; i++) {
			const struct guest_region *region = &memory->region[i];

			for (uint64_t at = 0; at < region->size; at += GIB, buffer++) {
				uint64_t hva = region->hva + at;
				uint64_t left = region->size - at, bytes = left < GIB ? left : GIB;

				assert_int_equal(guest_buffer_find(memory, hva, bytes), buffer);
				assert_int_equal(guest_buffer_find(memory, hva + bytes - 1, 1),
						 buffer);
				assert_int_equal(guest_buffer_find(memory, hva, GIB + 1), -1);
				assert_int_equal(guest_buffer_find(memory, hva + 512, GIB), -1);
			}
			assert_int_equal(guest_buffer_find(memory, region->hva - 1, 1), -1);
			assert_int_equal(guest_buffer_find(memory, region->hva + region->size, 1),
					 -1);
		}
		free(memory);
	}
}

static struct io_uring_sqe sqe_of(const struct guest_memory *memory, enum disk_kind kind,
				  const struct command *command)
{
	const struct disk disk = { .kind = kind, .block_shift = 9, .nsid = 1 };
	struct io_uring_sqe sqe[2];

	sqe_fill(&disk, command, 0, sqe);
	sqe_use_buffer(memory, &disk, command, sqe);
	return sqe[0];
}

static void forms_of_sqes(void **state)
{
	struct guest_memory *memory = memory_of(2);
	struct command command = {
		.op = COMMAND_READ,
		.count = 1,
		.bytes = 4096,
		.addr = memory->region[1].hva + GIB,
	};
	struct io_uring_sqe sqe;

	(void)state;
	sqe = sqe_of(memory, DISK_FILE, &command);
	assert_int_equal(sqe.opcode, IORING_OP_READ_FIXED);
	assert_int_equal(sqe.buf_index, 3);
	assert_int_equal(sqe.addr, command.addr);
	sqe = sqe_of(memory, DISK_NVME, &command);
	assert_int_equal(sqe.opcode, IORING_OP_URING_CMD);
	assert_int_equal(sqe.uring_cmd_flags, IORING_URING_CMD_FIXED);
	assert_int_equal(sqe.buf_index, 3);
	command.op = COMMAND_WRITE;
	sqe = sqe_of(memory, DISK_FILE, &command);
	assert_int_equal(sqe.opcode, IORING_OP_WRITE_FIXED);

	command.addr = memory->region[1].hva + GIB - 512; /* across two buffers */
	sqe = sqe_of(memory, DISK_FILE, &command);
	assert_int_equal(sqe.opcode, IORING_OP_WRITE);
	assert_int_equal(sqe.buf_index, 0);
	command.addr = memory->region[1].hva + 64; /* half blocks in its pages */
	sqe = sqe_of(memory, DISK_FILE, &command);
	assert_int_equal(sqe.opcode, IORING_OP_WRITE);
	command.addr = memory->region[1].hva;
	command.count = 2; /* addr is an array of segments then */
	sqe = sqe_of(memory, DISK_FILE, &command);
	assert_int_equal(sqe.opcode, IORING_OP_WRITEV);
	command.count = 1;
	command.op = COMMAND_FLUSH;
	sqe = sqe_of(memory, DISK_FILE, &command);
	assert_int_equal(sqe.opcode, IORING_OP_FSYNC);
	command.op = COMMAND_READ;
	memory->pinned = 0;
	sqe = sqe_of(memory, DISK_NVME, &command);
	assert_int_equal(sqe.uring_cmd_flags, 0);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_piece_of_every_region),
		cmocka_unit_test(forms_of_sqes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
