// SPDX-License-Identifier: GPL-2.0-only
/* Every request type, in the plain shape and in odd ones; what the image then holds. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "front.h"

#define IMAGE	(32ULL << 20)
#define SECTORS (IMAGE / 512)

static struct daemon daemon_;
static struct front front;
static struct front_queue *queue;
static struct front_request request;

static bool image_is(uint64_t offset, const char *data, uint32_t bytes)
{
	char *have = malloc(bytes);
	bool same;

	image_read(&daemon_, offset, have, bytes);
	same = !memcmp(have, data, bytes);
	free(have);
	return same;
}

static void fill(char *data, uint32_t bytes, uint32_t seed)
{
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (char)(seed + i * 13 + (i >> 9));
}

static void transfers(void)
{
	static const uint32_t sizes[] = { 512, 4096, 12288, 65536, 1 << 20, 3 << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t bytes = sizes[i];

		memset(request.data, 0, bytes);
		ok(!front_do(queue, &request, VIRTIO_BLK_T_IN, 64, bytes) &&
			   is_pattern(request.data, 64 * 512, bytes),
		   "read of %u bytes", bytes);
		fill(request.data, bytes, bytes);
		ok(!front_do(queue, &request, VIRTIO_BLK_T_OUT, 16384, bytes) &&
			   image_is(16384 * 512, request.data, bytes),
		   "write of %u bytes", bytes);
	}
	ok(!front_do(queue, &request, VIRTIO_BLK_T_IN, SECTORS - 1, 512) &&
		   is_pattern(request.data, IMAGE - 512, 512),
	   "the last sector is read");
	ok(!front_do(queue, &request, VIRTIO_BLK_T_FLUSH, 0, 0), "flush");
}

static void id(void)
{
	memset(request.data, 0x55, 64);
	ok(!front_do(queue, &request, VIRTIO_BLK_T_GET_ID, 0, 20) &&
		   !memcmp(request.data, "test-disk\0\0\0\0\0\0\0\0\0\0\0", 20),
	   "GET_ID");
	memset(request.data, 0x55, 64);
	ok(!front_do(queue, &request, VIRTIO_BLK_T_GET_ID, 0, 4) &&
		   !memcmp(request.data, "test\x55", 5),
	   "GET_ID into four bytes writes four");
}

static void refused(void)
{
	static const struct {
		const char *what;
		uint32_t type;
		uint64_t sector;
		uint32_t bytes;
		uint8_t status;
	} cases[] = {
		{ "a read behind the end", VIRTIO_BLK_T_IN, SECTORS, 512, VIRTIO_BLK_S_IOERR },
		{ "a read across the end", VIRTIO_BLK_T_IN, SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR },
		{ "a write behind the end", VIRTIO_BLK_T_OUT, SECTORS, 512, VIRTIO_BLK_S_IOERR },
		{ "a sector that wraps", VIRTIO_BLK_T_OUT, ~0ULL, 512, VIRTIO_BLK_S_IOERR },
		{ "a sector that wraps as bytes", VIRTIO_BLK_T_OUT, 1ULL << 55, 512,
		  VIRTIO_BLK_S_IOERR },
		{ "half a sector", VIRTIO_BLK_T_IN, 0, 256, VIRTIO_BLK_S_IOERR },
		{ "an unknown type", 77, 0, 512, VIRTIO_BLK_S_UNSUPP },
		{ "a zone report", 16 /* VIRTIO_BLK_T_ZONE_REPORT */, 0, 512, VIRTIO_BLK_S_UNSUPP },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(front_do(queue, &request, cases[i].type, cases[i].sector, cases[i].bytes) ==
			   cases[i].status,
		   "%s is refused with status %u", cases[i].what, cases[i].status);
	ok(!front_do(queue, &request, VIRTIO_BLK_T_IN, 0, 0), "a read of nothing is no error");
}

static void ranges(void)
{
	struct virtio_blk_discard_write_zeroes *range = (void *)request.data;
	static char zeroes[65536];

	*range = (struct virtio_blk_discard_write_zeroes){ .sector = 4096, .num_sectors = 128 };
	ok(!front_do(queue, &request, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16) &&
		   image_is(4096 * 512, zeroes, 65536),
	   "WRITE_ZEROES");
	range[0] = (struct virtio_blk_discard_write_zeroes){ .sector = 8192, .num_sectors = 8 };
	range[1] = (struct virtio_blk_discard_write_zeroes){
		.sector = 8320, .num_sectors = 16, .flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
	};
	ok(!front_do(queue, &request, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32) &&
		   image_is(8192 * 512, zeroes, 4096) && image_is(8320 * 512, zeroes, 8192),
	   "WRITE_ZEROES of two ranges, one to be unmapped");
	*range = (struct virtio_blk_discard_write_zeroes){ .sector = 10240, .num_sectors = 128 };
	ok(!front_do(queue, &request, VIRTIO_BLK_T_DISCARD, 0, 16), "DISCARD");
	range->sector = SECTORS - 8;
	ok(front_do(queue, &request, VIRTIO_BLK_T_DISCARD, 0, 16) == VIRTIO_BLK_S_IOERR,
	   "DISCARD across the end is refused");
	*range = (struct virtio_blk_discard_write_zeroes){ .sector = 0,
							   .num_sectors = 8,
							   .flags = 1 };
	ok(front_do(queue, &request, VIRTIO_BLK_T_DISCARD, 0, 16) == VIRTIO_BLK_S_UNSUPP,
	   "DISCARD with a flag is unsupported");
	range->flags = 2;
	ok(front_do(queue, &request, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16) == VIRTIO_BLK_S_UNSUPP,
	   "WRITE_ZEROES with an unknown flag is unsupported");
	ok(front_do(queue, &request, VIRTIO_BLK_T_DISCARD, 0, 15) == VIRTIO_BLK_S_IOERR,
	   "a range cut short is refused");
	image_read(&daemon_, 0, zeroes, 4096);
	ok(is_pattern(zeroes, 0, 4096), "what was refused left the disk alone");
}

/* A read in the given segments of request.data, header and status as in the plain shape. */
static uint8_t shaped(const struct front_segment *segments, uint32_t count, uint32_t type,
		      uint64_t sector, bool indirect)
{
	return front_do_segments(queue, &request, type, sector, segments, count, indirect);
}

static void shapes(bool indirect)
{
	uint64_t header = front_gpa(&front, request.header), data = request.data_gpa;
	uint64_t status = front_gpa(&front, request.status);
	const char *how = indirect ? "indirect" : "direct";
	struct front_segment many[260] = { { header, 16, false } };
	uint32_t count = 1, odd = 0;

	memset(request.data, 0, 8192);
	ok(!shaped((struct front_segment[]){ { header, 1, false },
					     { header + 1, 7, false },
					     { header + 8, 8, false },
					     { data, 4096, true },
					     { status, 1, true } },
		   5, VIRTIO_BLK_T_IN, 8, indirect) &&
		   is_pattern(request.data, 4096, 4096),
	   "%s: header in three pieces", how);
	memset(request.data, 0, 8192);
	ok(!shaped((struct front_segment[]){ { header, 16, false },
					     { data + 4096, 512, true },
					     { data, 3584, true },
					     { status, 1, true } },
		   4, VIRTIO_BLK_T_IN, 8, indirect) &&
		   is_pattern(request.data + 4096, 4096, 512) &&
		   is_pattern(request.data, 4608, 3584),
	   "%s: data in two segments, out of order", how);
	memset(request.data, 0, 8192);
	request.data[512] = 0x77;
	ok(shaped((struct front_segment[]){ { header, 16, false }, { data, 513, true } }, 2,
		  VIRTIO_BLK_T_IN, 8, indirect) == 0xff &&
		   !request.data[512] && is_pattern(request.data, 4096, 512),
	   "%s: data and status in one descriptor", how);
	memcpy(request.data, &(struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_OUT, .sector = 24 },
	       16);
	fill(request.data + 16, 1024, 99);
	ok(!shaped((struct front_segment[]){ { data, 16 + 1024, false }, { status, 1, true } }, 2,
		   VIRTIO_BLK_T_OUT, 24, indirect) &&
		   image_is(24 * 512, request.data + 16, 1024),
	   "%s: header and data in one descriptor", how);
	memset(request.data, 0, 4096);
	/* Segments of 1, 2, 3, ... bytes, 512 * 20 in all */
	for (uint32_t left = 10240; left && count < 250; count++) {
		uint32_t now = count < 200 ? 1 + count % 80 : left;

		now = now < left ? now : left;
		many[count] = (struct front_segment){ data + odd, now, true };
		odd += now;
		left -= now;
	}
	many[count++] = (struct front_segment){ status, 1, true };
	if (indirect || count < queue->size)
		ok(!shaped(many, count, VIRTIO_BLK_T_IN, 64, indirect) &&
			   is_pattern(request.data, 64 * 512, odd),
		   "%s: %u odd segments", how, count);
	memset(request.data, 0, 8192);
	ok(!shaped((struct front_segment[]){ { header, 16, false },
					     { data + 3, 4096, true },
					     { status, 1, true } },
		   3, VIRTIO_BLK_T_IN, 8, indirect) &&
		   is_pattern(request.data + 3, 4096, 4096),
	   "%s: a buffer O_DIRECT would refuse", how);
	fill(request.data + 5, 4096, 7);
	ok(!shaped((struct front_segment[]){ { header, 16, false },
					     { data + 5, 4096, false },
					     { status, 1, true } },
		   3, VIRTIO_BLK_T_OUT, 32, indirect) &&
		   image_is(32 * 512, request.data + 5, 4096),
	   "%s: the same, written", how);
	ok(shaped((struct front_segment[]){ { header, 16, false },
					    { 1ULL << 40, 4096, true },
					    { status, 1, true } },
		  3, VIRTIO_BLK_T_IN, 8, indirect) == VIRTIO_BLK_S_IOERR,
	   "%s: data outside guest memory is an I/O error", how);
	ok(shaped((struct front_segment[]){ { header, 16, false },
					    { (16ULL << 20) - 512, 4096, true },
					    { status, 1, true } },
		  3, VIRTIO_BLK_T_IN, 8, indirect) == VIRTIO_BLK_S_IOERR,
	   "%s: so is data that leaves it", how);
}

/* Many at a time, each to its own place, checked against the image. */
static void crowd(void)
{
	enum { COUNT = 40 };
	struct front_request each[COUNT];
	int back = 0, good = 0;

	for (int i = 0; i < COUNT; i++) {
		front_request_init(&front, &each[i], 4096);
		fill(each[i].data, 4096, (uint32_t)i * 1000);
	}
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < COUNT; i++) {
			*each[i].status = 0xff;
			front_start(queue, &each[i], VIRTIO_BLK_T_OUT,
				    40960 + (uint64_t)((i * 7 + round) % COUNT) * 8, 4096, false);
		}
		for (back = 0; back < COUNT; back++)
			front_wait(queue, 10000, NULL);
		for (int i = 0; i < COUNT; i++)
			good += !*each[i].status;
	}
	ok(good == COUNT * 200, "%d writes, %d at a time, all succeed", COUNT * 200, COUNT);
	good = 0;
	for (int i = 0; i < COUNT; i++)
		good += image_is((40960 + (uint64_t)((i * 7 + 199) % COUNT) * 8) * 512,
				 each[i].data, 4096);
	ok(good == COUNT, "and the image holds the last of each");
}

int main(void)
{
	struct front_options options = { .size = 256 };
	uint64_t taken, given;

	daemon_start(&daemon_, IMAGE, "--serial test-disk");
	options.socket = daemon_.socket;
	front_open(&front, &options);
	queue = &front.queue[0];
	front_request_init(&front, &request, 3 << 20);
	transfers();
	id();
	refused();
	ranges();
	shapes(false);
	shapes(true);
	crowd();
	front_close(&front);
	ok(daemon_end(&daemon_) == 0, "the daemon ends well");
	taken = daemon_counter(&daemon_, "requests");
	given = daemon_counter(&daemon_, "completed");
	ok(taken == given && taken > 8000, "%llu requests taken, %llu given back",
	   (unsigned long long)taken, (unsigned long long)given);
	return done();
}
