// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues move between engines under load: each of them writes, reads back and compares, and asks
 * for what BPF hands to a worker, while their engine changes again and again.
 */
#include <errno.h>
#include <json.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/rpc.h"
#include "daemon.h"
#include "engine/engine.h"
#include "engine/vm.h"
#include "front.h"

#define QUEUES	     4
#define DEPTH_MAX    300 /* more than BPF serves at a time */
#define BLOCK	     4096U
#define IMAGE	     ((uint64_t)QUEUES * DEPTH_MAX * BLOCK)
#define STUCK_MS     15000
#define SWITCHES     24 /* of a queue, as long as they do not take too long */
#define SWITCHES_MIN 4	/* there and back, all queues at once and one after another */
#define PATIENCE_S   3.0
#define SAMPLES_MAX  4096
#define GET_ID_EVERY 13 /* operations of a slot */
#define CALL_SWAP_NS 15000000
#define INTERVAL_US  15000 /* between switches, at most */

enum step {
	STEP_WRITE,
	STEP_READ,
	STEP_ID,
};

/* A block of the disk that one request at a time works on. */
struct slot {
	struct front_request request;
	uint64_t sector;
	uint32_t pattern; /* of what the block holds */
	uint32_t operations;
	enum step step;
};

struct stream {
	struct front_queue *queue;
	struct slot slots[DEPTH_MAX];
	int slot_of[QUEUE_SIZE_MAX];
	uint32_t depth, in_flight;
};

/* What the thread that switches is to do, and what it saw. */
struct switcher {
	enum engine from, to;
	uint32_t queues;
	atomic_bool done;
	uint32_t switches, failed;
};

static struct daemon daemon_;
static struct front front;
static struct stream streams[QUEUES];
static bool available[ENGINE_AUTO];
static uint64_t sent, wrong, call_swaps;
static uint64_t pauses[ENGINE_AUTO][ENGINE_AUTO][SAMPLES_MAX];
static uint32_t pause_count[ENGINE_AUTO][ENGINE_AUTO];

static int call(const char *method, struct json_object *params, struct json_object **ret_result)
{
	*ret_result = NULL;
	return rpc_call(daemon_.control, method, params, ret_result);
}

/* As `nvring set` does; @queue -1 for all. */
static int set(enum engine engine, int queue)
{
	struct json_object *params = json_object_new_object(), *result;
	int err;

	json_object_object_add(params, "engine", json_object_new_string(engine_name(engine)));
	if (queue >= 0)
		json_object_object_add(params, "queue", json_object_new_int(queue));
	err = call("set", params, &result);
	json_object_put(result);
	return err;
}

static struct json_object *status(void)
{
	struct json_object *result;

	if (call("status", NULL, &result))
		die("status");
	return result;
}

static uint64_t number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

static void note_pauses(enum engine from, enum engine to, uint32_t queues)
{
	struct json_object *all = status();
	struct json_object *rows = json_object_object_get(all, "queues");

	for (uint32_t i = 0; i < queues && pause_count[from][to] < SAMPLES_MAX; i++)
		pauses[from][to][pause_count[from][to]++] =
			number(json_object_array_get_idx(rows, i), "pause_us");
	json_object_put(all);
}

/* There and back, until it was often enough. All queues at once and one after another in turn. */
static void *switch_thread(void *argument)
{
	struct switcher *switcher = argument;
	unsigned int seed = 1;
	double start = front_now();

	while (switcher->switches < SWITCHES_MIN ||
	       (switcher->switches < SWITCHES && front_now() - start < PATIENCE_S)) {
		bool forth = switcher->switches % 2 == 0;
		enum engine to = forth ? switcher->to : switcher->from;

		if (switcher->switches % 4 < 2)
			switcher->failed += !!set(to, -1);
		else
			for (uint32_t i = 0; i < switcher->queues; i++)
				switcher->failed += !!set(to, (int)i);
		note_pauses(forth ? switcher->from : switcher->to, to, switcher->queues);
		switcher->switches++;
		usleep((useconds_t)rand_r(&seed) % INTERVAL_US);
	}
	atomic_store(&switcher->done, true);
	return NULL;
}

static void fill(struct slot *slot)
{
	uint32_t *words = (uint32_t *)slot->request.data;

	slot->pattern++;
	for (uint32_t i = 0; i < BLOCK / sizeof(*words); i++)
		words[i] = (uint32_t)slot->sector * 2654435761U + slot->pattern * 40503 + i;
}

static bool is_filled(const struct slot *slot)
{
	const uint32_t *words = (const uint32_t *)slot->request.data;

	for (uint32_t i = 0; i < BLOCK / sizeof(*words); i++)
		if (words[i] != (uint32_t)slot->sector * 2654435761U + slot->pattern * 40503 + i)
			return false;
	return true;
}

/* The slot's next request: write, read back, and at times one that a worker has to answer. */
static void start(struct stream *stream, struct slot *slot)
{
	static const uint32_t types[] = {
		[STEP_WRITE] = VIRTIO_BLK_T_OUT,
		[STEP_READ] = VIRTIO_BLK_T_IN,
		[STEP_ID] = VIRTIO_BLK_T_GET_ID,
	};

	if (++slot->operations % GET_ID_EVERY == 0 && slot->step != STEP_WRITE)
		slot->step = STEP_ID;
	else
		slot->step = slot->step == STEP_WRITE ? STEP_READ : STEP_WRITE;
	if (slot->step == STEP_WRITE)
		fill(slot);
	else
		memset(slot->request.data, 0xa5, BLOCK);
	*slot->request.status = 0xff;
	stream->slot_of[front_start(stream->queue, &slot->request, types[slot->step],
				    slot->step == STEP_ID ? 0 : slot->sector,
				    slot->step == STEP_ID ? VIRTIO_BLK_ID_BYTES : BLOCK, false)] =
		(int)(slot - stream->slots);
	stream->in_flight++;
	sent++;
}

static void check(const struct slot *slot)
{
	wrong += *slot->request.status != VIRTIO_BLK_S_OK ||
		 (slot->step == STEP_READ && !is_filled(slot));
}

/* Take what came back and send the next ones; whether any came. */
static bool collect(struct stream *stream, bool more)
{
	bool any = false;
	int head;

	while ((head = front_poll(stream->queue, NULL)) >= 0) {
		struct slot *slot = &stream->slots[stream->slot_of[head]];

		if (stream->slot_of[head] < 0)
			die("queue %u: request %d came back twice", stream->queue->index, head);
		stream->slot_of[head] = -1;
		stream->in_flight--;
		check(slot);
		if (more)
			start(stream, slot);
		any = true;
	}
	return any;
}

static void wait_any(uint32_t queues)
{
	struct pollfd fds[QUEUES];
	eventfd_t value;

	for (uint32_t i = 0; i < queues; i++) {
		fds[i] = (struct pollfd){ .fd = front.queue[i].call_fd, .events = POLLIN };
		if (front_arm(&front.queue[i]))
			return;
	}
	if (poll(fds, queues, STUCK_MS) < 1) {
		for (uint32_t i = 0; i < queues; i++)
			fprintf(stderr, "queue %u: %u in flight, used index %u, avail index %u\n",
				i, streams[i].in_flight, front.queue[i].used->idx,
				front.queue[i].avail->idx);
		fprintf(stderr, "%s\n", json_object_to_json_string(status()));
		die("nothing came back in %d ms", STUCK_MS);
	}
	for (uint32_t i = 0; i < queues; i++)
		if (fds[i].revents & POLLIN)
			eventfd_read(front.queue[i].call_fd, &value);
}

/* As QEMU does when the guest masks and unmasks an interrupt. */
static void swap_call(struct front_queue *queue)
{
	int old = queue->call_fd;

	front_queue_call_fd(queue, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	close(old);
	call_swaps++;
}

/* Load until the switcher is done, then drain. */
static void load(struct switcher *switcher, uint32_t depth, bool swap_calls)
{
	uint32_t in_flight = 0;
	double swapped = front_now();

	for (uint32_t i = 0; i < switcher->queues; i++)
		for (uint32_t slot = 0; slot < depth; slot++)
			start(&streams[i], &streams[i].slots[slot]);
	do {
		bool more = !atomic_load(&switcher->done), any = false;

		in_flight = 0;
		for (uint32_t i = 0; i < switcher->queues; i++) {
			any |= collect(&streams[i], more);
			in_flight += streams[i].in_flight;
		}
		if (swap_calls && (front_now() - swapped) * 1e9 > CALL_SWAP_NS) {
			swap_call(&front.queue[sent % switcher->queues]);
			swapped = front_now();
		}
		if (!any && in_flight)
			wait_any(switcher->queues);
	} while (in_flight || !atomic_load(&switcher->done));
}

static void open_front(uint32_t queues, uint32_t depth)
{
	struct front_options options = {
		.socket = daemon_.socket,
		.queues = queues,
		.size = depth > 128 ? 1024 : 128,
		.memory = 32 << 20,
		.inflight = true,
		.inflight_fd = -1,
	};

	front_open(&front, &options);
	for (uint32_t i = 0; i < queues; i++) {
		struct stream *stream = &streams[i];

		memset(stream, 0, sizeof(*stream));
		memset(stream->slot_of, 0xff, sizeof(stream->slot_of));
		stream->queue = &front.queue[i];
		stream->depth = depth;
		for (uint32_t slot = 0; slot < depth; slot++) {
			front_request_init(&front, &stream->slots[slot].request, BLOCK);
			stream->slots[slot].sector =
				(uint64_t)(i * DEPTH_MAX + slot) * (BLOCK / 512);
			stream->slots[slot].step = STEP_READ;
		}
	}
}

/* Every request was answered, and only once. */
static bool books_balance(uint64_t before)
{
	struct json_object *all = status();
	struct json_object *rows = json_object_object_get(all, "queues");
	uint64_t requests = 0, completed = 0, errors = 0, stray = 0, in_flight = 0;

	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i), *direct;
		struct json_object *counters = json_object_object_get(row, "counters");

		requests += number(counters, "requests");
		completed += number(counters, "completed");
		errors += number(counters, "errors");
		in_flight += number(row, "in_flight");
		if (json_object_object_get_ex(row, "direct", &direct))
			stray += number(direct, "stray");
	}
	json_object_put(all);
	if (requests == sent && completed == sent && !errors && !stray && !in_flight)
		return true;
	fprintf(stderr,
		"sent %llu (%llu before), taken %llu, given back %llu, errors %llu, stray %llu, "
		"in flight %llu\n",
		(unsigned long long)sent, (unsigned long long)before, (unsigned long long)requests,
		(unsigned long long)completed, (unsigned long long)errors,
		(unsigned long long)stray, (unsigned long long)in_flight);
	return false;
}

static void move(enum engine from, enum engine to, uint32_t queues, uint32_t depth, bool swap_calls)
{
	struct switcher switcher = { .from = from, .to = to, .queues = queues };
	uint64_t before = sent;
	pthread_t thread;
	bool balanced;

	if (set(from, -1))
		die("no %s", engine_name(from));
	open_front(queues, depth);
	wrong = 0;
	if (pthread_create(&thread, NULL, switch_thread, &switcher))
		die("thread");
	load(&switcher, depth, swap_calls);
	pthread_join(thread, NULL);
	balanced = books_balance(before);
	front_close(&front);
	ok(!wrong && !switcher.failed && balanced,
	   "%s and %s, %u queue%s, depth %u%s: %u switches, %llu requests, %llu wrong, %u switches "
	   "failed",
	   engine_name(from), engine_name(to), queues, queues > 1 ? "s" : "", depth,
	   swap_calls ? ", call eventfds swapped" : "", switcher.switches,
	   (unsigned long long)(sent - before), (unsigned long long)wrong, switcher.failed);
}

static void pair(enum engine from, enum engine to)
{
	static const uint32_t depths[] = { 1, 32, DEPTH_MAX };

	if (!available[from] || !available[to]) {
		char what[64];

		snprintf(what, sizeof(what), "%s and %s", engine_name(from), engine_name(to));
		skip(what, available[from] ? engine_name(to) : engine_name(from));
		return;
	}
	for (uint32_t queues = 1; queues <= QUEUES; queues += QUEUES - 1)
		for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
			move(from, to, queues, depths[i], false);
	move(from, to, QUEUES, 32, true);
}

static int by_value(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static void print_pauses(void)
{
	for (int from = 0; from < ENGINE_AUTO; from++)
		for (int to = 0; to < ENGINE_AUTO; to++) {
			uint32_t count = pause_count[from][to];
			uint64_t *us = pauses[from][to];

			if (!count)
				continue;
			qsort(us, count, sizeof(us[0]), by_value);
			printf("# pause from %s to %s: median %llu us, most %llu us, of %u\n",
			       engine_name(from), engine_name(to),
			       (unsigned long long)us[count / 2], (unsigned long long)us[count - 1],
			       count);
		}
}

int main(void)
{
	daemon_start(&daemon_, IMAGE, "--queues 4 --workers 2");
	for (enum engine engine = ENGINE_WORKER; engine < ENGINE_AUTO; engine++)
		available[engine] = !set(engine, -1);
	ok(available[ENGINE_WORKER], "a worker can always be had");
	pair(ENGINE_WORKER, ENGINE_POLLER);
	pair(ENGINE_WORKER, ENGINE_LOOP);
	pair(ENGINE_POLLER, ENGINE_LOOP);
	ok(call_swaps > 0 || !available[ENGINE_POLLER], "call eventfds were swapped %llu times",
	   (unsigned long long)call_swaps);
	print_pauses();
	ok(daemon_end(&daemon_) == 0, "the daemon ends well");
	return done();
}
