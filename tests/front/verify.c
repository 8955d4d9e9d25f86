// SPDX-License-Identifier: GPL-2.0-only
#include "verify.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define STUCK_MS   15000
#define CATCH_UP_S 0.5
#define BLOCK_SKEW 512 /* most that odd data are moved by */
#define WORDS	   (VERIFY_BLOCK / sizeof(uint64_t))
#define ID_BYTES   20

uint64_t verify_part(uint32_t blocks)
{
	static uint64_t next;
	uint64_t sector = next;

	next += (uint64_t)blocks * (VERIFY_BLOCK / 512);
	return sector;
}

void verify_init(struct verify *verify, struct front_queue *queue,
		 const struct verify_options *options)
{
	uint32_t depth = options->depth;

	*verify = (struct verify){
		.options = *options,
		.queue = queue,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.version = calloc(options->blocks, sizeof(verify->version[0])),
		.busy = calloc(options->blocks, sizeof(verify->busy[0])),
		.slots = calloc(depth, sizeof(verify->slots[0])),
		.free = calloc(depth, sizeof(verify->free[0])),
		.random = 88172645463325252ULL + options->sector * 2 + queue->index,
	};
	if (!verify->version || !verify->busy || !verify->slots || !verify->free)
		die("no memory");
	for (uint32_t i = 0; i < depth; i++) {
		front_request_init(queue->front, &verify->slots[i].request,
				   VERIFY_BLOCK + BLOCK_SKEW);
		verify->free[verify->free_count++] = (uint16_t)i;
	}
}

void verify_free(struct verify *verify)
{
	free(verify->version);
	free(verify->busy);
	free(verify->slots);
	free(verify->free);
}

static uint64_t next_random(struct verify *verify)
{
	verify->random ^= verify->random << 13;
	verify->random ^= verify->random >> 7;
	verify->random ^= verify->random << 17;
	return verify->random;
}

static uint64_t sector_of(const struct verify *verify, uint32_t block)
{
	return verify->options.sector + (uint64_t)block * (VERIFY_BLOCK / 512);
}

/* What the first word of a version of a block is; the others count up from it. */
static uint64_t first_word(const struct verify *verify, uint32_t block)
{
	uint64_t at = verify->options.offset / 512 + sector_of(verify, block);

	return (at << 32 | verify->version[block]) * 0x9e3779b97f4a7c15ULL;
}

/* Data may lie at any address, which memcpy() does not mind. */
static void fill(const struct verify *verify, uint32_t block, char *data)
{
	uint64_t words[WORDS], word = first_word(verify, block);

	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = word + i;
	memcpy(data, words, VERIFY_BLOCK);
}

static bool is_right(const struct verify *verify, uint32_t block, const char *data)
{
	uint64_t words[WORDS], word = first_word(verify, block), different = 0;

	if (!verify->version[block])
		return is_pattern(data, verify->options.offset + sector_of(verify, block) * 512,
				  VERIFY_BLOCK);
	memcpy(words, data, VERIFY_BLOCK);
	for (uint32_t i = 0; i < WORDS; i++)
		different |= words[i] ^ (word + i);
	return !different;
}

/* A block nobody is at; there are more blocks than requests. */
static uint32_t take_block(struct verify *verify)
{
	uint32_t block = (uint32_t)(next_random(verify) % verify->options.blocks);

	while (verify->busy[block])
		block = (block + 1) % verify->options.blocks;
	verify->busy[block] = true;
	return block;
}

static uint32_t choose_type(struct verify *verify)
{
	uint64_t dice = next_random(verify) >> 32;

	if (verify->options.odd && dice % 64 == 0)
		return VIRTIO_BLK_T_FLUSH;
	if (verify->options.odd && dice % 64 == 1)
		return VIRTIO_BLK_T_GET_ID;
	return dice % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT;
}

static uint32_t data_bytes(const struct verify_slot *slot)
{
	return slot->type == VIRTIO_BLK_T_FLUSH	   ? 0
	       : slot->type == VIRTIO_BLK_T_GET_ID ? ID_BYTES
						   : VERIFY_BLOCK;
}

/* The data in one piece or, when they are odd, perhaps in two. */
static uint16_t add(struct verify *verify, struct verify_slot *slot)
{
	const struct front_request *request = &slot->request;
	struct front *front = verify->queue->front;
	uint32_t bytes = data_bytes(slot), count = 0;
	uint32_t cut = verify->options.odd && next_random(verify) % 8 == 0 ? bytes / 4 : 0;
	bool in = slot->type == VIRTIO_BLK_T_IN || slot->type == VIRTIO_BLK_T_GET_ID;
	uint64_t data = request->data_gpa + slot->skew;
	struct front_segment segments[FRONT_TABLE];

	segments[count++] = (struct front_segment){ front_gpa(front, request->header),
						    sizeof(*request->header), false };
	if (cut)
		segments[count++] = (struct front_segment){ data, cut, in };
	if (bytes)
		segments[count++] = (struct front_segment){ data + cut, bytes - cut, in };
	segments[count++] = (struct front_segment){ front_gpa(front, request->status), 1, true };
	return front_add_table(verify->queue, request->table, segments, count);
}

static void send(struct verify *verify)
{
	uint16_t i = verify->free[--verify->free_count];
	struct verify_slot *slot = &verify->slots[i];
	struct front_request *request = &slot->request;
	uint16_t head;

	slot->type = choose_type(verify);
	slot->block = take_block(verify);
	slot->skew = verify->options.odd && next_random(verify) % 16 == 0 ? 3 : 0;
	*request->header = (struct virtio_blk_outhdr){ .type = slot->type,
						       .sector = sector_of(verify, slot->block) };
	/* Linux leaves the byte as it was: mostly OK. */
	if (next_random(verify) % 8 == 0)
		*request->status = 0xff;
	if (slot->type == VIRTIO_BLK_T_OUT) {
		verify->version[slot->block]++;
		fill(verify, slot->block, request->data + slot->skew);
	} else {
		for (uint32_t at = 0; at < VERIFY_BLOCK; at += 512)
			memset(request->data + slot->skew + at, 0x5a, 8);
	}
	head = add(verify, slot);
	verify->slot_of[head] = i;
	front_avail(verify->queue, head);
}

static void take(struct verify *verify, uint16_t head)
{
	struct verify_slot *slot = &verify->slots[verify->slot_of[head]];
	const struct front_request *request = &slot->request;

	verify->done++;
	if (*request->status) {
		if (!verify->failed++)
			printf("# block %u: type %u ended with status %u\n", slot->block,
			       slot->type, *request->status);
	} else if (slot->type == VIRTIO_BLK_T_IN &&
		   !is_right(verify, slot->block, request->data + slot->skew)) {
		if (!verify->wrong++)
			printf("# queue %u: block %u, version %u: other bytes were read\n",
			       verify->queue->index, slot->block, verify->version[slot->block]);
	}
	verify->busy[slot->block] = false;
	verify->free[verify->free_count++] = verify->slot_of[head];
}

/* Whether another request may be sent now, which is then counted on. */
static bool due(struct verify *verify)
{
	double now;

	if (!verify->options.rate)
		return true;
	now = front_now();
	if (now < verify->next)
		return false;
	verify->next += 1.0 / verify->options.rate;
	if (verify->next < now - CATCH_UP_S)
		verify->next = now - CATCH_UP_S;
	return true;
}

static bool send_all(struct verify *verify)
{
	bool any = false;

	while (!verify->stop && verify->free_count && due(verify)) {
		send(verify);
		any = true;
	}
	return any;
}

bool verify_turn(struct verify *verify)
{
	struct front_queue *queue = verify->queue;
	bool any = false, kick = false;
	int head;

	pthread_mutex_lock(&verify->lock);
	while ((head = front_poll(queue, NULL)) >= 0) {
		take(verify, (uint16_t)head);
		any = true;
	}
	if (send_all(verify)) {
		any = true;
		kick = front_expose(queue);
	}
	kick |= verify->options.odd && any && next_random(verify) % 4 == 0;
	pthread_mutex_unlock(&verify->lock);
	if (kick)
		front_kick(queue);
	return any;
}

static uint32_t in_flight(const struct verify *verify)
{
	return verify->options.depth - verify->free_count;
}

/* True when something came back meanwhile. */
static bool arm(struct verify *verify)
{
	bool came;

	pthread_mutex_lock(&verify->lock);
	came = front_arm(verify->queue);
	pthread_mutex_unlock(&verify->lock);
	return came;
}

static void stuck(struct verify *verify)
{
	struct front_queue *queue = verify->queue;

	pthread_mutex_lock(&verify->lock);
	if (in_flight(verify))
		die("queue %u: %s in %d ms; %u under way, avail %u, used %u, seen %u", queue->index,
		    queue->used->idx == queue->last_used ? "nothing came back" : "no interrupt",
		    STUCK_MS, in_flight(verify), queue->avail_idx, queue->used->idx,
		    queue->last_used);
	pthread_mutex_unlock(&verify->lock);
}

void verify_wait(struct verify *verify, uint32_t count, int ms)
{
	struct pollfd fds[FRONT_QUEUES_MAX];
	eventfd_t value;
	int ready;

	for (uint32_t i = 0; i < count; i++) {
		fds[i] = (struct pollfd){ .fd = verify[i].queue->call_fd, .events = POLLIN };
		if (arm(&verify[i]))
			return;
	}
	ready = poll(fds, count, ms < 0 ? STUCK_MS : ms);
	for (uint32_t i = 0; i < count; i++) {
		if (fds[i].revents & POLLIN)
			eventfd_read(fds[i].fd, &value);
		else if (!ready && ms < 0)
			stuck(&verify[i]);
	}
}

void verify_finish(struct verify *verify, uint32_t count)
{
	uint32_t left;

	for (uint32_t i = 0; i < count; i++)
		verify[i].stop = true;
	do {
		bool any = false;

		left = 0;
		for (uint32_t i = 0; i < count; i++) {
			any |= verify_turn(&verify[i]);
			left += in_flight(&verify[i]);
		}
		if (left && !any)
			verify_wait(verify, count, -1);
	} while (left);
}

uint32_t verify_image(const struct verify *verify, struct daemon *daemon)
{
	char data[VERIFY_BLOCK];
	uint32_t wrong = 0;

	for (uint32_t block = 0; block < verify->options.blocks; block++) {
		image_read(daemon, verify->options.offset + sector_of(verify, block) * 512, data,
			   VERIFY_BLOCK);
		wrong += !is_right(verify, block, data);
	}
	return wrong;
}

bool verify_good(const struct verify *verify, uint64_t least)
{
	return !verify->wrong && !verify->failed && verify->done >= least;
}
