// SPDX-License-Identifier: GPL-2.0-only
#include "counters.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_add.h"
#include "base/log.h"

/* In the order of struct queue_counters. */
static const char *const names[] = {
	"requests", "completed", "errors",  "read",	   "written", "kicks",	 "interrupts",
	"commands", "retries",	 "bounced", "resubmitted", "held",    "patient", "halted",
};

_Static_assert(sizeof(struct queue_counters) == ARRAY_SIZE(names) * sizeof(__u64),
	       "each counter has a name");

static const char *const reasons[DIRECT_REASON_COUNT] = {
	[DIRECT_REASON_FAULT] = "fault",       [DIRECT_REASON_STATUS] = "status",
	[DIRECT_REASON_COMMANDS] = "commands", [DIRECT_REASON_POOL] = "pool",
	[DIRECT_REASON_ERROR] = "error",
};

struct named {
	const char *name;
	uint64_t value;
};

#define DIRECT_NAMED 9

static const struct direct_counters *direct_counters(const struct vhost_queue *queue)
{
	const struct direct_counters *counters = &queue->stats->direct;

	return load_once(&counters->runs) ? counters : NULL;
}

static void name_direct(const struct vhost_queue *queue, const struct direct_counters *c,
			struct named ret_named[DIRECT_NAMED])
{
	const struct named named[DIRECT_NAMED] = {
		{ "runs", c->runs },
		{ "busy", c->busy },
		{ "missed", c->missed },
		{ "polls", c->polls },
		{ "swept", queue->swept },
		{ "mended", queue->mended },
		{ "status writes", c->status_writes },
		{ "stray", c->stray },
		{ "by vCPUs", c->by_vcpu },
	};

	for (int i = 0; i < DIRECT_NAMED; i++)
		ret_named[i] = named[i];
}

/* Add " NAME VALUE" to a line. */
static void append(char *line, size_t size, const char *name, uint64_t value)
{
	size_t used = strlen(line);

	snprintf(line + used, size - used, " %s %" PRIu64, name, value);
}

static void log_direct(const struct vhost_queue *queue)
{
	const struct direct_counters *c = direct_counters(queue);
	struct named named[DIRECT_NAMED];
	char counted[384] = "", handed[192] = "";

	if (!c)
		return;
	name_direct(queue, c, named);
	for (int i = 0; i < DIRECT_NAMED; i++)
		append(counted, sizeof(counted), named[i].name, named[i].value);
	for (int i = 0; i < DIRECT_REASON_COUNT; i++)
		append(handed, sizeof(handed), reasons[i], direct_handed(c)[i]);
	log_info("queue %u: direct:%s handed to the worker:%s", queue->index, counted, handed);
}

/* The counters by number, as their names are. */
static void values_of(const struct queue_counters *counters, uint64_t ret_values[ARRAY_SIZE(names)])
{
	memcpy(ret_values, counters, sizeof(*counters));
}

void counters_log(struct vm *vm)
{
	bool any = false;

	for (uint32_t i = 0; i < vm->options.queues; i++) {
		uint64_t values[ARRAY_SIZE(names)];
		struct queue_counters c = vhost_queue_counters(&vm->queues[i]);
		char line[512] = "";

		if (!c.requests && !c.resubmitted)
			continue;
		any = true;
		values_of(&c, values);
		for (size_t n = 0; n < ARRAY_SIZE(names); n++)
			append(line, sizeof(line), names[n], values[n]);
		log_info("queue %u:%s", i, line);
		log_direct(&vm->queues[i]);
	}
	if (!any)
		log_info("no requests so far");
}

struct json_object *counters_json(struct vhost_queue *queue)
{
	struct json_object *object = json_object_new_object();
	uint64_t values[ARRAY_SIZE(names)];
	struct queue_counters c = vhost_queue_counters(queue);

	values_of(&c, values);
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		json_add_number(object, names[n], values[n]);
	return object;
}

void counters_parse(struct json_object *object, struct queue_counters *ret_counters)
{
	uint64_t values[ARRAY_SIZE(names)];

	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		values[n] = json_object_get_uint64(json_object_object_get(object, names[n]));
	memcpy(ret_counters, values, sizeof(*ret_counters));
}

struct json_object *counters_direct_json(const struct vhost_queue *queue)
{
	const struct direct_counters *c = direct_counters(queue);
	struct json_object *object, *handed;
	struct named named[DIRECT_NAMED];

	if (!c)
		return NULL;
	object = json_object_new_object();
	handed = json_object_new_object();
	name_direct(queue, c, named);
	for (int i = 0; i < DIRECT_NAMED; i++)
		json_add_number(object, named[i].name, named[i].value);
	for (int i = 0; i < DIRECT_REASON_COUNT; i++)
		json_add_number(handed, reasons[i], direct_handed(c)[i]);
	json_object_object_add(object, "handed to the worker", handed);
	return object;
}
