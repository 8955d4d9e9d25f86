// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells and completions in a storm; events that are missed, doorbell polls that end because the
 * CQ is full, guest memory that the daemon has no pages of. Nothing hangs, every byte verifies.
 *
 * NVRING_STORM_SECONDS is how long the storm lasts.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "direct.h"
#include "hold.h"
#include "verify.h"

#define IMAGE		  (64ULL << 20)
#define MEMORY		  (64ULL << 20)
#define STORM_SECONDS	  8
#define VCPUS		  2
#define QUEUES		  2
#define HOLD_US_MAX	  30000
#define GAP_US		  150000 /* between two of them */
#define LONG_HOLD_US	  400000 /* longer than the poller's own safety net, its sweep */
#define KICKS		  5000
#define KICKS_MORE	  50
#define KICK_US		  20
#define TABLE_SECONDS	  1.5
#define CROWD_QUEUES	  64
#define CROWD_QUEUES_LOOP 8
#define CROWD_ROUNDS	  6
#define CROWD_DEPTH	  64
#define HOLE_ROUNDS	  40

static struct daemon daemon_;
static struct front front;
static struct verify verify[CROWD_QUEUES];
static volatile bool stop;

static bool is_poller(void)
{
	return !strcmp(engine(), "poller");
}

static bool is_direct(void)
{
	return is_poller() || !strcmp(engine(), "loop");
}

static unsigned long long counter(const char *name)
{
	return daemon_counter(&daemon_, name);
}

static int storm_seconds(void)
{
	const char *text = getenv("NVRING_STORM_SECONDS");

	return text && atoi(text) > 0 ? atoi(text) : STORM_SECONDS;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("no CPU %d", cpu);
}

static void start(const struct front_options *open, const struct verify_options *options)
{
	front_open(&front, open);
	for (uint32_t i = 0; i < front.queue_count; i++) {
		struct verify_options own = *options;

		own.sector = verify_part(own.blocks);
		verify_init(&verify[i], &front.queue[i], &own);
	}
}

/* What is on disk is what was written; @least requests a queue. */
static void finish(const char *what, uint64_t least)
{
	uint64_t done = 0, wrong = 0, failed = 0;
	uint32_t count = front.queue_count, image = 0;
	bool good = true;

	verify_finish(verify, count);
	for (uint32_t i = 0; i < count; i++) {
		good &= verify_good(&verify[i], least);
		done += verify[i].done;
		wrong += verify[i].wrong;
		failed += verify[i].failed;
		image += verify_image(&verify[i], &daemon_);
		verify_free(&verify[i]);
	}
	ok(good && !image,
	   "%s: %llu requests, %llu wrong, %llu failed; %u blocks of the image are wrong", what,
	   (unsigned long long)done, (unsigned long long)wrong, (unsigned long long)failed, image);
	front_close(&front);
}

/* The first vCPU never sleeps. The second has a queue of its own as well, and waits for interrupts
 * there: one that is lost is missed. */
static void *vcpu(void *argument)
{
	uint32_t number = (uint32_t)(uintptr_t)argument;

	pin(0);
	while (!stop) {
		bool any = verify_turn(&verify[0]);

		if (number)
			any |= verify_turn(&verify[1]);
		front_kick(&front.queue[0]);
		if (number && !any)
			verify_wait(&verify[1], 1, -1);
	}
	return NULL;
}

/* The memory table comes anew: the daemon has none of its pages, which BPF cannot bring in. */
static void *table(void *argument)
{
	(void)argument;
	while (!stop) {
		front_send_table(&front);
		usleep(150000);
	}
	return NULL;
}

static void hold_for(uint32_t index, useconds_t us)
{
	struct hold hold;

	if (!hold_open(&hold, daemon_.pid, index))
		return; /* another engine: nothing there can be missed */
	hold_take(&hold);
	usleep(us);
	hold_give(&hold);
	hold_close(&hold);
}

/* Events are missed now and then, and once so long that the poller's own timeout is among them. */
static void miss_events(double seconds)
{
	double end = front_now() + seconds;

	hold_for(1, LONG_HOLD_US);
	while (front_now() < end) {
		for (uint32_t i = 0; i < QUEUES; i++)
			hold_for(i, (useconds_t)(rand() % HOLD_US_MAX));
		usleep(GAP_US);
	}
}

/* The daemon ends, and its books are in order; to be called before its counters are looked at. */
static void end(const char *what)
{
	ok(daemon_end(&daemon_) == 0 &&
		   daemon_counter(&daemon_, "requests") == daemon_counter(&daemon_, "completed") &&
		   !daemon_counter(&daemon_, "errors") && !daemon_counter(&daemon_, "stray"),
	   "%s: the daemon ends well, its books balance", what);
	printf("# kicks %llu interrupts %llu runs %llu busy %llu missed %llu polls %llu swept %llu "
	       "fault %llu pool %llu\n",
	       counter("kicks"), counter("interrupts"), counter("runs"), counter("busy"),
	       counter("missed"), counter("polls"), counter("swept"), counter("fault"),
	       counter("pool"));
}

static void storm(const char *what, const char *daemon_options, double seconds, bool tables)
{
	struct front_options open = { .queues = QUEUES, .size = 128, .memory = MEMORY };
	struct verify_options options = { .blocks = 1024, .depth = 96, .odd = true };
	pthread_t thread[VCPUS], other;

	daemon_start(&daemon_, IMAGE, daemon_options);
	open.socket = daemon_.socket;
	start(&open, &options);
	stop = false;
	for (uintptr_t i = 0; i < VCPUS; i++)
		if (pthread_create(&thread[i], NULL, vcpu, (void *)i))
			die("no thread");
	if (tables && pthread_create(&other, NULL, table, NULL))
		die("no thread");
	if (tables)
		usleep((useconds_t)(seconds * 1e6));
	else
		miss_events(seconds);
	stop = true;
	for (int i = 0; i < VCPUS; i++)
		pthread_join(thread[i], NULL);
	if (tables)
		pthread_join(other, NULL);
	/* A new table stops all queues, which the loop's take long to come back from. */
	finish(what, tables ? 10 : options.depth);
	end(what);
	if (is_poller())
		ok(counter("missed") && (tables || counter("swept")),
		   "%s: events were missed, and queues found again", what);
	if (is_poller() || (is_direct() && !tables))
		ok(counter("fault"), "%s: requests met pages that were not there", what);
}

/* Doorbells until the CQ has so many completions. */
static uint32_t fill_cq(const struct hold *hold, uint32_t entries)
{
	uint32_t have = 0;

	for (int i = 0; i < KICKS && have < entries; have = hold_completions(hold))
		/* To look is dear: not after each of them, while much is left. */
		for (uint32_t left = (entries - have + 1) / 2; left; left--, i++) {
			front_kick(&front.queue[0]);
			usleep(KICK_US);
		}
	return have;
}

/* With requests under way, until more came than the CQ holds. */
static uint32_t overflow_cq(const struct hold *hold)
{
	uint32_t full;

	verify[0].stop = false;
	verify_turn(&verify[0]);
	hold_take(hold);
	full = fill_cq(hold, DIRECT_CQ_ENTRIES);
	for (int i = 0; i < KICKS_MORE; i++) {
		front_kick(&front.queue[0]);
		usleep(KICK_US);
	}
	hold_give(hold);
	return full;
}

/* With BPF held, doorbells fill the CQ: up to a few, and until the kernel ends the poll. */
static void full_cq(void)
{
	struct front_options open = { .size = 256, .memory = MEMORY };
	struct verify_options options = { .blocks = 1024, .depth = 200 };
	uint32_t near, full;
	struct hold hold;
	uint16_t base;

	daemon_start(&daemon_, IMAGE, "--queues 1");
	open.socket = daemon_.socket;
	start(&open, &options);
	if (!hold_open(&hold, daemon_.pid, 0))
		die("the poller serves no queue");
	verify_turn(&verify[0]);
	hold_take(&hold);
	near = fill_cq(&hold, DIRECT_CQ_ENTRIES - 8);
	hold_give(&hold);
	verify_finish(verify, 1);
	full = overflow_cq(&hold);
	verify_finish(verify, 1);
	/* Once more, and the queue is stopped before anybody has looked. */
	overflow_cq(&hold);
	hold_close(&hold);
	base = front_queue_stop(&front.queue[0]);
	verify[0].stop = true;
	verify_turn(&verify[0]);
	ok(front.queue[0].last_used == base, "a full CQ: the queue stops, %u requests are back",
	   base);
	front_queue_start(&front.queue[0]);
	ok(near >= DIRECT_CQ_ENTRIES - 8 && full == DIRECT_CQ_ENTRIES,
	   "a CQ of %u had %u completions, then %u", DIRECT_CQ_ENTRIES, near, full);
	finish("a full CQ", 3 * 200);
	end("a full CQ");
	ok(counter("polls") > 0 && counter("swept") > 0,
	   "a full CQ: the doorbell's poll ended and was set again");
}

/*
 * The daemon is stopped while every queue is filled, and then finds more than its CQ holds: the
 * page cache has the data, so the requests complete as they are sent.
 */
static void crowd(uint32_t queues)
{
	struct front_options open = { .queues = queues, .size = 64, .memory = MEMORY };
	struct verify_options options = { .blocks = 128, .depth = CROWD_DEPTH };
	char words[80];

	snprintf(words, sizeof(words), "--cache buffered --queues %u", queues);
	daemon_start(&daemon_, IMAGE, words);
	open.socket = daemon_.socket;
	start(&open, &options);
	for (int round = 0; round < CROWD_ROUNDS; round++) {
		kill(daemon_.pid, SIGSTOP);
		for (uint32_t i = 0; i < queues; i++) {
			verify[i].stop = false;
			verify_turn(&verify[i]);
			front_kick(&front.queue[i]);
		}
		kill(daemon_.pid, SIGCONT);
		for (int i = 0; i < 200; i++)
			front_kick(&front.queue[(uint32_t)i % queues]);
		verify_finish(verify, queues);
	}
	finish("a crowd", CROWD_ROUNDS * CROWD_DEPTH);
	end("a crowd");
}

/* The pages that requests are in are taken from memory, and come back as others. */
static void holes(void)
{
	struct front_options open = { .size = 128, .memory = MEMORY };
	struct verify_options options = { .blocks = 512, .depth = 100, .odd = true };
	off_t from;

	daemon_start(&daemon_, IMAGE, "--queues 1");
	open.socket = daemon_.socket;
	front_open(&front, &open);
	front_alloc(&front, 4096, 4096, NULL);
	from = (off_t)front.heap;
	options.sector = verify_part(options.blocks);
	verify_init(&verify[0], &front.queue[0], &options);
	for (int round = 0; round < HOLE_ROUNDS; round++) {
		verify[0].stop = false;
		verify_turn(&verify[0]);
		verify_finish(verify, 1);
		if (fallocate(front.region[0].fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from,
			      (off_t)MEMORY - from))
			die("no hole in memory: %m");
	}
	finish("holes in memory", HOLE_ROUNDS * 100);
	end("holes in memory");
	if (is_direct())
		ok(counter("fault") >= HOLE_ROUNDS, "requests met pages that were not there");
}

int main(void)
{
	double seconds = storm_seconds();

	storm("a storm on one CPU", "--queues 2 --cpu-list 0", seconds / 2, false);
	storm("a storm", "--queues 2", seconds / 2, false);
	storm("a storm while memory tables change", "--queues 2", TABLE_SECONDS, true);
	if (is_poller())
		full_cq();
	else
		skip("a full CQ", "BPF alone can be kept from one");
	crowd(strcmp(engine(), "loop") ? CROWD_QUEUES : CROWD_QUEUES_LOOP);
	holes();
	return done();
}
