// SPDX-License-Identifier: GPL-2.0-only
/*
 * steady: a guest that goes on. It writes and compares blocks of an image, and when the server goes
 * away it connects again and tells the next one what the last one knew, as QEMU does.
 *
 * SIGTERM ends it: what is under way is taken back, the image is read past the server, and a line
 * of JSON says what was found. The exit status is 0 when every byte was right.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/parse.h"
#include "verify.h"

#define QUEUES_MAX 4
#define STUCK_S	   30.0 /* a server that is started again has long answered */
#define LOOK_MS	   20

struct settings {
	const char *socket, *image;
	uint64_t create, offset, size; /* bytes; 0: all of the disk */
	uint32_t queues, depth, rate;
};

static volatile sig_atomic_t stopped;
static struct front front;
static struct verify verify[QUEUES_MAX];
static struct daemon files = { .image_fd = -1 }; /* for verify_image() */
static uint32_t reconnects;
static double longest; /* s without a request coming back */

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void create(const struct settings *settings)
{
	static uint8_t block[VERIFY_BLOCK];
	int fd = open(settings->image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	for (uint64_t at = 0; at < settings->create; at += sizeof(block)) {
		for (uint32_t i = 0; i < sizeof(block); i++)
			block[i] = image_pattern(settings->offset + at + i);
		if (pwrite(fd, block, sizeof(block), (off_t)(settings->offset + at)) !=
		    sizeof(block))
			die("%s: %s", settings->image, strerror(errno));
	}
	close(fd);
}

static void start(const struct settings *settings)
{
	struct front_options options = {
		.socket = settings->socket,
		.queues = settings->queues,
		.inflight = true,
		.memory = 32 << 20,
	};
	struct virtio_blk_config config;
	uint64_t bytes;
	uint32_t blocks;

	files.image_fd = open(settings->image, O_RDONLY | O_CLOEXEC);
	if (files.image_fd < 0)
		die("%s: %s", settings->image, strerror(errno));
	front_open(&front, &options);
	front_config(&front, &config);
	bytes = config.capacity * 512;
	if (settings->size && settings->size < bytes)
		bytes = settings->size;
	blocks = (uint32_t)(bytes / VERIFY_BLOCK / settings->queues);
	for (uint32_t i = 0; i < settings->queues; i++) {
		struct verify_options part = { .sector = verify_part(blocks),
					       .offset = settings->offset,
					       .blocks = blocks,
					       .depth = settings->depth,
					       .rate = settings->rate };

		verify_init(&verify[i], &front.queue[i], &part);
	}
}

static bool server_left(void)
{
	char byte;
	ssize_t got = recv(front.socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return !got || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* Look at all queues; sleep and see to the connection when nothing came. */
static void turn(const struct settings *settings)
{
	static double last;
	double now = front_now();
	uint64_t done = 0;

	for (uint32_t i = 0; i < settings->queues; i++) {
		uint64_t before = verify[i].done;

		verify_turn(&verify[i]);
		done += verify[i].done - before;
	}
	if (done || !last) {
		if (last && now - last > longest)
			longest = now - last;
		last = now;
		return;
	}
	if (now - last > STUCK_S)
		die("nothing came back for %.0f s", STUCK_S);
	if (server_left()) {
		front_reconnect(&front, settings->socket);
		reconnects++;
	}
	verify_wait(verify, settings->queues, LOOK_MS);
}

static bool under_way(const struct settings *settings)
{
	for (uint32_t i = 0; i < settings->queues; i++)
		if (verify[i].free_count < settings->depth)
			return true;
	return false;
}

/* The last requests, too, may need another server. */
static void finish(const struct settings *settings)
{
	for (uint32_t i = 0; i < settings->queues; i++)
		verify[i].stop = true;
	while (under_way(settings))
		turn(settings);
}

static int report(const struct settings *settings)
{
	uint64_t done = 0, wrong = 0, failed = 0;
	uint32_t image = 0;

	for (uint32_t i = 0; i < settings->queues; i++) {
		done += verify[i].done;
		wrong += verify[i].wrong;
		failed += verify[i].failed;
		image += verify_image(&verify[i], &files);
	}
	printf("{\"requests\": %llu, \"wrong\": %llu, \"failed\": %llu, \"wrong_on_disk\": %u, "
	       "\"reconnects\": %u, \"longest_pause_ms\": %.0f}\n",
	       (unsigned long long)done, (unsigned long long)wrong, (unsigned long long)failed,
	       image, reconnects, longest * 1000);
	return !done || wrong || failed || image;
}

enum option_key {
	KEY_SOCKET = 's',
	KEY_IMAGE = 0x100,
	KEY_CREATE,
	KEY_QUEUES,
	KEY_DEPTH,
	KEY_OFFSET,
	KEY_SIZE,
	KEY_RATE,
};

static const struct argp_option options[] = {
	{ "socket", KEY_SOCKET, "PATH", 0, "the server's socket", 0 },
	{ "image", KEY_IMAGE, "FILE", 0, "what it serves", 0 },
	{ "create", KEY_CREATE, "SIZE", 0, "make the image, and nothing else", 0 },
	{ "queues", KEY_QUEUES, "N", 0, "1 to 4 (1)", 0 },
	{ "depth", KEY_DEPTH, "N", 0, "requests in flight on each, 1 to 64 (16)", 0 },
	{ "offset", KEY_OFFSET, "BYTES", 0, "where the disk begins in the image (0)", 0 },
	{ "size", KEY_SIZE, "SIZE", 0, "use no more of the disk", 0 },
	{ "rate", KEY_RATE, "N", 0, "requests a second on each queue (all it can)", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;
	uint64_t value = 0;

	switch (key) {
	case KEY_SOCKET:
		settings->socket = argument;
		return 0;
	case KEY_IMAGE:
		settings->image = argument;
		return 0;
	case KEY_CREATE:
		if (parse_size(argument, &settings->create))
			argp_error(state, "--create %s: a size is wanted", argument);
		return 0;
	case KEY_QUEUES:
		if (parse_number(argument, QUEUES_MAX, &value) || !value)
			argp_error(state, "--queues %s: 1 to %d is wanted", argument, QUEUES_MAX);
		settings->queues = (uint32_t)value;
		return 0;
	case KEY_DEPTH:
		if (parse_number(argument, 64, &value) || !value)
			argp_error(state, "--depth %s: 1 to 64 is wanted", argument);
		settings->depth = (uint32_t)value;
		return 0;
	case KEY_OFFSET:
		if (parse_number(argument, INT64_MAX, &settings->offset) ||
		    settings->offset % VERIFY_BLOCK)
			argp_error(state, "--offset %s: a multiple of a block is wanted", argument);
		return 0;
	case KEY_SIZE:
		if (parse_size(argument, &settings->size))
			argp_error(state, "--size %s: a size is wanted", argument);
		return 0;
	case KEY_RATE:
		if (parse_number(argument, 1000000, &value) || !value)
			argp_error(state, "--rate %s: 1 to 1000000 is wanted", argument);
		settings->rate = (uint32_t)value;
		return 0;
	case ARGP_KEY_END:
		if (!settings->image || (!settings->socket && !settings->create))
			argp_error(state, "--image, and --socket or --create are wanted");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	const struct argp argp = { .options = options,
				   .parser = parse_option,
				   .doc = "A guest that goes on when its server does not." };
	struct settings settings = { .queues = 1, .depth = 16 };

	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (settings.create) {
		create(&settings);
		return 0;
	}
	signal(SIGTERM, on_stop);
	start(&settings);
	while (!stopped)
		turn(&settings);
	finish(&settings);
	return report(&settings);
}
