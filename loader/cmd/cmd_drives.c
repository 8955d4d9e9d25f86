// SPDX-License-Identifier: GPL-2.0-only
/* `nvring drives`: what NVMe drives do, as their driver sees it, while somebody watches. */
#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json_add.h"
#include "base/log.h"
#include "base/util.h"
#include "cmd.h"
#include "disk/drive_watch.h"
#include "engine/latency.h"
#include "short_text.h"

#define DELAY_MAX_S 3600

struct settings {
	unsigned int delay_s;
	uint64_t iterations; /* 0: without end */
	bool json;
};

/* What was seen of all queues at some time. */
struct look {
	struct drive_seen *seen;
	uint32_t count;
	uint64_t at_ns;
};

static const struct argp_option options[] = {
	{ "delay", 'd', "SECONDS", 0, "between two looks (1)", 0 },
	{ "iterations", 'n', "N", 0, "end after N views (at ^C)", 0 },
	{ "json", 'j', NULL, 0, "print JSON, a line for each view", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case 'd':
		settings->delay_s =
			(unsigned int)cmd_number(state, "--delay", argument, 1, DELAY_MAX_S);
		return 0;
	case 'n':
		settings->iterations = cmd_number(state, "--iterations", argument, 1, UINT32_MAX);
		return 0;
	case 'j':
		settings->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int look(const struct drive_watch *watch, struct look *ret_look)
{
	int err = drive_watch_read(watch, &ret_look->seen, &ret_look->count);

	ret_look->at_ns = clock_ns(CLOCK_MONOTONIC);
	if (err)
		log_error("what is known of drives cannot be read: %s", strerror(-err));
	return err;
}

static uint64_t commands(const struct drive_seen *seen)
{
	return histogram_total(&seen->times.read) + histogram_total(&seen->times.write) +
	       histogram_total(&seen->times.other);
}

/* What a queue did since @before, where it is there; false when it did nothing. */
static bool since(struct drive_seen *seen, const struct look *before)
{
	for (uint32_t i = 0; i < before->count; i++) {
		const struct drive_seen *was = &before->seen[i];

		if (memcmp(&was->key, &seen->key, sizeof(seen->key)) != 0)
			continue;
		histogram_subtract(&seen->times.read, &was->times.read);
		histogram_subtract(&seen->times.write, &was->times.write);
		histogram_subtract(&seen->times.other, &was->times.other);
		seen->interrupts -= was->interrupts;
		break;
	}
	return commands(seen) > 0;
}

static void print_heads(void)
{
	printf("%-8s %5s %4s %8s %8s %8s %7s %7s %7s %7s %9s\n", "DRIVE", "QUEUE", "CPU", "READ/s",
	       "WRITE/s", "OTHER/s", "READ50", "READ99", "WRITE50", "WRITE99", "CMDS/INTR");
}

static void print_rate(const struct histogram *histogram, double seconds)
{
	char text[NUMBER_BYTES];

	printf(" %8s", short_number((double)histogram_total(histogram) / seconds, text));
}

static void print_times(const struct histogram *histogram)
{
	char text[NUMBER_BYTES];

	for (uint32_t share = 500; share <= 990; share += 490)
		printf(" %7s", short_percentile(histogram, share, text));
}

static void print_queue(const struct drive_seen *seen, double seconds)
{
	char drive[NUMBER_BYTES], cpu[NUMBER_BYTES];

	snprintf(drive, sizeof(drive), "nvme%u", seen->key.drive);
	printf("%-8s %5u %4s", drive, seen->key.queue, short_index(seen->cpu, cpu));
	print_rate(&seen->times.read, seconds);
	print_rate(&seen->times.write, seconds);
	print_rate(&seen->times.other, seconds);
	print_times(&seen->times.read);
	print_times(&seen->times.write);
	if (seen->interrupts)
		printf(" %9.2f\n", (double)commands(seen) / (double)seen->interrupts);
	else
		printf(" %9s\n", "-");
}

static struct json_object *queue_json(const struct drive_seen *seen)
{
	struct json_object *queue = json_object_new_object();

	json_add_number(queue, "drive", seen->key.drive);
	json_add_number(queue, "queue", seen->key.queue);
	json_object_object_add(queue, "cpu", seen->cpu < 0 ? NULL : json_object_new_int(seen->cpu));
	json_add_number(queue, "interrupts", seen->interrupts);
	json_object_object_add(queue, "read", latency_json(&seen->times.read));
	json_object_object_add(queue, "write", latency_json(&seen->times.write));
	json_object_object_add(queue, "other", latency_json(&seen->times.other));
	return queue;
}

static void print_json(const struct look *now, const struct look *before)
{
	struct json_object *view = json_object_new_object(), *queues = json_object_new_array();

	json_add_number(view, "ns", now->at_ns - before->at_ns);
	for (uint32_t i = 0; i < now->count; i++) {
		struct drive_seen seen = now->seen[i];

		if (since(&seen, before))
			json_object_array_add(queues, queue_json(&seen));
	}
	json_object_object_add(view, "queues", queues);
	puts(json_object_to_json_string_ext(view, JSON_C_TO_STRING_PLAIN));
	json_object_put(view);
}

static void print_view(const struct look *now, const struct look *before)
{
	double seconds = (double)(now->at_ns - before->at_ns) / 1e9;

	print_heads();
	for (uint32_t i = 0; i < now->count; i++) {
		struct drive_seen seen = now->seen[i];

		if (since(&seen, before))
			print_queue(&seen, seconds);
	}
}

static int follow(const struct settings *settings, const struct drive_watch *watch)
{
	const struct timespec delay = { .tv_sec = (time_t)settings->delay_s };
	struct look before = { 0 }, now = { 0 };
	int err = look(watch, &before);

	for (uint64_t i = 0; !err && !cmd_stopped(); i++) {
		if (settings->iterations && i == settings->iterations)
			break;
		nanosleep(&delay, NULL);
		err = look(watch, &now);
		if (err)
			break;
		if (settings->json)
			print_json(&now, &before);
		else
			print_view(&now, &before);
		free(before.seen);
		before = now;
		now = (struct look){ 0 };
		if (fflush(stdout))
			break; /* cmd_printed() says why */
	}
	free(before.seen);
	return err ? 1 : 0;
}

static int open_watch(struct drive_watch **ret_watch)
{
	int err = drive_watch_open(ret_watch);

	if (err == -ENOENT)
		log_error("this kernel has no NVMe driver loaded: `modprobe nvme`");
	else if (err)
		log_error("the kernel does not let NVMe drives be watched: %s%s", strerror(-err),
			  err == -EPERM ? "; be root, and see `nvring features` for lockdown" : "");
	return err;
}

int cmd_drives(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Watch the commands of all NVMe drives of this host, whoever sends them, by "
		       "queue of the driver: the CPU that a queue interrupts, commands a second, "
		       "how "
		       "long half of them and 99 of 100 took from the driver until they were "
		       "completed, and how many were completed for each interrupt. Each command "
		       "pays "
		       "a little for it while this runs.",
	};
	struct settings settings = { .delay_s = 1 };
	struct drive_watch *watch = NULL;
	char name[] = "nvring drives";
	int status;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	cmd_catch_stop();
	if (open_watch(&watch))
		return 1;
	status = follow(&settings, watch);
	drive_watch_close(watch);
	return cmd_printed("drives", status);
}
