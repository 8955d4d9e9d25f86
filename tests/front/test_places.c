// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory at odd places, pinned or not: rings in regions of every shape, and across them;
 * requests whose header, table, data and status lie across regions. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest_peek.h"
#include "verify.h"

#define IMAGE	   (16ULL << 20)
#define HIGH	   (1ULL << 32)
#define SIZE	   64
#define RING_BYTES 1734 /* of a ring of SIZE entries as front_queue_init() lays it out */
#define PIECE	   8192ULL
#define PIECES	   5
#define REQUESTS   300

static struct daemon daemons[2], *daemon_; /* one after the other */
static struct front front;

static const struct place {
	const char *what;
	uint64_t gpa, size, offset; /* of the region; in its file */
	uint64_t ring;		    /* in the region */
} places[] = {
	{ "a region above 16 TiB", 1ULL << 44, 1 << 20, 0, 0 },
	{ "a region in the midst of its file", HIGH, 1 << 20, 0x7000, 0 },
	{ "a region that begins and ends within pages", HIGH + 0x810, 0x3210, 0x810, 0x10 },
	{ "a region as large as the ring", HIGH + 0x10, RING_BYTES, 0x10, 0 },
	{ "a ring that ends with its region", HIGH, 0x4000 + RING_BYTES % 16, 0,
	  0x4000 + RING_BYTES % 16 - RING_BYTES },
	{ "a ring across pages, whose used ring is, too", HIGH, 1 << 20, 0, 0x1000 - 1216 - 16 },
	{ "a ring whose descriptors are across pages", HIGH, 1 << 20, 0, 0x1000 - 32 },
	{ "a region across 4 GiB", 0xfffff000ULL, 0x2000, 0, 0x800 },
};

/* Memory is added behind the first region before there is a queue. */
static void open_without_queue(void)
{
	struct front_options open = { .socket = daemon_->socket, .no_queues = true };

	front_open(&front, &open);
}

/* Requests are in the first region, wherever the ring is. */
static void check_requests(const char *what)
{
	struct verify_options options = { .blocks = 64, .depth = 16 };
	struct verify verify;

	options.sector = verify_part(options.blocks);
	front_alloc_in(&front, 0, 1 << 20);
	verify_init(&verify, &front.queue[0], &options);
	while (verify.done < REQUESTS)
		if (!verify_turn(&verify))
			verify_wait(&verify, 1, -1);
	verify_finish(&verify, 1);
	ok(verify_good(&verify, REQUESTS) && !verify_image(&verify, daemon_),
	   "%s: %llu requests, %llu wrong, %llu failed", what, (unsigned long long)verify.done,
	   (unsigned long long)verify.wrong, (unsigned long long)verify.failed);
	verify_free(&verify);
}

static void ring_at(const struct place *place)
{
	struct front_options options = { .size = SIZE, .ring_align = 16 };

	open_without_queue();
	front_add_region(&front, place->gpa, place->size, place->offset);
	front_send_table(&front);
	front_alloc_in(&front, 1, place->ring);
	front_queue_init(&front, 0, &options);
	front_queue_start(&front.queue[0]);
	check_requests(place->what);
	front_close(&front);
}

/* Descriptors, avail ring and used ring in a region each, the first ones the last in memory. */
static void scattered(void)
{
	struct front_options options = { .size = SIZE };
	struct front_queue *queue = &front.queue[0];

	open_without_queue();
	for (uint64_t i = 1; i <= 3; i++)
		front_add_region(&front, HIGH + i * (1 << 20), 4096, 4096 * i);
	front_send_table(&front);
	front_queue_init(&front, 0, &options);
	memcpy(front.region[3].memory, queue->desc, SIZE * sizeof(struct vring_desc));
	queue->desc = (void *)front.region[3].memory;
	queue->avail = (void *)(front.region[1].memory + 2);
	queue->used = (void *)(front.region[2].memory + 4096 - 6 - SIZE * 8 - 2);
	front_queue_start(queue);
	check_requests("a ring's parts in three regions");
	front_close(&front);
}

/* Set queue 0 up at these addresses; 0, or what it was answered with. */
static int try_ring(uint64_t desc, uint64_t avail, uint64_t used)
{
	struct vhost_vring_state size = { .num = SIZE }, base = { 0 }, on = { .num = 1 };
	struct vhost_vring_addr addr = {
		.desc_user_addr = FRONT_USER_BASE + desc,
		.avail_user_addr = FRONT_USER_BASE + avail,
		.used_user_addr = FRONT_USER_BASE + used,
	};
	int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), err;
	uint64_t index = 0;

	err = front_acknowledged(&front, VHOST_USER_SET_VRING_NUM, &size, sizeof(size), NULL, 0);
	if (!err)
		err = front_acknowledged(&front, VHOST_USER_SET_VRING_BASE, &base, sizeof(base),
					 NULL, 0);
	if (!err)
		err = front_acknowledged(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr),
					 NULL, 0);
	if (!err)
		err = front_acknowledged(&front, VHOST_USER_SET_VRING_ENABLE, &on, sizeof(on), NULL,
					 0);
	if (!err)
		err = front_acknowledged(&front, VHOST_USER_SET_VRING_KICK, &index, sizeof(index),
					 &kick, 1);
	close(kick);
	return err;
}

static void refused(void)
{
	static const struct {
		const char *what, *said;
		uint64_t desc, avail, used;
	} rings[] = {
		{ "descriptors across two regions", "outside guest memory", HIGH + PIECE - 512, 0,
		  4096 },
		{ "a used ring across two regions", "outside guest memory", 0, 2048,
		  HIGH + PIECE - 256 },
		{ "an avail ring that leaves memory", "outside guest memory", 0,
		  HIGH + 2 * PIECE - 132, 4096 },
		{ "a ring nowhere", "outside guest memory", 1ULL << 45, 1ULL << 45, 1ULL << 45 },
		{ "descriptors at 8 bytes", "not aligned", 8, 4096, 8192 },
		{ "an avail ring at 1 byte", "not aligned", 0, 4097, 8192 },
		{ "a used ring at 2 bytes", "not aligned", 0, 4096, 8194 },
	};

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		open_without_queue();
		front_add_region(&front, HIGH, PIECE, 0);
		front_add_region(&front, HIGH + PIECE, PIECE, 0);
		front_send_table(&front);
		ok(try_ring(rings[i].desc, rings[i].avail, rings[i].used) &&
			   daemon_said(daemon_, rings[i].said),
		   "%s: refused, \"%s\"", rings[i].what, rings[i].said);
		front_close(&front);
	}
}

/* Bytes to guest memory, and from it, across regions. */
static void put(uint64_t gpa, const void *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		memcpy(front_at(&front, gpa + i), (const char *)from + i, 1);
}

static void get(uint64_t gpa, void *to, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		memcpy((char *)to + i, front_at(&front, gpa + i), 1);
}

/* A read whose parts lie there; its status. @table of 0: none. */
static uint8_t read_across(uint64_t header, uint64_t table, uint64_t data, uint32_t bytes,
			   uint64_t status)
{
	const struct virtio_blk_outhdr out = { .type = VIRTIO_BLK_T_IN, .sector = 8 };
	const struct vring_desc desc[] = {
		{ header, sizeof(out), VRING_DESC_F_NEXT, 1 },
		{ data, bytes, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 },
		{ status, 1, VRING_DESC_F_WRITE, 0 },
	};
	struct front_queue *queue = &front.queue[0];
	uint8_t result = 0xff;
	int head;

	put(header, &out, sizeof(out));
	put(status, &result, 1);
	head = queue->free_head;
	if (table) {
		put(table, desc, sizeof(desc));
		queue->free_head = queue->desc[head].next;
		queue->desc[head] = (struct vring_desc){ table, sizeof(desc), VRING_DESC_F_INDIRECT,
							 queue->free_head };
		queue->free_count--;
	} else {
		struct front_segment segments[3];

		for (int i = 0; i < 3; i++)
			segments[i] = (struct front_segment){ desc[i].addr, desc[i].len,
							      desc[i].flags & VRING_DESC_F_WRITE };
		head = front_add(queue, segments, 3, false);
	}
	front_avail(queue, (uint16_t)head);
	front_publish(queue);
	if (front_wait(queue, 20000, NULL) != head)
		die("another request came back than was sent");
	get(status, &result, 1);
	return result;
}

static bool has_pattern(uint64_t gpa, uint32_t bytes)
{
	char data[PIECES * PIECE];

	get(gpa, data, bytes);
	return is_pattern(data, 8 * 512, bytes);
}

/* The regions follow one another for the guest, and are anywhere for the device. */
static void across(void)
{
	struct front_options options = { .size = SIZE };
	const uint64_t end = HIGH + PIECES * PIECE;

	open_without_queue();
	for (uint64_t i = 0; i < PIECES; i++)
		front_add_region(&front, HIGH + i * PIECE, PIECE, i % 2 * 4096);
	front_send_table(&front);
	front_queue_init(&front, 0, &options);
	front_queue_start(&front.queue[0]);
	for (uint64_t table = 0; table <= HIGH + PIECE - 24; table += HIGH + PIECE - 24) {
		const char *how = table ? "in a table that is, too" : "in the ring";

		ok(!read_across(HIGH + 3 * PIECE - 5, table, HIGH + 64, 4096, HIGH + PIECE * 2) &&
			   has_pattern(HIGH + 64, 4096),
		   "a header across regions, %s", how);
		ok(!read_across(HIGH + 512, table, HIGH + 2 * PIECE - 1024, 4096, HIGH) &&
			   has_pattern(HIGH + 2 * PIECE - 1024, 4096),
		   "data across regions, %s", how);
		ok(!read_across(HIGH + 512, table, HIGH + 2 * PIECE - 3, 512, HIGH) &&
			   has_pattern(HIGH + 2 * PIECE - 3, 512),
		   "data of which three bytes are in the first region, %s", how);
		ok(!read_across(HIGH + 512, table, HIGH + 2 * PIECE - 512, PIECE * 2 + 1024,
				HIGH) &&
			   has_pattern(HIGH + 2 * PIECE - 512, PIECE * 2 + 1024),
		   "data across four regions, %s", how);
		ok(!read_across(HIGH + 4 * PIECE - 16, table, HIGH + 2 * PIECE, 4096,
				HIGH + 4 * PIECE) &&
			   has_pattern(HIGH + 2 * PIECE, 4096),
		   "a status byte behind its header, in another region, %s", how);
		ok(read_across(HIGH + 512, table, end - 1024, 4096, HIGH) == VIRTIO_BLK_S_IOERR,
		   "data that leave the last region: an error, %s", how);
	}
	front_close(&front);
}

/* How many of the daemon's io_urings have buffers registered, but for the one with single pages. */
static int rings_with_buffers(void)
{
	char directory[64], path[384], line[256];
	unsigned int buffers;
	int count = 0;
	DIR *files;

	snprintf(directory, sizeof(directory), "/proc/%d/fdinfo", daemon_->pid);
	files = opendir(directory);
	for (struct dirent *entry; files && (entry = readdir(files));) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			count += sscanf(line, "UserBufs: %u", &buffers) == 1 && buffers > 0 &&
				 buffers != GUEST_PAGES;
		if (file)
			fclose(file);
	}
	if (files)
		closedir(files);
	return count;
}

/* The ring that the memory is registered with, the worker's, and that of BPF. */
static void registered(void)
{
	struct front_options options = { .size = SIZE, .socket = daemon_->socket };
	int wanted = strcmp(engine(), "worker") ? 3 : 2, count = 0;

	front_open(&front, &options);
	/* A ring tells nothing while the kernel is busy with it. */
	for (int i = 0; i < 300 && (count = rings_with_buffers()) != wanted; i++)
		usleep(10000);
	ok(count == wanted, "%d rings have guest memory registered, of %d", count, wanted);
	front_close(&front);
	for (int i = 0; i < 300 && (count = rings_with_buffers()); i++)
		usleep(10000);
	ok(!count, "without a front-end none has");
}

static void everywhere(struct daemon *daemon, const char *options)
{
	daemon_ = daemon;
	daemon_start(daemon_, IMAGE, options);
	across();
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		ring_at(&places[i]);
	scattered();
	refused();
	if (strstr(options, "pin"))
		registered();
	ok(daemon_end(daemon_) == 0 && !daemon_counter(daemon_, "stray"), "%s: it ends well",
	   options);
}

int main(void)
{
	everywhere(&daemons[0], "--queues 1");
	everywhere(&daemons[1], "--queues 1 --pin-memory");
	return done();
}
