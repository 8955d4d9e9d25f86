// SPDX-License-Identifier: GPL-2.0-only
#include "hostile.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RING_SIZE  64
#define AREA	   0x10000ULL /* of the region: requests; rings are before */
#define HEADER	   (AREA + 0x0000)
#define STATUS	   (AREA + 0x0010)
#define TABLE	   (AREA + 0x1000)
#define DATA	   (AREA + 0x2000)
#define DATA_BYTES 0x8000U
#define PAGE	   4096
#define REPORT_MS  10000 /* the machine may be busy */
#define GRACE_MS   3	 /* for what may break the queue or not */
#define SCRIBBLES  2000
#define PART	   4096 /* sectors at the start of its part that are written for no reason */

#define BREAKS (1U << 0) /* the queue has to be stopped for it */
#define SPOILS (1U << 1) /* the ring is of no use any more */
#define JUDGED (1U << 2) /* by its answer: nothing else is to be under way */

struct attack {
	const char *name;
	uint32_t flags;
	void (*run)(struct hostile *hostile);
};

uint64_t hostile_random(struct hostile *hostile)
{
	hostile->random ^= hostile->random << 13;
	hostile->random ^= hostile->random >> 7;
	hostile->random ^= hostile->random << 17;
	return hostile->random;
}

static uint64_t at(uint64_t offset)
{
	return HOSTILE_GPA + offset;
}

static void *memory(struct hostile *hostile, uint64_t offset)
{
	return hostile->front->region[hostile->region].memory + offset;
}

/* Outside guest memory, or where a region ends. */
static uint64_t bad_address(struct hostile *hostile)
{
	const uint64_t addresses[] = {
		hostile_random(hostile) | 1ULL << 50,
		~0ULL,
		~0ULL - hostile_random(hostile) % 65536,
		HOSTILE_GPA - 1,
		HOSTILE_GPA + HOSTILE_BYTES,
		HOSTILE_GPA + HOSTILE_BYTES - 1,
		1ULL << 63,
	};

	return addresses[hostile_random(hostile) % (sizeof(addresses) / sizeof(addresses[0]))];
}

/* Not on the disk, whatever the length, or across its end. */
static uint64_t bad_sector(struct hostile *hostile)
{
	const uint64_t sectors[] = {
		hostile->capacity,
		hostile->capacity - 1,
		hostile->capacity + hostile_random(hostile) % 65536,
		~0ULL,
		~0ULL - hostile_random(hostile) % 65536,
		1ULL << 55,
		(1ULL << 55) - 1,
		hostile_random(hostile) | 1ULL << 40,
	};

	return sectors[hostile_random(hostile) % (sizeof(sectors) / sizeof(sectors[0]))];
}

static uint64_t own_sector(struct hostile *hostile)
{
	return hostile->sector + hostile_random(hostile) % PART;
}

static void put_header(struct hostile *hostile, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr *header = memory(hostile, HEADER);

	*header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	*(uint8_t *)memory(hostile, STATUS) = 0xff;
}

/* Header, data, status, as a sane driver lays them out, from @index on. */
static void put_chain(struct vring_desc *desc, uint16_t index, bool in, uint32_t bytes)
{
	const uint16_t write = VRING_DESC_F_WRITE, next = VRING_DESC_F_NEXT;

	desc[index] = (struct vring_desc){ at(HEADER), 16, next, index + 1 };
	desc[index + 1] = (struct vring_desc){ at(DATA), bytes, (uint16_t)(next | (in ? write : 0)),
					       index + 2 };
	desc[index + 2] = (struct vring_desc){ at(STATUS), 1, write, 0 };
}

static void publish(struct hostile *hostile, uint16_t head)
{
	front_avail(hostile->queue, head);
	front_publish(hostile->queue);
}

/* A request that looks sane; in the ring, or in a table. */
static void send(struct hostile *hostile, uint32_t type, uint64_t sector, uint32_t bytes)
{
	bool in = type == VIRTIO_BLK_T_IN;

	put_header(hostile, type, sector);
	put_chain(hostile->queue->desc, 0, in, bytes);
	if (hostile_random(hostile) & 1) {
		put_chain(memory(hostile, TABLE), 0, in, bytes);
		hostile->queue->desc[0] =
			(struct vring_desc){ at(TABLE), 3 * sizeof(struct vring_desc),
					     VRING_DESC_F_INDIRECT, 0 };
	}
	publish(hostile, 0);
}

static bool readable(int fd, int ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, ms) == 1;
}

/* What was sent comes back with an error, or the device took it for good. */
static void must_refuse(struct hostile *hostile)
{
	for (int ms = 0; ms < REPORT_MS; ms++) {
		if (*(volatile uint8_t *)memory(hostile, STATUS) != 0xff) {
			hostile->answered++;
			hostile->accepted += !*(volatile uint8_t *)memory(hostile, STATUS);
			return;
		}
		if (readable(hostile->queue->err_fd, 1))
			return;
	}
	hostile->unreported++;
}

static void garbage(struct hostile *hostile)
{
	struct front_queue *queue = hostile->queue;
	uint64_t *words = (uint64_t *)queue->desc;

	for (uint32_t i = 0; i < queue->size * 2U; i += 2) {
		words[i] = hostile_random(hostile) | 1ULL << 50;
		words[i + 1] = hostile_random(hostile);
	}
	for (uint32_t i = 0; i < 8; i++)
		front_avail(queue, (uint16_t)(hostile_random(hostile) % (queue->size + 2U)));
	front_publish(queue);
}

static void mutation(struct hostile *hostile)
{
	struct front_queue *queue = hostile->queue;
	uint32_t type = hostile_random(hostile) % 16;
	struct vring_desc *desc = queue->desc;

	put_header(hostile, type, own_sector(hostile));
	put_chain(desc, 0, hostile_random(hostile) & 1, 4096);
	if (hostile_random(hostile) & 1) {
		desc = memory(hostile, TABLE);
		put_chain(desc, 0, hostile_random(hostile) & 1, 4096);
		queue->desc[0] = (struct vring_desc){ at(TABLE), 3 * sizeof(*desc),
						      VRING_DESC_F_INDIRECT, 0 };
	}
	desc += hostile_random(hostile) % 3;
	switch (hostile_random(hostile) % 4) {
	case 0:
		desc->addr = bad_address(hostile);
		break;
	case 1:
		desc->len = (uint32_t)(hostile_random(hostile) % 5 ? hostile_random(hostile) % 40
								   : UINT32_MAX);
		break;
	case 2:
		desc->flags = (uint16_t)hostile_random(hostile);
		break;
	default:
		desc->next = (uint16_t)hostile_random(hostile);
	}
	publish(hostile, 0);
}

static void ring_loop(struct hostile *hostile)
{
	put_header(hostile, VIRTIO_BLK_T_IN, own_sector(hostile));
	put_chain(hostile->queue->desc, 0, true, 512);
	hostile->queue->desc[1].next = 1;
	publish(hostile, 0);
}

static void table_loop(struct hostile *hostile)
{
	struct vring_desc *table = memory(hostile, TABLE);

	put_chain(table, 0, true, 512);
	table[1].next = 1;
	hostile->queue->desc[0] =
		(struct vring_desc){ at(TABLE), 3 * sizeof(*table), VRING_DESC_F_INDIRECT, 0 };
	publish(hostile, 0);
}

static void table_in_table(struct hostile *hostile)
{
	struct vring_desc *table = memory(hostile, TABLE);

	put_chain(table, 0, true, 512);
	table[1] = (struct vring_desc){ at(TABLE), 32, VRING_DESC_F_INDIRECT, 0 };
	hostile->queue->desc[0] =
		(struct vring_desc){ at(TABLE), 3 * sizeof(*table), VRING_DESC_F_INDIRECT, 0 };
	publish(hostile, 0);
}

static void avail_jump(struct hostile *hostile)
{
	struct front_queue *queue = hostile->queue;

	queue->avail_idx += (uint16_t)(queue->size + 1U + hostile_random(hostile) % 30000);
	front_publish(queue);
}

static void bad_head(struct hostile *hostile)
{
	publish(hostile, (uint16_t)(RING_SIZE + hostile_random(hostile) % 60000));
}

static void head_twice(struct hostile *hostile)
{
	put_header(hostile, VIRTIO_BLK_T_IN, own_sector(hostile));
	put_chain(hostile->queue->desc, 0, true, 4096);
	for (int i = 0; i < RING_SIZE; i++)
		front_avail(hostile->queue, 0);
	front_publish(hostile->queue);
}

static void off_the_disk(struct hostile *hostile)
{
	send(hostile, hostile_random(hostile) & 1 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
	     bad_sector(hostile), 4096);
	must_refuse(hostile);
}

static void bad_range(struct hostile *hostile)
{
	struct virtio_blk_discard_write_zeroes *range = memory(hostile, DATA);

	*range = (struct virtio_blk_discard_write_zeroes){
		.sector = bad_sector(hostile),
		.num_sectors = (uint32_t)hostile_random(hostile) | 2,
	};
	send(hostile,
	     hostile_random(hostile) & 1 ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES, 0,
	     sizeof(*range));
	must_refuse(hostile);
}

static void out_of_memory(struct hostile *hostile)
{
	put_header(hostile, hostile_random(hostile) & 1, own_sector(hostile));
	put_chain(hostile->queue->desc, 0, hostile_random(hostile) & 1, 4096);
	hostile->queue->desc[1].addr = bad_address(hostile);
	publish(hostile, 0);
	must_refuse(hostile);
}

/* The device is told to read into what it is looking at. */
static void into_the_ring(struct hostile *hostile)
{
	struct front_queue *queue = hostile->queue;
	void *parts[] = { queue->desc, queue->avail, queue->used, memory(hostile, HEADER),
			  memory(hostile, TABLE) };

	put_header(hostile, VIRTIO_BLK_T_IN, own_sector(hostile));
	for (uint16_t i = 0; i < 30; i += 3) {
		put_chain(queue->desc, i, true, 512);
		queue->desc[i + 1].addr = front_gpa(hostile->front, parts[i % 5]);
		front_avail(queue, i);
	}
	front_publish(queue);
}

/* Requests that change while they are looked at. */
static void scribble(struct hostile *hostile)
{
	volatile uint64_t *header = memory(hostile, HEADER);
	volatile struct vring_desc *desc = hostile->queue->desc;
	volatile struct vring_desc *table = memory(hostile, TABLE);

	put_header(hostile, VIRTIO_BLK_T_OUT, own_sector(hostile));
	for (uint16_t i = 0; i + 2 < RING_SIZE; i += 3) {
		put_chain(hostile->queue->desc, i, hostile_random(hostile) & 1, 4096);
		front_avail(hostile->queue, i);
	}
	front_publish(hostile->queue);
	for (int i = 0; i < SCRIBBLES; i++) {
		uint64_t random = hostile_random(hostile);

		header[0] = random % 16;
		header[1] = random & 16 ? own_sector(hostile) : bad_sector(hostile);
		desc[random % RING_SIZE].len = (uint32_t)(random >> 8) % 9000;
		desc[random % RING_SIZE].addr =
			random & 32 ? bad_address(hostile) : at(DATA + random % 4096);
		desc[random % RING_SIZE].flags = (uint16_t)(random >> 40) & 7;
		table[random % 3].flags = (uint16_t)(random >> 48) & 7;
		table[random % 3].next = (uint16_t)(random >> 56) & 7;
	}
}

static void hole(struct hostile *hostile, uint64_t offset, uint64_t bytes)
{
	const struct front_region *region = &hostile->front->region[hostile->region];

	if (fallocate(region->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(region->offset + offset), (off_t)bytes))
		die("no hole in memory: %m");
}

static void hole_under_requests(struct hostile *hostile)
{
	for (int i = 0; i < 20; i++) {
		put_header(hostile, VIRTIO_BLK_T_IN, own_sector(hostile));
		put_chain(hostile->queue->desc, (uint16_t)(i * 3), true, 4096);
		publish(hostile, (uint16_t)(i * 3));
		hole(hostile, AREA, HOSTILE_BYTES - AREA);
	}
}

static void hole_under_ring(struct hostile *hostile)
{
	for (int i = 0; i < 20; i++) {
		put_header(hostile, VIRTIO_BLK_T_IN, own_sector(hostile));
		put_chain(hostile->queue->desc, (uint16_t)(i * 3), true, 4096);
		publish(hostile, (uint16_t)(i * 3));
		if (i % 4 == 3)
			hole(hostile, 0, AREA);
	}
}

static const struct attack attacks[] = {
	{ "garbage", 0, garbage },
	{ "mutation", 0, mutation },
	{ "a loop in the ring", BREAKS, ring_loop },
	{ "a loop in a table", BREAKS, table_loop },
	{ "a table in a table", BREAKS, table_in_table },
	{ "an avail index that jumps", BREAKS, avail_jump },
	{ "a head that is none", BREAKS, bad_head },
	{ "a head many times", 0, head_twice },
	{ "sectors off the disk", JUDGED, off_the_disk },
	{ "ranges off the disk", JUDGED, bad_range },
	{ "data outside memory", JUDGED, out_of_memory },
	{ "reads into the ring", SPOILS, into_the_ring },
	{ "requests that change", 0, scribble },
	{ "holes under requests", 0, hole_under_requests },
	{ "holes under the ring", SPOILS, hole_under_ring },
};

static uint16_t used_idx(const struct hostile *hostile)
{
	return *(volatile uint16_t *)&hostile->queue->used->idx;
}

void hostile_reset(struct hostile *hostile)
{
	front_queue_stop(hostile->queue);
	front_queue_free(hostile->queue);
	front_alloc_in(hostile->front, hostile->region, 0);
	front_queue_init(hostile->front, hostile->queue->index, &hostile->open);
	front_queue_start(hostile->queue);
}

void hostile_init(struct hostile *hostile, struct front *front, uint32_t queue,
		  const struct front_options *open)
{
	struct virtio_blk_config config;

	front_config(front, &config);
	*hostile = (struct hostile){
		.front = front,
		.queue = &front->queue[queue],
		.region = front->regions - 1,
		.open = *open,
		.capacity = config.capacity,
		.random = 88172645463325252ULL,
	};
	hostile->open.size = RING_SIZE;
	hostile_reset(hostile);
}

uint32_t hostile_kinds(void)
{
	return sizeof(attacks) / sizeof(attacks[0]);
}

void hostile_attack(struct hostile *hostile, uint32_t kind)
{
	const struct attack *attack = &attacks[kind];
	bool reported;

	hostile->attacks++;
	if (attack->flags & JUDGED && used_idx(hostile) != hostile->queue->avail_idx)
		hostile_reset(hostile);
	attack->run(hostile);
	reported = readable(hostile->queue->err_fd, attack->flags & BREAKS ? REPORT_MS : GRACE_MS);
	hostile->broken += reported;
	if (attack->flags & BREAKS && !reported && !hostile->unreported++)
		printf("# %s: not reported in %d ms\n", attack->name, REPORT_MS);
	if (reported || attack->flags & SPOILS || hostile_random(hostile) % 8 == 0)
		hostile_reset(hostile);
}
