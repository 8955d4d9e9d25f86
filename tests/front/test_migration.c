// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a front-end has logged that migrates its guest: exactly the pages that were written, from
 * the moment it asks on, by a worker whatever engine serves, which it has again afterwards.
 */
#include <errno.h>
#include <json.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rpc.h"
#include "daemon.h"
#include "front.h"

#define IMAGE	  (4ULL << 20)
#define MEMORY	  (16ULL << 20)
#define PAGE	  4096ULL
#define PAGES	  (MEMORY / PAGE)
#define LOG_BYTES (PAGES / 8)
#define LOG_AT	  4096 /* in its file */
#define LARGE	  (1U << 20)
#define UNDER_WAY 64
#define WAIT_MS	  10000
#define MIGRATES  BIT64(VHOST_F_LOG_ALL)

static struct daemon daemon_;
static struct front front;
static struct front_queue *queue;
static struct front_request small, large;
static uint8_t *log_bits;
static bool expected[PAGES];

/* A log, all of it clear; returns its descriptor. */
static int make_log(uint8_t **ret_bits)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	char *memory;

	if (fd < 0 || ftruncate(fd, LOG_AT + LOG_BYTES))
		die("log: %s", strerror(errno));
	memory = mmap(NULL, LOG_AT + LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die("log: %s", strerror(errno));
	*ret_bits = (uint8_t *)memory + LOG_AT;
	return fd;
}

/* SET_LOG_BASE, which has a reply of its own; whether that came. */
static bool set_log(int fd, uint64_t bytes)
{
	union vhost_user_payload payload = { .log = { .mmap_size = bytes, .mmap_offset = LOG_AT } };
	struct vhost_user_message reply;

	return !front_send(&front, VHOST_USER_SET_LOG_BASE, &payload, sizeof(payload.log), &fd, 1,
			   0) &&
	       !front_receive(&front, &reply) && reply.header.request == VHOST_USER_SET_LOG_BASE &&
	       reply.fds[0] < 0;
}

/* As QEMU begins and ends it: the features, then each ring's addresses. */
static void migrate(bool on)
{
	uint64_t features = front.features | (on ? MIGRATES : 0);
	struct vhost_vring_addr addr = {
		.flags = on ? 1U << VHOST_VRING_F_LOG : 0,
		.desc_user_addr = FRONT_USER_BASE + front_gpa(&front, queue->desc),
		.avail_user_addr = FRONT_USER_BASE + front_gpa(&front, queue->avail),
		.used_user_addr = FRONT_USER_BASE + front_gpa(&front, queue->used),
		.log_guest_addr = front_gpa(&front, queue->used),
	};

	if (front_acknowledged(&front, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0) ||
	    front_acknowledged(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0))
		die("refused to %s", on ? "migrate" : "end a migration");
}

/* Whether this engine serves the queue, and that is part of why. */
static bool served_by(const char *name, const char *why)
{
	struct json_object *result = NULL, *row;
	bool is;

	if (rpc_call(daemon_.control, "status", NULL, &result))
		die("status");
	row = json_object_array_get_idx(json_object_object_get(result, "queues"), 0);
	is = !strcmp(json_object_get_string(json_object_object_get(row, "engine")), name) &&
	     strstr(json_object_get_string(json_object_object_get(row, "why")), why);
	if (!is)
		printf("# %s\n", json_object_get_string(row));
	json_object_put(result);
	return is;
}

static void clear(void)
{
	memset(log_bits, 0, LOG_BYTES);
	memset(expected, 0, sizeof(expected));
}

static void expect(const void *memory, uint64_t bytes)
{
	uint64_t gpa = front_gpa(&front, memory);

	for (uint64_t page = gpa / PAGE; page <= (gpa + bytes - 1) / PAGE; page++)
		expected[page] = true;
}

/* What each request writes: its status, and the used ring, of which all is marked. */
static void expect_request(const struct front_request *request)
{
	expect(request->status, 1);
	expect(queue->used, 6 + queue->size * 8ULL);
}

static bool as_expected(void)
{
	bool right = true;

	for (uint64_t page = 0; page < PAGES; page++) {
		bool marked = log_bits[page / 8] & 1U << page % 8;

		if (marked != expected[page])
			printf("# page %llu: %s\n", (unsigned long long)page,
			       marked ? "marked, and was not written" : "written, and not marked");
		right &= marked == expected[page];
	}
	return right;
}

/* A request is seen before its used ring is marked: all of it is once the queue has stopped. */
static bool logged(void)
{
	front_queue_stop(queue);
	return as_expected();
}

static void go_on(void)
{
	front_queue_start(queue);
	migrate(true);
	clear();
}

static void shapes(void)
{
	struct front_segment odd[] = {
		{ front_gpa(&front, small.header), sizeof(*small.header), false },
		{ large.data_gpa + PAGE - 512, 512, true },
		{ large.data_gpa + 3 * PAGE - 1024, 3072, true },
		{ large.data_gpa + 8 * PAGE + 1, 512, true }, /* needs a bounce buffer */
		{ front_gpa(&front, small.status), 1, true },
	};

	clear();
	ok(!front_do(queue, &small, VIRTIO_BLK_T_IN, 8, 4096), "a read");
	expect(small.data, 4096);
	expect_request(&small);
	ok(logged(), "its page, its status and the used ring are logged, and nothing else");

	go_on();
	ok(!front_do(queue, &small, VIRTIO_BLK_T_OUT, 8, 4096), "a write");
	expect_request(&small);
	ok(logged(), "its status and the used ring are logged, no data");

	go_on();
	ok(!front_do(queue, &large, VIRTIO_BLK_T_IN, 0, LARGE), "a read of a MiB");
	expect(large.data, LARGE);
	expect_request(&large);
	ok(logged(), "all its pages are logged");

	go_on();
	ok(!front_do_segments(queue, &small, VIRTIO_BLK_T_IN, 16, odd, sizeof(odd) / sizeof(odd[0]),
			      true),
	   "a read to odd places");
	expect(front_at(&front, odd[1].gpa), odd[1].len);
	expect(front_at(&front, odd[2].gpa), odd[2].len);
	expect(front_at(&front, odd[3].gpa), odd[3].len);
	expect_request(&small);
	ok(logged(), "these pages are logged");

	go_on();
	ok(!front_do(queue, &small, VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES), "the disk's ID");
	expect(small.data, VIRTIO_BLK_ID_BYTES);
	expect_request(&small);
	ok(logged(), "its page is logged");

	go_on();
	ok(front_do(queue, &small, VIRTIO_BLK_T_IN, IMAGE / 512, 4096) == VIRTIO_BLK_S_IOERR,
	   "a read behind the end");
	expect_request(&small);
	ok(logged(), "its status is logged");
	go_on();
}

/* Requests are under way when the migration begins: what they write later is logged, or they were
 * over before it was answered. The first copy of memory is made after that. */
static void begins_under_load(void)
{
	static struct front_request requests[UNDER_WAY];
	uint8_t before[UNDER_WAY];
	bool right = true;

	for (uint32_t i = 0; i < UNDER_WAY; i++) {
		front_request_init(&front, &requests[i], 4096);
		*requests[i].status = 0xff;
	}
	clear();
	for (uint32_t i = 0; i < UNDER_WAY; i++)
		front_start(queue, &requests[i], VIRTIO_BLK_T_IN, 8 * i, 4096, false);
	migrate(true);
	for (uint32_t i = 0; i < UNDER_WAY; i++)
		before[i] = __atomic_load_n(requests[i].status, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < UNDER_WAY; i++)
		front_wait(queue, WAIT_MS, NULL);
	for (uint32_t i = 0; i < UNDER_WAY; i++) {
		uint64_t page = requests[i].data_gpa / PAGE;

		right &= !*requests[i].status && is_pattern(requests[i].data, 4096ULL * i, 4096) &&
			 (!before[i] || log_bits[page / 8] & 1U << page % 8);
	}
	ok(right, "begun under %u requests: each was over by then, or is logged", UNDER_WAY);
}

static void refused(void)
{
	struct front_options options = { .socket = daemon_.socket, .no_queues = true };
	int fd = make_log(&log_bits);

	front_open(&front, &options);
	ok(!set_log(fd, LOG_BYTES + 1), "a log longer than its file is refused");
	ok(daemon_said(&daemon_, "SET_LOG_BASE refused: 513 bytes at 4096: the file is shorter"),
	   "and named");
	front_close(&front);
	close(fd);
}

static void changes(void)
{
	uint8_t *first = log_bits;
	int fd = make_log(&log_bits);

	ok(set_log(fd, LOG_BYTES), "another log, while it runs");
	memset(first, 0, LOG_BYTES);
	clear();
	ok(!front_do(queue, &small, VIRTIO_BLK_T_IN, 8, 4096), "a read");
	expect(small.data, 4096);
	expect_request(&small);
	ok(logged(), "it is logged there");
	ok(!memchr(first, 1, LOG_BYTES) && !first[0], "and not in the first one");
	close(fd);
	front_queue_start(queue);
}

int main(void)
{
	struct front_options options = { .memory = MEMORY, .size = 256 };
	int fd;

	daemon_start(&daemon_, IMAGE, "--queues 1");
	options.socket = daemon_.socket;
	refused();
	front_open(&front, &options);
	queue = &front.queue[0];
	front_request_init(&front, &small, 4096);
	front_request_init(&front, &large, LARGE);
	fd = make_log(&log_bits);
	ok(served_by(engine(), ""), "before: the %s serves", engine());
	ok(set_log(fd, LOG_BYTES), "a log");
	begins_under_load();
	ok(served_by("worker", "migrates"), "while it migrates: a worker, which says why");
	shapes();
	changes();
	migrate(false);
	clear();
	ok(served_by(engine(), ""), "afterwards: the %s serves", engine());
	ok(!front_do(queue, &small, VIRTIO_BLK_T_IN, 8, 4096), "a read");
	ok(logged(), "nothing is logged");
	front_close(&front);
	ok(!daemon_end(&daemon_), "the daemon ends well");
	return done();
}
