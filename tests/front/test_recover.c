// SPDX-License-Identifier: GPL-2.0-only
/*
 * A daemon that is killed in mid-flight and started again; disks that are narrower or locked.
 * NVRING_KILLS is how often.
 */
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon.h"
#include "front.h"

#define IMAGE	      (32ULL << 20)
#define REQUESTS      40
#define KILLS	      10
#define BLOCKING_ROOM 3 /* interrupts that a call eventfd has room for */
#define RING_ROUNDS   3
#define RING_IDLE_US  300000 /* after which the poller's sweeps have ended */
#define RING_SLOW     0.5    /* s; the look of last resort takes one at least */

static struct daemon daemon_;
static struct front front;

static uint32_t kill_count(void)
{
	const char *text = getenv("NVRING_KILLS");

	return text && atoi(text) > 0 ? (uint32_t)atoi(text) : KILLS;
}

/* Writes are under way when the daemon dies; the next one does them again. */
static void kills(void)
{
	struct front_options options = { .size = 128, .inflight = true, .memory = 64 << 20 };
	struct front_request request[REQUESTS];
	struct front_queue *queue = &front.queue[0];
	uint32_t good = 0, count = kill_count();
	uint64_t resubmitted = 0;
	char *have = malloc(65536);

	daemon_start(&daemon_, IMAGE, "");
	options.socket = daemon_.socket;
	front_open(&front, &options);
	for (int i = 0; i < REQUESTS; i++)
		front_request_init(&front, &request[i], 65536);
	for (uint32_t kill = 0; kill < count; kill++) {
		for (int i = 0; i < REQUESTS; i++) {
			memset(request[i].data, (int)kill * REQUESTS + i + 1, 65536);
			*request[i].status = 0xff;
			front_start(queue, &request[i], VIRTIO_BLK_T_OUT, (uint64_t)i * 128, 65536,
				    false);
		}
		usleep((useconds_t)(kill * 150));
		daemon_kill(&daemon_);
		daemon_start(&daemon_, IMAGE, "");
		front_reconnect(&front, options.socket);
		for (int i = 0; i < REQUESTS; i++)
			front_wait(queue, 10000, NULL);
		for (int i = 0; i < REQUESTS; i++) {
			image_read(&daemon_, (uint64_t)i * 65536, have, 65536);
			good += !*request[i].status && !memcmp(have, request[i].data, 65536);
		}
		if (front_poll(queue, NULL) >= 0)
			die("a request came back twice");
		daemon_report(&daemon_);
		resubmitted += daemon_counter(&daemon_, "resubmitted");
	}
	ok(good == count * REQUESTS, "%u kills: %u of %u writes are on the disk", count, good,
	   count * REQUESTS);
	ok(resubmitted > 0, "%llu of them were resubmitted", (unsigned long long)resubmitted);
	ok(daemon_end(&daemon_) == 0, "the daemon ends well");
	front_close(&front);
	free(have);
}

/* Everything in flight at the kill is resubmitted, none is taken from the ring a second time. */
static void all_in_flight(void)
{
	struct front_options options = { .size = 128, .inflight = true };
	struct front_request request[20];
	uint64_t resubmitted, requests;
	static struct daemon slow;

	daemon_start(&slow, IMAGE, "");
	options.socket = slow.socket;
	front_open(&front, &options);
	for (int i = 0; i < 20; i++)
		front_request_init(&front, &request[i], 4096);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 20; i++)
			front_start(&front.queue[0], &request[i], VIRTIO_BLK_T_OUT, (uint64_t)i * 8,
				    4096, false);
		for (int i = 0; i < 20; i++)
			front_wait(&front.queue[0], 10000, NULL);
	}
	for (int i = 0; i < 20; i++)
		front_start(&front.queue[0], &request[i], VIRTIO_BLK_T_OUT, (uint64_t)i * 8, 4096,
			    false);
	daemon_kill(&slow);
	daemon_start(&slow, IMAGE, "");
	front_reconnect(&front, options.socket);
	for (int i = 0; i < 20; i++)
		front_wait(&front.queue[0], 10000, NULL);
	front_close(&front);
	daemon_end(&slow);
	resubmitted = daemon_counter(&slow, "resubmitted");
	requests = daemon_counter(&slow, "requests");
	ok(resubmitted + requests <= 20, "%llu resubmitted and %llu taken: no request twice",
	   (unsigned long long)resubmitted, (unsigned long long)requests);
}

/* Nothing outside --range is reached, and no write reaches a read-only disk. */
static void narrow(void)
{
	static struct daemon ranged, read_only;
	struct front_options options = { 0 };
	struct front_request request;
	char have[512];

	daemon_start(&ranged, IMAGE, "--range 2048+4096");
	options.socket = ranged.socket;
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	memset(request.data, 0xee, 4096);
	ok(front_do(&front.queue[0], &request, VIRTIO_BLK_T_OUT, 4096, 512) == VIRTIO_BLK_S_IOERR,
	   "--range: a write behind its end is refused");
	ok(!front_do(&front.queue[0], &request, VIRTIO_BLK_T_OUT, 4095, 512) &&
		   !front_do(&front.queue[0], &request, VIRTIO_BLK_T_OUT, 0, 512),
	   "--range: its first and last blocks are written");
	image_read(&ranged, 2047 * 512, have, 512);
	ok((uint8_t)have[5] == image_pattern(2047 * 512 + 5),
	   "--range: the block before is as it was");
	image_read(&ranged, 6144 * 512, have, 512);
	ok((uint8_t)have[5] == image_pattern(6144 * 512 + 5), "--range: so is the block behind");
	image_read(&ranged, 2048 * 512, have, 512);
	ok((uint8_t)have[5] == 0xee, "--range: its first block is where it ought to be");
	front_close(&front);
	daemon_end(&ranged);

	daemon_start(&read_only, 1 << 20, "--read-only");
	options.socket = read_only.socket;
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	ok(front.features & BIT64(VIRTIO_BLK_F_RO), "--read-only is offered as VIRTIO_BLK_F_RO");
	ok(front_do(&front.queue[0], &request, VIRTIO_BLK_T_OUT, 0, 512) == VIRTIO_BLK_S_IOERR,
	   "--read-only: a write is refused");
	ok(!front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 0, 512) &&
		   (uint8_t)request.data[9] == image_pattern(9),
	   "--read-only: a read is served");
	front_close(&front);
	daemon_end(&read_only);
}

/* A front-end that cuts its memory short loses its queue, not the daemon. */
static void truncated(void)
{
	static struct daemon cut;
	struct front_options options = { .queues = 2 };
	struct front_request request;

	daemon_start(&cut, IMAGE, "");
	options.socket = cut.socket;
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	ok(!front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 0, 4096), "a disk with memory");
	if (ftruncate(front.region[0].fd, 0))
		die("ftruncate");
	eventfd_write(front.queue[0].kick_fd, 1);
	eventfd_write(front.queue[1].kick_fd, 1);
	usleep(200000);
	ok(daemon_alive(&cut), "the daemon outlives memory that is truncated");
	munmap(front.region[0].memory, front.region[0].size);
	close(front.socket);
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	ok(!front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 0, 4096),
	   "and serves the next front-end");
	front_close(&front);
	daemon_end(&cut);
}

/* Make an eventfd blocking, with so much room left in it. */
static void fill_eventfd(int fd, uint64_t room)
{
	eventfd_t value;

	while (eventfd_write(fd, UINT64_MAX - 1 - room))
		eventfd_read(fd, &value);
	fcntl(fd, F_SETFL, 0);
}

/* A front-end that makes its call eventfd blocking and full holds up its own queue, nothing else.
 */
static void blocking(void)
{
	struct front_options options = { .queues = 2 };
	struct front_request request;
	static struct daemon blocked;
	struct front_queue *queue = &front.queue[0];

	daemon_start(&blocked, IMAGE, "");
	options.socket = blocked.socket;
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	ok(!front_do(queue, &request, VIRTIO_BLK_T_IN, 0, 4096), "a disk, before it is blocked");
	fill_eventfd(queue->call_fd, BLOCKING_ROOM);
	for (int i = 0; i < 2 * BLOCKING_ROOM; i++) {
		front_arm(queue);
		front_start(queue, &request, VIRTIO_BLK_T_IN, 0, 4096, false);
		usleep(20000);
		front_poll(queue, NULL);
	}
	close(front.socket);
	for (uint32_t i = 0; i < front.queue_count; i++)
		front_queue_free(&front.queue[i]);
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	ok(!front_do(queue, &request, VIRTIO_BLK_T_IN, 0, 4096),
	   "a blocked eventfd goes with its front-end, the next one is served");
	fill_eventfd(queue->call_fd, 0);
	front_arm(queue);
	front_start(queue, &request, VIRTIO_BLK_T_IN, 0, 4096, false);
	ok(daemon_end(&blocked) == 0, "the daemon ends with one blocked");
	front_close(&front);
}

/* A doorbell that is blocking and full holds up nothing that ends. */
static void blocking_doorbell(void)
{
	struct front_options options = { 0 };
	struct front_request request;
	static struct daemon blocked;

	daemon_start(&blocked, 1 << 20, "");
	options.socket = blocked.socket;
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	ok(!front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 0, 4096),
	   "a disk, before its doorbell is blocked");
	fill_eventfd(front.queue[0].kick_fd, 0);
	ok(front_queue_stop(&front.queue[0]) == 1, "a queue whose doorbell is blocked ends");
	ok(daemon_end(&blocked) == 0, "and its daemon");
	front_close(&front);
}

/* A doorbell that the kernel rings for another io_uring ends the poll of it (EPOLL_URING_WAKE),
 * while nothing else is there to bring the engine. */
static void rung_by_ring(void)
{
	struct front_options options = { 0 };
	struct front_request request;
	double slowest = 0;
	static struct daemon rung;
	struct io_uring ring;

	daemon_start(&rung, 1 << 20, "");
	options.socket = rung.socket;
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	if (io_uring_queue_init(4, &ring, 0) ||
	    io_uring_register_eventfd(&ring, front.queue[0].kick_fd))
		die("io_uring");
	for (int round = 0; round < RING_ROUNDS; round++) {
		struct io_uring_cqe *cqe;
		double start;

		usleep(RING_IDLE_US);
		io_uring_prep_nop(io_uring_get_sqe(&ring));
		io_uring_submit_and_wait(&ring, 1);
		if (io_uring_peek_cqe(&ring, &cqe))
			die("no completion of a NOP");
		io_uring_cqe_seen(&ring, cqe);
		usleep(RING_IDLE_US);
		start = front_now();
		if (front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 0, 4096))
			die("a read failed");
		if (front_now() - start > slowest)
			slowest = front_now() - start;
	}
	ok(slowest < RING_SLOW, "after a doorbell by an io_uring others are heard: %.3f s at most",
	   slowest);
	io_uring_queue_exit(&ring);
	front_close(&front);
	daemon_end(&rung);
}

int main(void)
{
	kills();
	all_in_flight();
	narrow();
	truncated();
	blocking();
	blocking_doorbell();
	rung_by_ring();
	return done();
}
