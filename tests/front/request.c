// SPDX-License-Identifier: GPL-2.0-only
/*
 * request: one request to a vhost-user-blk server, from the command line.
 *
 * For shell tests: data come from stdin and go to stdout, so that a test compares them with what
 * others read from the device. The exit status is 0, or 10 plus the virtio-blk status; that also
 * goes to stderr in words.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "front.h"

#define DATA_BYTES    (8U << 20)
#define SKEW_MAX      4096U
#define MEMORY_BYTES  (16U << 20)
#define QUEUE_SIZE    256
#define SEGMENTS_MAX  (QUEUE_SIZE - 2U)
#define EXIT_STATUS   10
#define ARGUMENTS_MAX 3

struct settings {
	const char *socket;
	const char *argument[ARGUMENTS_MAX]; /* operation, sector, length */
	uint32_t argument_count;
	uint32_t segment; /* bytes of one, 0 for all data in one */
	uint32_t skew;	  /* bytes the buffer lies behind a page boundary */
	bool write_through;
};

/* What a request is, by the name of the operation. */
struct operation {
	const char *name;
	uint32_t type;
	uint32_t arguments; /* behind the name */
	uint32_t range_flags;
};

static const struct operation operations[] = {
	{ "read", VIRTIO_BLK_T_IN, 2, 0 },
	{ "write", VIRTIO_BLK_T_OUT, 1, 0 },
	{ "flush", VIRTIO_BLK_T_FLUSH, 0, 0 },
	{ "discard", VIRTIO_BLK_T_DISCARD, 2, 0 },
	{ "zero", VIRTIO_BLK_T_WRITE_ZEROES, 2, 0 },
	{ "unmap", VIRTIO_BLK_T_WRITE_ZEROES, 2, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP },
	{ "id", VIRTIO_BLK_T_GET_ID, 0, 0 },
	{ "config", UINT32_MAX, 0, 0 },
};

static struct settings settings;
static struct front front;

static const struct operation *find_operation(const char *name)
{
	for (size_t i = 0; name && i < sizeof(operations) / sizeof(operations[0]); i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	return NULL;
}

static uint64_t argument(uint32_t index)
{
	uint64_t value;

	if (parse_number(settings.argument[index], UINT64_MAX, &value))
		die("%s: no number", settings.argument[index]);
	return value;
}

/* The driver's way to turn the write cache off, virtio 1.3 §5.2.5.2. */
static void set_write_through(void)
{
	union vhost_user_payload payload = {
		.config = { .offset = offsetof(struct virtio_blk_config, wce), .size = 1 },
	};

	if (front_acknowledged(&front, VHOST_USER_SET_CONFIG, &payload,
			       VHOST_USER_CONFIG_HEADER + 1, NULL, 0))
		die("SET_CONFIG: refused");
}

/* A line each, for grep. */
static int print_config(void)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} features[] = {
		{ "read-only", VIRTIO_BLK_F_RO },
		{ "flush", VIRTIO_BLK_F_FLUSH },
		{ "discard", VIRTIO_BLK_F_DISCARD },
		{ "write-zeroes", VIRTIO_BLK_F_WRITE_ZEROES },
	};
	struct virtio_blk_config config;

	front_config(&front, &config);
	printf("sectors %llu\nblock %u\n", (unsigned long long)config.capacity, config.blk_size);
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (front.features & BIT64(features[i].bit))
			printf("offers %s\n", features[i].name);
	return 0;
}

/* Header, data in segments, status; sent and waited for. */
static uint8_t send_request(uint32_t type, uint64_t sector, uint64_t data_gpa, uint32_t bytes)
{
	struct front_segment segments[QUEUE_SIZE];
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	struct front_queue *queue = &front.queue[0];
	struct front_request request;
	uint32_t count = 0, now;

	front_request_init(&front, &request, 0);
	segments[count++] = (struct front_segment){ front_gpa(&front, request.header),
						    sizeof(*request.header), false };
	for (uint32_t at = 0; at < bytes; at += now) {
		now = settings.segment && settings.segment < bytes - at ? settings.segment
									: bytes - at;
		if (count > SEGMENTS_MAX)
			die("more than %u segments of %u bytes", SEGMENTS_MAX, settings.segment);
		segments[count++] = (struct front_segment){ data_gpa + at, now, in };
	}
	segments[count++] = (struct front_segment){ front_gpa(&front, request.status), 1, true };
	return front_do_segments(queue, &request, type, sector, segments, count, true);
}

/* What goes out is put into @data; returns the bytes of the request's data, in or out. */
static uint32_t prepare(const struct operation *operation, char *data)
{
	struct virtio_blk_discard_write_zeroes range;
	size_t bytes;

	switch (operation->type) {
	case VIRTIO_BLK_T_IN:
		if (argument(2) > DATA_BYTES)
			die("read: more than %u bytes", DATA_BYTES);
		return (uint32_t)argument(2);
	case VIRTIO_BLK_T_OUT:
		bytes = fread(data, 1, DATA_BYTES, stdin);
		if (!bytes || getchar() != EOF)
			die("write: 1 to %u bytes are wanted", DATA_BYTES);
		return (uint32_t)bytes;
	case VIRTIO_BLK_T_GET_ID:
		return VIRTIO_BLK_ID_BYTES;
	case VIRTIO_BLK_T_FLUSH:
		return 0;
	default:
		range = (struct virtio_blk_discard_write_zeroes){
			.sector = argument(1),
			.num_sectors = (uint32_t)argument(2),
			.flags = operation->range_flags,
		};
		memcpy(data, &range, sizeof(range));
		return sizeof(range);
	}
}

static int run(const struct operation *operation)
{
	bool transfer = operation->type == VIRTIO_BLK_T_IN || operation->type == VIRTIO_BLK_T_OUT;
	uint64_t gpa;
	char *data = front_alloc(&front, DATA_BYTES + SKEW_MAX, 4096, &gpa);
	uint32_t bytes = prepare(operation, data + settings.skew);
	uint8_t status = send_request(operation->type, transfer ? argument(1) : 0,
				      gpa + settings.skew, bytes);

	fprintf(stderr, "%s: %s\n", operation->name,
		status == VIRTIO_BLK_S_OK	? "OK"
		: status == VIRTIO_BLK_S_IOERR	? "IOERR"
		: status == VIRTIO_BLK_S_UNSUPP ? "UNSUPP"
						: "no status");
	if (status)
		return EXIT_STATUS + status;
	if (operation->type == VIRTIO_BLK_T_GET_ID)
		bytes = (uint32_t)strnlen(data + settings.skew, bytes);
	if (operation->type == VIRTIO_BLK_T_IN || operation->type == VIRTIO_BLK_T_GET_ID)
		fwrite(data + settings.skew, 1, bytes, stdout);
	if (fflush(stdout))
		die("stdout: %s", strerror(errno));
	return 0;
}

enum key {
	KEY_SOCKET = 0x100,
	KEY_SEGMENT,
	KEY_SKEW,
	KEY_WRITE_THROUGH,
};

static const struct argp_option options[] = {
	{ "socket", KEY_SOCKET, "PATH", 0, "the server's socket", 0 },
	{ "segment", KEY_SEGMENT, "BYTES", 0, "data in segments of so many bytes (one)", 0 },
	{ "skew", KEY_SKEW, "BYTES", 0, "data so far behind a page boundary, below 4096 (0)", 0 },
	{ "write-through", KEY_WRITE_THROUGH, NULL, 0, "turn the write cache off first", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	const struct operation *operation;

	switch (key) {
	case KEY_SOCKET:
		settings.socket = text;
		return 0;
	case KEY_SEGMENT:
		settings.segment = (uint32_t)atoi(text);
		return 0;
	case KEY_SKEW:
		settings.skew = (uint32_t)atoi(text);
		return 0;
	case KEY_WRITE_THROUGH:
		settings.write_through = true;
		return 0;
	case ARGP_KEY_ARG:
		if (settings.argument_count == ARGUMENTS_MAX)
			argp_usage(state);
		settings.argument[settings.argument_count++] = text;
		return 0;
	case ARGP_KEY_END:
		operation = find_operation(settings.argument[0]);
		if (!settings.socket || settings.skew >= SKEW_MAX || !operation ||
		    operation->arguments != settings.argument_count - 1)
			argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "read SECTOR BYTES\nwrite SECTOR\nflush\ndiscard SECTOR SECTORS\n"
			    "zero SECTOR SECTORS\nunmap SECTOR SECTORS\nid\nconfig",
		.doc = "One request to a vhost-user-blk server.",
	};
	struct front_options open = { .size = QUEUE_SIZE, .memory = MEMORY_BYTES };
	const struct operation *operation;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	operation = find_operation(settings.argument[0]);
	open.socket = settings.socket;
	front_open(&front, &open);
	if (settings.write_through)
		set_write_through();
	status = operation->type == UINT32_MAX ? print_config() : run(operation);
	front_close(&front);
	return status;
}
