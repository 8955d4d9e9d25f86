// SPDX-License-Identifier: GPL-2.0-only
/* Rings: sizes, features, indices that wrap, odd places; and rings that make no sense. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon.h"
#include "front.h"

#define IMAGE (8ULL << 20)

static struct daemon daemon_;

/* @count reads, @depth at a time, each checked; returns how many were right. */
static uint32_t reads(struct front *front, struct front_queue *queue, uint32_t count,
		      uint32_t depth)
{
	struct front_request request[64];
	uint64_t sector[64];
	uint32_t good = 0, sent = 0, back = 0;
	int slot_of[1024];

	for (uint32_t i = 0; i < depth; i++)
		front_request_init(front, &request[i], 512);
	while (back < count) {
		uint32_t now = count - sent < depth ? count - sent : depth;

		for (uint32_t i = 0; i < now; i++, sent++) {
			sector[i] = (sent * 37 + i) % (IMAGE / 512);
			*request[i].status = 0xff;
			request[i].data[0] = (char)~image_pattern(sector[i] * 512);
			slot_of[front_start(queue, &request[i], VIRTIO_BLK_T_IN, sector[i], 512,
					    false)] = (int)i;
		}
		for (uint32_t i = 0; i < now; i++, back++) {
			int slot = slot_of[front_wait(queue, 10000, NULL)];

			good += !*request[slot].status &&
				is_pattern(request[slot].data, sector[slot] * 512, 512);
		}
	}
	return good;
}

static void try_options(const char *what, struct front_options options, uint32_t count)
{
	static struct front front;
	uint32_t depth = options.size >= 192 ? 64 : options.size / 3;
	uint32_t good;

	options.socket = daemon_.socket;
	front_open(&front, &options);
	good = reads(&front, &front.queue[front.queue_count - 1], count, depth ? depth : 1);
	ok(good == count, "%s: %u of %u reads are right", what, good, count);
	front_close(&front);
}

static void sizes_and_features(void)
{
	const uint64_t event_idx = BIT64(VIRTIO_RING_F_EVENT_IDX);
	const uint64_t indirect = BIT64(VIRTIO_RING_F_INDIRECT_DESC);

	for (uint16_t size = 4; size <= 1024; size *= 4) {
		char what[64];

		snprintf(what, sizeof(what), "%u entries", size);
		try_options(what, (struct front_options){ .size = size }, 600);
	}
	try_options("no EVENT_IDX", (struct front_options){ .size = 128, .without = event_idx },
		    2000);
	try_options("no indirect descriptors",
		    (struct front_options){ .size = 128, .without = indirect }, 500);
	try_options("used index from 0xf0 past 0x100",
		    (struct front_options){ .size = 64, .first_index = 0xf0 }, 500);
	try_options("used index from 0xfff0 past 0",
		    (struct front_options){ .size = 64, .first_index = 0xfff0 }, 500);
	try_options(
		"the same without EVENT_IDX",
		(struct front_options){ .size = 64, .first_index = 0xfff0, .without = event_idx },
		500);
	try_options("a used ring at 4-byte alignment",
		    (struct front_options){ .size = 256, .used_offset = 4 }, 500);
	try_options("a used ring across a page, at 4-byte alignment",
		    (struct front_options){ .size = 1024, .used_offset = 2044 }, 3000);
	try_options("no call eventfd", (struct front_options){ .size = 64, .no_call = true }, 200);
	try_options("the last of four queues", (struct front_options){ .size = 64, .queues = 4 },
		    500);
	if (!strcmp(engine(), "worker"))
		try_options("no doorbell eventfd",
			    (struct front_options){ .size = 64, .no_kick = true }, 200);
}

/* A driver that only looks: the used index never goes back, however often it is read. */
static void polled_index(void)
{
	static struct front front;
	struct front_options options = { .socket = daemon_.socket, .size = 256 };
	struct front_request request[32];
	struct front_queue *queue;
	uint32_t back = 0, steps = 0;
	uint16_t last;

	front_open(&front, &options);
	queue = &front.queue[0];
	queue->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	last = queue->used->idx;
	for (int i = 0; i < 32; i++)
		front_request_init(&front, &request[i], 512);
	for (int round = 0; round < 2200; round++) {
		uint16_t to = (uint16_t)(queue->last_used + 32);

		for (int i = 0; i < 32; i++)
			front_start(queue, &request[i], VIRTIO_BLK_T_IN, (uint64_t)i, 512, true);
		while (last != to) {
			uint16_t now = *(volatile uint16_t *)&queue->used->idx;

			if ((uint16_t)(now - last) > 32)
				back++;
			steps += now != last;
			last = now;
		}
		while (front_poll(queue, NULL) >= 0)
			;
	}
	ok(!back, "70,400 requests: the used index never goes back (%u steps seen)", steps);
	front_close(&front);
}

struct broken {
	const char *what, *said;
	void (*make)(struct front_queue *queue, uint64_t header, uint64_t data);
};

static void put(struct front_queue *queue, uint16_t head)
{
	front_avail(queue, head);
	front_publish(queue);
}

static void avail_jump(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)header, (void)data;
	queue->avail_idx += queue->size + 1;
	front_publish(queue);
}

static void head_range(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)header, (void)data;
	put(queue, queue->size);
}

static void next_range(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)data;
	queue->desc[0] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 0xffff };
	put(queue, 0);
}

static void loop(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)data;
	queue->desc[0] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 1 };
	queue->desc[1] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 0 };
	put(queue, 0);
}

static void order(struct front_queue *queue, uint64_t header, uint64_t data)
{
	queue->desc[0] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 1 };
	queue->desc[1] = (struct vring_desc){ data, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2 };
	queue->desc[2] = (struct vring_desc){ data, 16, 0, 0 };
	put(queue, 0);
}

static void nested(struct front_queue *queue, uint64_t header, uint64_t data)
{
	struct vring_desc *table = front_at(queue->front, data);

	(void)header;
	table[0] = (struct vring_desc){ data, 32, VRING_DESC_F_INDIRECT, 0 };
	queue->desc[0] = (struct vring_desc){ data, 32, VRING_DESC_F_INDIRECT, 0 };
	put(queue, 0);
}

static void table_length(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)header;
	queue->desc[0] = (struct vring_desc){ data, 24, VRING_DESC_F_INDIRECT, 0 };
	put(queue, 0);
}

static void table_outside(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)header, (void)data;
	queue->desc[0] = (struct vring_desc){ 1ULL << 45, 48, VRING_DESC_F_INDIRECT, 0 };
	put(queue, 0);
}

static void table_loop(struct front_queue *queue, uint64_t header, uint64_t data)
{
	struct vring_desc *table = front_at(queue->front, data);

	table[0] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 1 };
	table[1] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 0 };
	queue->desc[0] = (struct vring_desc){ data, 32, VRING_DESC_F_INDIRECT, 0 };
	put(queue, 0);
}

static void short_header(struct front_queue *queue, uint64_t header, uint64_t data)
{
	queue->desc[0] = (struct vring_desc){ header, 15, VRING_DESC_F_NEXT, 1 };
	queue->desc[1] = (struct vring_desc){ data, 1, VRING_DESC_F_WRITE, 0 };
	put(queue, 0);
}

static void no_status(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)data;
	queue->desc[0] = (struct vring_desc){ header, 16, 0, 0 };
	put(queue, 0);
}

static void status_outside(struct front_queue *queue, uint64_t header, uint64_t data)
{
	(void)data;
	queue->desc[0] = (struct vring_desc){ header, 16, VRING_DESC_F_NEXT, 1 };
	queue->desc[1] = (struct vring_desc){ ~0ULL - 3, 4, VRING_DESC_F_WRITE, 0 };
	put(queue, 0);
}

static const struct broken cases[] = {
	{ "an avail index that jumps", "avail index jumped", avail_jump },
	{ "a head that names no descriptor", "names no descriptor", head_range },
	{ "a next that names no descriptor", "next names no descriptor", next_range },
	{ "a chain that loops", "longer than its table", loop },
	{ "a readable descriptor behind a writable one", "follows a writable", order },
	{ "an indirect table in an indirect table", "not allowed or malformed", nested },
	{ "an indirect table of a bad length", "not allowed or malformed", table_length },
	{ "an indirect table outside memory", "outside guest memory", table_outside },
	{ "an indirect table that loops", "longer than its table", table_loop },
	{ "a header of 15 bytes", "no complete header", short_header },
	{ "no status byte", "no status byte", no_status },
	{ "a status byte outside memory", "no status byte", status_outside },
};

static bool readable(int fd, int ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, ms) == 1;
}

/* Queue 1 is broken; the daemon says so by log and eventfd, and queue 0 goes on. */
static void break_queue(struct front *front, const struct front_options *options,
			const struct broken *broken)
{
	struct front_queue *queue = &front->queue[1];
	uint16_t used = queue->used->idx;
	uint64_t header, data;

	front_alloc(front, 64, 64, &header);
	front_alloc(front, 4096, 4096, &data);
	broken->make(queue, header, data);
	ok(readable(queue->err_fd, 5000), "%s: the error eventfd is signalled", broken->what);
	ok(daemon_said(&daemon_, broken->said), "%s: the log says \"%s\"", broken->what,
	   broken->said);
	ok(reads(front, &front->queue[0], 100, 16) == 100, "%s: the other queue goes on",
	   broken->what);
	ok(queue->used->idx == used, "%s: nothing is given back", broken->what);
	/* Setting the device up again brings the queue back; the in-flight area stays, and what
	 * broke the queue is not tried again from there. */
	front_queue_stop(queue);
	front_queue_free(queue);
	front_queue_init(front, 1, options);
	front_queue_start(queue);
	ok(reads(front, queue, 10, 2) == 10, "%s: set up anew, the queue serves", broken->what);
}

/* Of one front-end: engines take long to start a queue. */
static void break_queues(void)
{
	static struct front front;
	struct front_options options = {
		.socket = daemon_.socket,
		.size = 64,
		.queues = 2,
		.inflight = true,
		.inflight_fd = -1,
	};

	front_open(&front, &options);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		break_queue(&front, &options, &cases[i]);
	front_close(&front);
}

int main(void)
{
	daemon_start(&daemon_, IMAGE, "--queues 4");
	sizes_and_features();
	polled_index();
	break_queues();
	ok(daemon_end(&daemon_) == 0, "the daemon ends well");
	return done();
}
