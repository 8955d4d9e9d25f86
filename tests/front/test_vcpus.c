// SPDX-License-Identifier: GPL-2.0-only
/* What vCPUs do: several at one queue, many queues at once, long pauses, rings filled to the brim.
 * Every byte is verified. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verify.h"

#define IMAGE	    (64ULL << 20)
#define MEMORY	    (64ULL << 20)
#define QUEUES	    64
#define QUEUES_LOOP 8 /* each has a thread and a program of its own, which takes long to load */
#define VCPUS	    2
#define RUN_US	    1000000
#define PATIENCE_S  20 /* for an engine that takes long to start */
#define LEAST	    1000
#define PAUSES	    40
#define PAUSE_US    20000
#define ROUNDS_FULL 12
#define FULL	    1024

static struct daemon daemon_;
static struct front front;

/* What the drivers wrote is on the disk. */
static void check_image(const char *what, const struct verify *verify, uint32_t count)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < count; i++)
		wrong += verify_image(&verify[i], &daemon_);
	ok(!wrong, "%s: the image holds what was written (%u blocks do not)", what, wrong);
}

static void *vcpu(void *argument)
{
	struct verify *verify = argument;

	while (!verify->stop)
		if (!verify_turn(verify))
			verify_wait(verify, 1, 1000);
	return NULL;
}

/* Two vCPUs at one queue: the ring under a lock, doorbells and interrupts whenever they come. */
static void one_queue(const char *what, uint64_t without, bool odd)
{
	struct front_options open = {
		.socket = daemon_.socket, .size = 64, .memory = MEMORY, .without = without
	};
	struct verify_options options = {
		.sector = verify_part(1024), .blocks = 1024, .depth = 64, .odd = odd
	};
	pthread_t thread[VCPUS];
	struct verify verify;
	double start;

	front_open(&front, &open);
	start = front_now();
	verify_init(&verify, &front.queue[0], &options);
	for (int i = 0; i < VCPUS; i++)
		if (pthread_create(&thread[i], NULL, vcpu, &verify))
			die("no thread");
	do
		usleep(RUN_US);
	while (verify.done < LEAST && front_now() - start < PATIENCE_S);
	verify.stop = true;
	for (int i = 0; i < VCPUS; i++)
		pthread_join(thread[i], NULL);
	verify_finish(&verify, 1);
	ok(verify_good(&verify, LEAST), "%s: %llu requests, %llu wrong, %llu failed", what,
	   (unsigned long long)verify.done, (unsigned long long)verify.wrong,
	   (unsigned long long)verify.failed);
	check_image(what, &verify, 1);
	verify_free(&verify);
	front_close(&front);
}

static void many_queues(uint32_t queues)
{
	static struct verify verify[QUEUES];
	struct front_options open = {
		.socket = daemon_.socket, .queues = queues, .size = 32, .memory = MEMORY
	};
	uint64_t least = UINT64_MAX, most = 0;
	bool good = true;
	double end;

	front_open(&front, &open);
	for (uint32_t i = 0; i < queues; i++) {
		struct verify_options options = { .sector = verify_part(64),
						  .blocks = 64,
						  .depth = 8 };

		verify_init(&verify[i], &front.queue[i], &options);
	}
	end = front_now() + RUN_US / 1e6;
	while (front_now() < end) {
		bool any = false;

		for (uint32_t i = 0; i < queues; i++)
			any |= verify_turn(&verify[i]);
		if (!any)
			verify_wait(verify, queues, -1);
	}
	verify_finish(verify, queues);
	for (uint32_t i = 0; i < queues; i++) {
		good &= verify_good(&verify[i], 8);
		least = verify[i].done < least ? verify[i].done : least;
		most = verify[i].done > most ? verify[i].done : most;
	}
	ok(good, "%u busy queues: each does its part, %llu to %llu requests", queues,
	   (unsigned long long)least, (unsigned long long)most);
	check_image("many queues", verify, queues);
	for (uint32_t i = 0; i < queues; i++)
		verify_free(&verify[i]);
	front_close(&front);
}

/* How often a thread of the daemon's went to sleep; io_uring's helpers, which come and go, never.
 */
static uint64_t sleeps_of(const char *task)
{
	static const char field[] = "voluntary_ctxt_switches:", helper[] = "Name:\tiou-wrk";
	char path[100], line[200];
	uint64_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/status", daemon_.pid, task);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, helper, strlen(helper)))
			break;
		if (!strncmp(line, field, strlen(field)))
			count = strtoull(line + strlen(field), NULL, 10);
	}
	if (file)
		fclose(file);
	return count;
}

static uint64_t sleeps(void)
{
	struct dirent *entry;
	uint64_t sum = 0;
	char path[100];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", daemon_.pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks)))
		sum += sleeps_of(entry->d_name);
	if (tasks)
		closedir(tasks);
	return sum;
}

/* Pauses so long that whatever serves the queue sleeps in each of them. */
static void pauses(const char *what, uint64_t without)
{
	struct front_options open = { .socket = daemon_.socket, .size = 16, .without = without };
	struct verify_options options = { .sector = verify_part(64), .blocks = 64, .depth = 1 };
	struct verify verify;
	uint64_t before;

	front_open(&front, &open);
	verify_init(&verify, &front.queue[0], &options);
	usleep(100000);
	before = sleeps();
	for (int i = 0; i < PAUSES; i++) {
		verify.stop = false;
		verify_turn(&verify);
		verify_finish(&verify, 1);
		usleep(PAUSE_US);
	}
	before = sleeps() - before;
	ok(verify_good(&verify, PAUSES), "%s: %llu requests, each after a pause of %u ms", what,
	   (unsigned long long)verify.done, PAUSE_US / 1000);
	ok(before >= PAUSES, "%s: what serves them slept in the pauses (%llu times)", what,
	   (unsigned long long)before);
	verify_free(&verify);
	front_close(&front);
}

/* A ring is filled before its one doorbell is rung: more than an engine has room for at a time. */
static void full(const char *what, uint16_t size, bool odd)
{
	struct front_options open = { .socket = daemon_.socket, .size = size, .memory = MEMORY };
	struct verify_options options = {
		.sector = verify_part(size * 4U), .blocks = size * 4U, .depth = size, .odd = odd
	};
	struct verify verify;

	front_open(&front, &open);
	verify_init(&verify, &front.queue[0], &options);
	for (int round = 0; round < ROUNDS_FULL; round++) {
		verify.stop = false;
		verify_turn(&verify);
		verify_finish(&verify, 1);
	}
	ok(verify_good(&verify, (uint64_t)size * ROUNDS_FULL),
	   "%s: %u entries filled %d times, %llu requests", what, size, ROUNDS_FULL,
	   (unsigned long long)verify.done);
	check_image(what, &verify, 1);
	verify_free(&verify);
	front_close(&front);
}

int main(void)
{
	uint32_t queues = strcmp(engine(), "loop") ? QUEUES : QUEUES_LOOP;
	char options[64];

	snprintf(options, sizeof(options), "--queues %u", queues);
	daemon_start(&daemon_, IMAGE, options);
	one_queue("two vCPUs at one queue", 0, false);
	one_queue("the same without EVENT_IDX, odd requests", BIT64(VIRTIO_RING_F_EVENT_IDX), true);
	many_queues(queues);
	pauses("pauses", 0);
	pauses("pauses without EVENT_IDX", BIT64(VIRTIO_RING_F_EVENT_IDX));
	full("a full ring", FULL, false);
	full("a full ring of odd requests", FULL, true);
	full("a ring of one entry", 1, false);
	ok(daemon_end(&daemon_) == 0, "the daemon ends well");
	ok(daemon_counter(&daemon_, "requests") == daemon_counter(&daemon_, "completed") &&
		   !daemon_counter(&daemon_, "errors") && !daemon_counter(&daemon_, "stray"),
	   "its books balance");
	return done();
}
