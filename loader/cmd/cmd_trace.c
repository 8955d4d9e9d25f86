// SPDX-License-Identifier: GPL-2.0-only
/* `nvring trace`: single requests of a VM, stage by stage, as they are over. */
#include <argp.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/json_add.h"
#include "base/json_get.h"
#include "base/log.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/target.h"
#include "serve/trace_json.h"

#define ASK_MS 100 /* a queue keeps TRACE_RECORDS that long */

struct settings {
	struct target target;
	uint32_t every;
	uint64_t count; /* 0: without end */
	bool json;
};

static const struct argp_option options[] = {
	{ "every", 'e', "N", 0, "one request in N of each queue, one at a time (100)", 0 },
	{ "count", 'n', "N", 0, "end after N requests (at ^C)", 0 },
	{ "json", 'j', NULL, 0, "print JSON, a line for each request, with all of its times", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->target;
		return 0;
	case 'e':
		settings->every =
			(uint32_t)cmd_number(state, "--every", argument, 1, TRACE_EVERY_MAX);
		return 0;
	case 'n':
		settings->count = cmd_number(state, "--count", argument, 1, UINT32_MAX);
		return 0;
	case 'j':
		settings->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Microseconds between two stages, "-" when it was not at both. */
static void print_stage(struct json_object *request, const char *from, const char *to)
{
	uint64_t begin = json_get_number(request, from), end = json_get_number(request, to);

	if (begin && end)
		printf(" %8.1f", end > begin ? (double)(end - begin) / 1000 : 0.0);
	else
		printf(" %8s", "-");
}

static void print_request(struct json_object *request)
{
	const char *end =
		json_get_number(request, "interrupted_ns") ? "interrupted_ns" : "published_ns";
	char engine[32];

	snprintf(engine, sizeof(engine), "%s%s",
		 json_object_get_string(json_object_object_get(request, "engine")),
		 json_get_bool(request, "handed") ? ",worker" : "");
	printf("%5" PRIu64 " %-13s %4" PRIu64 " %-8s %12" PRIu64 " %8" PRIu64,
	       json_get_number(request, "queue"), engine, json_get_number(request, "head"),
	       json_object_get_string(json_object_object_get(request, "op")),
	       json_get_number(request, "sector"), json_get_number(request, "bytes"));
	print_stage(request, "kicked_ns", "taken_ns");
	print_stage(request, "taken_ns", "submitted_ns");
	print_stage(request, "submitted_ns", "completed_ns");
	print_stage(request, "completed_ns", "published_ns");
	print_stage(request, "published_ns", "interrupted_ns");
	print_stage(request, "taken_ns", end);
	putchar('\n');
}

static void print_heads(void)
{
	printf("%5s %-13s %4s %-8s %12s %8s %8s %8s %8s %8s %8s %8s\n", "QUEUE", "ENGINE", "HEAD",
	       "OP", "SECTOR", "BYTES", "KICK", "SUBMIT", "DEVICE", "USED", "INTR", "TOTAL");
}

static int ask(struct settings *settings, uint32_t every, struct json_object **ret_result)
{
	struct json_object *params = json_object_new_object();

	json_add_number(params, "every", every);
	return rpc_call(target_socket(&settings->target), "trace", params, ret_result);
}

/* Print what came, up to --count. Return: whether that is reached. */
static bool print(struct settings *settings, struct json_object *result, uint64_t *printed)
{
	struct json_object *requests = json_object_object_get(result, "requests");

	for (size_t i = 0; i < json_object_array_length(requests); i++) {
		struct json_object *request = json_object_array_get_idx(requests, i);

		if (settings->count && *printed == settings->count)
			break;
		if (settings->json)
			puts(json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
		else
			print_request(request);
		++*printed;
	}
	if (fflush(stdout))
		return true; /* cmd_printed() says why */
	return settings->count && *printed == settings->count;
}

static int follow(struct settings *settings)
{
	const struct timespec pause = { .tv_nsec = ASK_MS * 1000000L };
	struct json_object *result = NULL;
	uint64_t printed = 0, lost = 0;
	bool done = false, asked = false;

	while (!done) {
		if (ask(settings, settings->every, &result))
			return 1;
		if (!settings->json && !asked)
			print_heads();
		asked = true;
		done = print(settings, result, &printed) || cmd_stopped();
		lost += json_get_number(result, "lost");
		json_object_put(result);
		if (!done)
			nanosleep(&pause, NULL);
	}
	if (ask(settings, 0, &result))
		return 1;
	json_object_put(result);
	if (lost)
		log_warn("%" PRIu64 " more were followed, and not asked for in time: a larger "
			 "--every has fewer",
			 lost);
	return 0;
}

int cmd_trace(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_one_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.children = children,
		.doc = "Follow single requests of a VM, and print how long each was at each stage, "
		       "in microseconds: from the doorbell until it was taken (-: none brought "
		       "it), "
		       "until it was submitted, with the device, until it was in the used ring, "
		       "and "
		       "until the interrupt was sent (-: the guest wants none).",
	};
	struct settings settings = { .every = 100 };
	char name[] = "nvring trace";

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	cmd_catch_stop();
	return cmd_printed("trace", follow(&settings));
}
