// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the command to the interrupt: SQEs and their tags, what results mean, giving requests back.
 */
#include "unit.h"

#include <errno.h>
#include <linux/falloc.h>
#include <liburing.h>

#include "completion.h"
#include "guest.h"
#include "notify.h"
#include "sqe.h"
#include "used.h"

#define DNR 0x4000

static const struct disk nvme = {
	.kind = DISK_NVME,
	.flags = DISK_CACHE | DISK_DISCARD | DISK_ZEROES,
	.sectors = 1 << 20,
	.block_shift = 9,
	.nsid = 1,
	.max_transfer = 131072,
	.max_segments = 64,
	.memory_align = 1,
	.max_zeroes = 128,
};

static const struct disk file = {
	.kind = DISK_FILE,
	.flags = DISK_CACHE | DISK_DISCARD | DISK_ZEROES,
	.sectors = 1 << 20,
	.block_shift = 9,
	.max_transfer = 1 << 30,
	.max_segments = 1 << 18,
	.memory_align = 1,
};

static int setup(void **state)
{
	*state = guest_new(8);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	guest_free(*state);
	return 0;
}

/* A request of one piece of data, its first command built. */
static void begin(struct guest *guest, const struct disk *disk, uint32_t type, uint32_t bytes)
{
	const struct guest_piece data = { GUEST_DATA, bytes, type == VIRTIO_BLK_T_IN };

	assert_int_equal(guest_request(guest, disk, type, 0, &data, bytes ? 1 : 0), 0);
	assert_int_equal(guest->request.status, REQUEST_STATUS_PENDING);
	assert_int_equal(command_next(disk, &guest->request), COMMAND_SEND);
}

/* The same of one range of 8 sectors. */
static void begin_range(struct guest *guest, const struct disk *disk, uint32_t type)
{
	struct virtio_blk_discard_write_zeroes *range = guest_hva(guest, GUEST_DATA);

	*range = (struct virtio_blk_discard_write_zeroes){ .num_sectors = cpu_to_le32(8) };
	begin(guest, disk, type, sizeof(*range));
}

static void ends(struct guest *guest, const struct disk *disk, int result, uint8_t status)
{
	int step = command_completed(disk, &guest->request, result);

	if (step != COMMAND_DONE || guest->request.status != status)
		fail_msg("result %#x: step %d, status %u, not %u", (unsigned int)result, step,
			 guest->request.status, status);
}

static void goes_on(struct guest *guest, const struct disk *disk, int result,
		    enum command_step step)
{
	assert_int_equal(command_completed(disk, &guest->request, result), step);
	assert_int_equal(guest->request.status, REQUEST_STATUS_PENDING);
}

static void success_is_ok(void **state)
{
	struct guest *guest = *state;

	begin(guest, &nvme, VIRTIO_BLK_T_IN, 4096);
	ends(guest, &nvme, 0, VIRTIO_BLK_S_OK);
	begin(guest, &nvme, VIRTIO_BLK_T_FLUSH, 0);
	ends(guest, &nvme, 0, VIRTIO_BLK_S_OK);
	begin_range(guest, &nvme, VIRTIO_BLK_T_DISCARD);
	ends(guest, &nvme, 0, VIRTIO_BLK_S_OK);
	begin_range(guest, &nvme, VIRTIO_BLK_T_WRITE_ZEROES);
	ends(guest, &nvme, 0, VIRTIO_BLK_S_OK);
	begin(guest, &file, VIRTIO_BLK_T_OUT, 4096);
	ends(guest, &file, 4096, VIRTIO_BLK_S_OK);
	begin(guest, &file, VIRTIO_BLK_T_FLUSH, 0);
	ends(guest, &file, 0, VIRTIO_BLK_S_OK);
	begin_range(guest, &file, VIRTIO_BLK_T_DISCARD);
	ends(guest, &file, 0, VIRTIO_BLK_S_OK);
	begin_range(guest, &file, VIRTIO_BLK_T_WRITE_ZEROES);
	ends(guest, &file, 0, VIRTIO_BLK_S_OK);
}

/* Errors that say they will not pass. Status code type in bits 10:8, code in 7:0. */
static void final_errors(void **state)
{
	static const struct {
		const struct disk *disk;
		int result;
		uint8_t status;
	} cases[] = {
		{ &nvme, DNR | 0x001, VIRTIO_BLK_S_UNSUPP }, /* invalid opcode */
		{ &nvme, DNR | 0x002, VIRTIO_BLK_S_IOERR },  /* invalid field */
		{ &nvme, DNR | 0x080, VIRTIO_BLK_S_IOERR },  /* LBA out of range */
		{ &nvme, DNR | 0x101, VIRTIO_BLK_S_IOERR },  /* other type, same code */
		{ &nvme, DNR | 0x281, VIRTIO_BLK_S_IOERR },  /* unrecovered read error */
		{ &nvme, DNR | 0x2281, VIRTIO_BLK_S_IOERR }, /* the same, more in the log */
		{ &nvme, DNR | 0x2001, VIRTIO_BLK_S_UNSUPP },
		{ &nvme, -EIO, VIRTIO_BLK_S_IOERR },
		{ &nvme, -ENODEV, VIRTIO_BLK_S_IOERR },
		{ &nvme, -EFAULT, VIRTIO_BLK_S_IOERR },
		{ &file, -EIO, VIRTIO_BLK_S_IOERR },
		{ &file, -ENOSPC, VIRTIO_BLK_S_IOERR },
		{ &file, -EFAULT, VIRTIO_BLK_S_IOERR },
		{ &file, -EINVAL, VIRTIO_BLK_S_IOERR },
		{ &file, -EOPNOTSUPP, VIRTIO_BLK_S_UNSUPP },
		{ &file, 0, VIRTIO_BLK_S_IOERR }, /* the file ended */
	};
	struct guest *guest = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(guest, cases[i].disk, VIRTIO_BLK_T_IN, 4096);
		ends(guest, cases[i].disk, cases[i].result, cases[i].status);
	}
}

/* Errors that pass: five times the same command again, then an error; or it goes well. */
static void passing_errors(void **state)
{
	static const struct {
		const struct disk *disk;
		int result;
	} cases[] = {
		{ &nvme, 0x371 },   /* path error by the host */
		{ &nvme, 0x007 },   /* aborted by request: a reset */
		{ &nvme, -EINVAL }, /* no path */
		{ &nvme, -EAGAIN }, { &nvme, -EINTR }, { &file, -EAGAIN }, { &file, -EINTR },
	};
	struct guest *guest = *state;
	struct request *request = &guest->request;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct disk *disk = cases[i].disk;
		struct command command;

		begin(guest, disk, VIRTIO_BLK_T_OUT, 4096);
		command = request->command;
		for (int turn = 1; turn <= 5; turn++) {
			goes_on(guest, disk, cases[i].result, COMMAND_AGAIN);
			assert_int_equal(request->retries, turn); /* the delay's exponent */
			assert_memory_equal(&request->command, &command, sizeof(command));
		}
		ends(guest, disk, cases[i].result, VIRTIO_BLK_S_IOERR);
		begin(guest, disk, VIRTIO_BLK_T_OUT, 4096);
		goes_on(guest, disk, cases[i].result, COMMAND_AGAIN);
		ends(guest, disk, disk == &file ? 4096 : 0, VIRTIO_BLK_S_OK);
	}
}

/* Each command of a request may be tried as often. */
static void a_success_renews_the_tries(void **state)
{
	struct guest *guest = *state;

	begin(guest, &nvme, VIRTIO_BLK_T_OUT, 3 * 131072);
	for (int command = 0; command < 3; command++) {
		for (int turn = 0; turn < 5; turn++)
			goes_on(guest, &nvme, 0x371, COMMAND_AGAIN);
		if (command < 2)
			goes_on(guest, &nvme, 0, COMMAND_SEND);
	}
	ends(guest, &nvme, 0, VIRTIO_BLK_S_OK);
}

static void short_transfers_go_on(void **state)
{
	struct guest *guest = *state;
	const struct command *command = &guest->request.command;

	begin(guest, &file, VIRTIO_BLK_T_IN, 4096);
	goes_on(guest, &file, 1, COMMAND_SEND);
	assert_int_equal(command->offset, 1);
	assert_int_equal(command->bytes, 4095);
	assert_int_equal(command->addr, (uintptr_t)guest_hva(guest, GUEST_DATA) + 1);
	goes_on(guest, &file, 4094, COMMAND_SEND);
	assert_int_equal(command->offset, 4095);
	assert_int_equal(command->bytes, 1);
	ends(guest, &file, 1, VIRTIO_BLK_S_OK);
	/* Nothing came: there is no end of waiting for more. */
	begin(guest, &file, VIRTIO_BLK_T_IN, 4096);
	goes_on(guest, &file, 512, COMMAND_SEND);
	ends(guest, &file, 0, VIRTIO_BLK_S_IOERR);
}

/* A file system without fallocate: discards are hints, but zeroes must be there. */
static void refused_fallocate(void **state)
{
	struct guest *guest = *state;

	begin_range(guest, &file, VIRTIO_BLK_T_DISCARD);
	ends(guest, &file, -EOPNOTSUPP, VIRTIO_BLK_S_OK);
	begin_range(guest, &file, VIRTIO_BLK_T_WRITE_ZEROES);
	goes_on(guest, &file, -EOPNOTSUPP, COMMAND_SEND);
	assert_int_equal(guest->request.command.op, COMMAND_WRITE_ZERO_BUFFER);
	assert_int_equal(guest->request.command.bytes, 4096);
	goes_on(guest, &file, 1024, COMMAND_SEND);
	assert_int_equal(guest->request.command.offset, 1024);
	assert_int_equal(guest->request.command.bytes, 3072);
	ends(guest, &file, 3072, VIRTIO_BLK_S_OK);
	begin_range(guest, &file, VIRTIO_BLK_T_WRITE_ZEROES);
	ends(guest, &file, -ENOSPC, VIRTIO_BLK_S_IOERR);
	begin_range(guest, &file, VIRTIO_BLK_T_WRITE_ZEROES);
	goes_on(guest, &file, -EOPNOTSUPP, COMMAND_SEND);
	ends(guest, &file, 0, VIRTIO_BLK_S_IOERR);
}

/* Writing through, zeroes by fallocate are flushed, and an error of that is the request's. */
static void durable_zeroes(void **state)
{
	struct guest *guest = *state;
	struct disk disk = file;

	disk.flags |= DISK_WRITE_THROUGH;
	begin_range(guest, &disk, VIRTIO_BLK_T_WRITE_ZEROES);
	goes_on(guest, &disk, 0, COMMAND_SEND);
	assert_int_equal(guest->request.command.op, COMMAND_FLUSH);
	ends(guest, &disk, 0, VIRTIO_BLK_S_OK);
	begin_range(guest, &disk, VIRTIO_BLK_T_WRITE_ZEROES);
	goes_on(guest, &disk, 0, COMMAND_SEND);
	ends(guest, &disk, -EIO, VIRTIO_BLK_S_IOERR);
	/* On NVMe the command says it itself. */
	disk = nvme;
	disk.flags |= DISK_WRITE_THROUGH;
	begin_range(guest, &disk, VIRTIO_BLK_T_WRITE_ZEROES);
	assert_int_equal(guest->request.command.flags, COMMAND_DURABLE);
	ends(guest, &disk, 0, VIRTIO_BLK_S_OK);
}

/* What comes back in a CQE names the same queue and head, whatever the tag. */
static void tags_come_back(void **state)
{
	static const uint64_t tags[] = {
		SQE_TAG_REQUEST,      SQE_TAG_KICK,	     SQE_TAG_WAKE,
		SQE_TAG_RETRY,	      SQE_TAG_CALLS,	     SQE_TAG_DIRECT,
		SQE_TAG_DIRECT_KICK,  SQE_TAG_DIRECT_STATUS, SQE_TAG_DIRECT_SIGNAL,
		SQE_TAG_DIRECT_SWEEP,
	};
	static const uint32_t queues[] = { 0, 1, 255, 65535, ~0U };

	(void)state;
	for (size_t tag = 0; tag < sizeof(tags) / sizeof(tags[0]); tag++) {
		for (size_t queue = 0; queue < sizeof(queues) / sizeof(queues[0]); queue++)
			for (uint32_t head = 0; head < QUEUE_SIZE_MAX; head++) {
				uint64_t data =
					sqe_user_data(tags[tag], queues[queue], (uint16_t)head);

				assert_int_equal(sqe_tag(data), tags[tag]);
				assert_int_equal(sqe_queue(data), queues[queue]);
				assert_int_equal(sqe_head(data), head);
			}
		for (size_t other = 0; other < tag; other++)
			assert_int_not_equal(tags[tag], tags[other]);
	}
}

#define USER_DATA 0x0100000000070003ULL

/* Ours beside liburing's for the same. */
static struct io_uring_sqe ours, theirs;

static void is_theirs(const struct command *command)
{
	theirs.flags = IOSQE_FIXED_FILE;
	theirs.user_data = USER_DATA;
	memset(&ours, 0x5a, sizeof(ours));
	sqe_fill(&file, command, USER_DATA, &ours);
	assert_memory_equal(&ours, &theirs, sizeof(ours));
}

static void sqes_are_as_liburing_builds_them(void **state)
{
	struct command command = {
		.count = 1, .offset = 0x123456789000, .bytes = 0x40000000, .addr = 0x7f0000001000
	};
	void *addr = (void *)(uintptr_t)command.addr;

	(void)state;
	command.op = COMMAND_READ;
	io_uring_prep_read(&theirs, 0, addr, 0x40000000, 0x123456789000);
	is_theirs(&command);
	command.op = COMMAND_WRITE;
	io_uring_prep_write(&theirs, 0, addr, 0x40000000, 0x123456789000);
	is_theirs(&command);
	command.op = COMMAND_WRITE_ZERO_BUFFER;
	is_theirs(&command);
	command.op = COMMAND_WRITE;
	command.flags = COMMAND_DURABLE;
	theirs.rw_flags = RWF_DSYNC;
	is_theirs(&command);
	command.count = 254;
	io_uring_prep_writev2(&theirs, 0, addr, 254, 0x123456789000, RWF_DSYNC);
	is_theirs(&command);
	command.op = COMMAND_READ;
	command.flags = 0;
	io_uring_prep_readv(&theirs, 0, addr, 254, 0x123456789000);
	is_theirs(&command);
	command = (struct command){ .op = COMMAND_FLUSH };
	io_uring_prep_fsync(&theirs, 0, IORING_FSYNC_DATASYNC);
	is_theirs(&command);
	command = (struct command){ .op = COMMAND_FALLOCATE,
				    .mode = COMMAND_FALLOC_KEEP_SIZE | COMMAND_FALLOC_PUNCH_HOLE,
				    .offset = 1 << 20,
				    .bytes = 1ULL << 40,
				    .count = 1 };
	io_uring_prep_fallocate(&theirs, 0, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 1 << 20,
				1LL << 40);
	is_theirs(&command);
	command.mode = COMMAND_FALLOC_KEEP_SIZE | COMMAND_FALLOC_ZERO_RANGE;
	io_uring_prep_fallocate(&theirs, 0, FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE, 1 << 20,
				1LL << 40);
	is_theirs(&command);
}

/* Passthrough: the command begins at byte 48 of a 128-byte SQE, its number at byte 8. */
static void sqes_of_passthrough(void **state)
{
	const struct command command = {
		.op = COMMAND_WRITE, .count = 3, .offset = 4096, .bytes = 8192, .addr = 64
	};
	union {
		struct io_uring_sqe sqe;
		uint8_t byte[128];
	} sqe;
	struct nvme_uring_cmd cmd;
	uint32_t op = nvme_fill(&nvme, &command, &cmd);

	(void)state;
	memset(&sqe, 0x5a, sizeof(sqe));
	sqe_fill(&nvme, &command, USER_DATA, &sqe.sqe);
	assert_int_equal(sqe.byte[0], IORING_OP_URING_CMD);
	assert_int_equal(sqe.byte[1], IOSQE_FIXED_FILE);
	assert_int_equal(sqe.sqe.fd, SQE_FILE_DEVICE);
	assert_memory_equal(&sqe.byte[8], &op, sizeof(op));
	assert_int_equal(sqe.sqe.user_data, USER_DATA);
	assert_memory_equal(&sqe.byte[48], &cmd, sizeof(cmd));
	/* Priority, length, flags, buffers: nothing. */
	assert_int_equal(sqe.sqe.ioprio, 0);
	assert_int_equal(sqe.sqe.len, 0);
	assert_int_equal(sqe.sqe.rw_flags, 0);
	assert_int_equal(sqe.sqe.buf_index, 0);
}

/* A driver beside the device, for what comes back. */
struct driver {
	struct guest *guest;
	uint64_t random;
	bool busy[8];
	uint32_t want_len[8];
	uint16_t open[8]; /* heads the device has */
	uint32_t open_count;
	uint32_t completed;
	uint16_t seen; /* used entries */
	uint16_t told; /* of those, when there last was an interrupt or a look for one */
};

/* Offer a head that is free, and let the device parse what is there. */
static void driver_offers(struct driver *driver)
{
	struct guest *guest = driver->guest;
	uint16_t head = (uint16_t)unit_below(&driver->random, 8);
	uint32_t bytes = 512 * (1 + (uint32_t)unit_below(&driver->random, 8));

	if (driver->busy[head])
		return;
	driver->busy[head] = true;
	driver->want_len[head] = bytes + 1;
	guest_offer(guest, head);
	assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 1);
	assert_int_equal(virtqueue_take(&guest->queue, &guest->vring), head);
	guest->queue.in_flight++;
	begin(guest, &nvme, VIRTIO_BLK_T_IN, bytes);
	assert_int_equal(guest->request.used_len, bytes + 1);
	driver->open[driver->open_count++] = head;
}

/* Any of the open ones is over, well or not. */
static void device_completes(struct driver *driver)
{
	struct queue_state *queue = &driver->guest->queue;
	uint32_t at = (uint32_t)unit_below(&driver->random, driver->open_count);
	uint16_t head = driver->open[at];

	driver->open[at] = driver->open[--driver->open_count];
	used_push(queue, &driver->guest->vring, head, driver->want_len[head]);
	assert_int_equal(queue->in_flight, driver->open_count);
	driver->completed++;
}

/* Publish what was pushed; the driver takes it and knows whether it wanted an interrupt. */
static void device_publishes(struct driver *driver)
{
	struct guest *guest = driver->guest;
	struct vring_memory *vring = &guest->vring;
	uint16_t event = (uint16_t)(driver->seen + unit_below(&driver->random, 4) - 1), idx;
	int want, have;

	vring->avail->ring[8] = cpu_to_le16(event);
	used_publish(&guest->queue, vring);
	idx = le16_to_cpu(vring->used->idx);
	want = idx != driver->told && vring_need_event(event, idx, driver->told);
	have = notify_wanted(&guest->queue, vring);
	assert_int_equal(have, want);
	driver->told = idx;
	for (; driver->seen != idx; driver->seen++) {
		const struct vring_used_elem *used = &vring->used->ring[driver->seen % 8];
		uint32_t head = le32_to_cpu(used->id);

		assert_true(head < 8 && driver->busy[head]);
		assert_int_equal(le32_to_cpu(used->len), driver->want_len[head]);
		driver->busy[head] = false;
	}
}

static void what_the_driver_took_is_told_by_used_event(void **state)
{
	struct guest *guest = *state;
	struct queue_state *queue = &guest->queue;
	struct {
		uint16_t event, unseen;
	} cases[] = { { 3, 0 },	     { 2, 1 }, { 0, 3 },   { 0xfffe, 5 },
		      { 0xfffd, 2 }, { 4, 2 }, { 1000, 2 } };

	queue->published = 3;
	queue->signalled = 1;
	queue->in_flight = 3; /* of 8: five more at most, else the word makes no sense */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		guest->vring.avail->ring[8] = cpu_to_le16(cases[i].event);
		queue->flags &= ~QUEUE_EVENT_IDX;
		assert_int_equal(notify_unseen(queue, &guest->vring), 2);
		queue->flags |= QUEUE_EVENT_IDX;
		assert_int_equal(notify_unseen(queue, &guest->vring), cases[i].unseen);
	}
}

/* In any order and in batches of any size, over the index's wrap. */
static void each_request_comes_back_once(void **state)
{
	struct driver driver = { .guest = *state, .random = unit_seed(__func__) };
	struct queue_state *queue = &driver.guest->queue;

	queue->flags |= QUEUE_EVENT_IDX;
	for (int turn = 0; turn < 400000; turn++) {
		switch (unit_below(&driver.random, 5)) {
		case 0:
		case 1:
			driver_offers(&driver);
			break;
		case 2:
		case 3:
			if (driver.open_count)
				device_completes(&driver);
			break;
		default:
			device_publishes(&driver);
		}
	}
	while (driver.open_count)
		device_completes(&driver);
	device_publishes(&driver);
	for (int head = 0; head < 8; head++)
		assert_false(driver.busy[head]);
	assert_true(driver.completed > 0x10000); /* indices wrapped */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(success_is_ok),
		TEST(final_errors),
		TEST(passing_errors),
		TEST(a_success_renews_the_tries),
		TEST(short_transfers_go_on),
		TEST(refused_fallocate),
		TEST(durable_zeroes),
		cmocka_unit_test(tags_come_back),
		cmocka_unit_test(sqes_are_as_liburing_builds_them),
		cmocka_unit_test(sqes_of_passthrough),
		TEST(what_the_driver_took_is_told_by_used_event),
		TEST(each_request_comes_back_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
