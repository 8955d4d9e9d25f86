// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that takes its time: what is asked of it while others are under way does not wait for
 * them, however many they are, and nobody looks for it all the time. The disk, $NVRING_SLOW_DISK,
 * takes SERVICE for each request, and all of them at once; kernels with null_blk have such.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "front.h"

#define SERVICE	     1.0  /* s */
#define LATER	     0.25 /* s: waiting for the others would cost one more the rest of SERVICE */
#define ENOUGH	     (SERVICE * 3 / 2)
#define REQUESTS_MAX 64
#define ALONE	     4
#define RUNS_MAX     200 /* a few for each request, where 10 ms of looking are thousands */
#define BLOCK	     4096

static struct daemon daemon_;
static struct front front;
static struct front_request requests[REQUESTS_MAX + 1];

static void start(uint32_t from, uint32_t count)
{
	for (uint32_t i = from; i < from + count; i++)
		front_start(&front.queue[0], &requests[i], VIRTIO_BLK_T_IN, i * 8, BLOCK, true);
}

static void wait_for(uint32_t count)
{
	while (count--)
		front_wait(&front.queue[0], 10000, NULL);
}

static void beside(uint32_t others)
{
	double begin, took;

	start(0, others);
	usleep((useconds_t)(LATER * 1e6));
	begin = front_now();
	start(others, 1);
	wait_for(others + 1);
	took = front_now() - begin;
	ok(took > SERVICE / 2 && took < ENOUGH, "one %.2f s after %u others took %.2f s", LATER,
	   others, took);
	for (uint32_t i = 0; i <= others; i++)
		if (*requests[i].status != VIRTIO_BLK_S_OK)
			ok(false, "request %u: status %u", i, *requests[i].status);
}

/* Nobody looks for a completion that takes so long; but the poller's thread, which spins in any
 * case. The worker does not count. */
static void alone(void)
{
	for (uint32_t i = 0; i < ALONE; i++) {
		start(0, 1);
		wait_for(1);
	}
	daemon_report(&daemon_);
	if (!strcmp(engine(), "loop"))
		ok(daemon_said(&daemon_, " runs ") && daemon_counter(&daemon_, "runs") < RUNS_MAX,
		   "%d requests, one by one: %llu runs", ALONE,
		   (unsigned long long)daemon_counter(&daemon_, "runs"));
}

int main(void)
{
	const char *disk = getenv("NVRING_SLOW_DISK");
	struct front_options options = { 0 };
	char words[256];

	if (!disk)
		die("NVRING_SLOW_DISK is not set");
	snprintf(words, sizeof(words), "--device %s --spin-us 10000", disk);
	daemon_start(&daemon_, 0, words);
	options.socket = daemon_.socket;
	front_open(&front, &options);
	for (uint32_t i = 0; i <= REQUESTS_MAX; i++)
		front_request_init(&front, &requests[i], BLOCK);
	alone();
	beside(1);
	beside(15);
	beside(16);
	beside(REQUESTS_MAX);
	front_close(&front);
	ok(!daemon_end(&daemon_), "the daemon ends well");
	return done();
}
