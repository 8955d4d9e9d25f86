// SPDX-License-Identifier: GPL-2.0-only
#include "sample.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/json_add.h"
#include "base/json_get.h"
#include "base/log.h"
#include "base/rpc.h"
#include "engine/counters.h"
#include "engine/latency.h"

/* A text of an object; what a terminal would not just show becomes '?'. */
static void text_of(struct json_object *object, const char *key, char *ret_text, size_t size)
{
	struct json_object *value = json_object_object_get(object, key);

	snprintf(ret_text, size, "%s", value ? json_object_get_string(value) : "");
	for (char *c = ret_text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
}

/* The queue's vCPU, among those of the status. */
static void parse_vcpu(struct json_object *vcpus, struct json_object *object,
		       struct sample_queue *queue)
{
	size_t count =
		json_object_is_type(vcpus, json_type_array) ? json_object_array_length(vcpus) : 0;

	queue->vcpu = queue->cpu = -1;
	if (!json_object_object_get(object, "vcpu"))
		return;
	queue->vcpu = json_object_get_int(json_object_object_get(object, "vcpu"));
	for (size_t i = 0; i < count; i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i);

		if (json_get_number(vcpu, "vcpu") != (uint64_t)queue->vcpu)
			continue;
		text_of(vcpu, "state", queue->state, sizeof(queue->state));
		queue->cpu = json_object_get_int(json_object_object_get(vcpu, "cpu"));
	}
}

static void parse_queue(struct json_object *object, struct sample_queue *queue)
{
	struct json_object *latency = json_object_object_get(object, "latency");
	struct json_object *delay = json_object_object_get(object, "delay");

	queue->index = json_get_number(object, "queue");
	queue->running = json_object_get_boolean(json_object_object_get(object, "running"));
	text_of(object, "engine", queue->engine, sizeof(queue->engine));
	text_of(object, "why", queue->why, sizeof(queue->why));
	if (json_object_object_get(object, "broken"))
		text_of(object, "broken", queue->why, sizeof(queue->why));
	queue->in_flight = json_get_number(object, "in_flight");
	queue->switches = json_get_number(object, "switches");
	queue->limited_ms = json_get_number(json_object_object_get(object, "limit"), "held_ms");
	counters_parse(json_object_object_get(object, "counters"), &queue->counters);
	latency_parse(json_object_object_get(latency, "read"), &queue->read);
	latency_parse(json_object_object_get(latency, "write"), &queue->write);
	latency_parse(json_object_object_get(latency, "other"), &queue->other);
	latency_parse(json_object_object_get(delay, "kick"), &queue->kick);
	latency_parse(json_object_object_get(delay, "interrupt"), &queue->interrupt);
}

/* "NAME=NUMBER ...", "NAME=PERCENT%" of what has decimals */
static void parse_limits(struct json_object *limits, char *ret_text, size_t size)
{
	size_t used = 0;

	*ret_text = '\0';
	if (!json_object_is_type(limits, json_type_object))
		return;
	json_object_object_foreach(limits, name, value) {
		char number[24];

		if (json_object_is_type(value, json_type_double))
			snprintf(number, sizeof(number), "%.3g%%", json_object_get_double(value));
		else
			snprintf(number, sizeof(number), "%" PRIu64, json_object_get_uint64(value));
		if (used < size)
			used += (size_t)snprintf(ret_text + used, size - used, "%s%.8s=%s",
						 used ? " " : "", name, number);
	}
}

/* A part of 1. */
static double parse_share(struct json_object *limits)
{
	struct json_object *share = json_object_object_get(limits, "share");

	return share ? json_object_get_double(share) / 100 : 1;
}

struct sample *sample_parse(struct json_object *status, const char *fallback)
{
	struct json_object *queues = json_object_object_get(status, "queues");
	size_t count =
		json_object_is_type(queues, json_type_array) ? json_object_array_length(queues) : 0;
	struct sample *sample = calloc(1, sizeof(*sample) + count * sizeof(sample->queues[0]));

	if (!sample)
		return NULL;
	text_of(status, "name", sample->name, sizeof(sample->name));
	if (!*sample->name)
		snprintf(sample->name, sizeof(sample->name), "%s", fallback);
	text_of(status, "engine", sample->engine, sizeof(sample->engine));
	parse_limits(json_object_object_get(status, "limits"), sample->limits,
		     sizeof(sample->limits));
	sample->share = parse_share(json_object_object_get(status, "limits"));
	text_of(json_object_object_get(status, "placement"), "cpus", sample->placed,
		sizeof(sample->placed));
	sample->pid = json_get_number(status, "pid");
	sample->now_ns = json_get_number(status, "now_ns");
	sample->connected = json_object_get_boolean(json_object_object_get(status, "connected"));
	sample->bytes = json_get_number(json_object_object_get(status, "disk"), "bytes");
	sample->queue_count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		struct json_object *queue = json_object_array_get_idx(queues, i);

		parse_queue(queue, &sample->queues[i]);
		parse_vcpu(json_object_object_get(status, "vcpus"), queue, &sample->queues[i]);
	}
	return sample;
}

struct sample *sample_take(const char *control)
{
	struct json_object *status;
	struct sample *sample;

	if (rpc_call(control, "status", NULL, &status))
		return NULL;
	sample = sample_parse(status, control);
	json_object_put(status);
	if (!sample)
		log_error("no memory");
	return sample;
}

void sample_sum(const struct sample *sample, struct sample_queue *ret_sum)
{
	memset(ret_sum, 0, sizeof(*ret_sum));
	ret_sum->vcpu = ret_sum->cpu = -1;
	for (uint32_t i = 0; i < sample->queue_count; i++) {
		const struct sample_queue *queue = &sample->queues[i];

		ret_sum->running |= queue->running;
		ret_sum->in_flight += queue->in_flight;
		ret_sum->switches += queue->switches;
		ret_sum->limited_ms += queue->limited_ms;
		queue_counters_add(&ret_sum->counters, &queue->counters);
		histogram_merge(&ret_sum->read, &queue->read);
		histogram_merge(&ret_sum->write, &queue->write);
		histogram_merge(&ret_sum->other, &queue->other);
		histogram_merge(&ret_sum->kick, &queue->kick);
		histogram_merge(&ret_sum->interrupt, &queue->interrupt);
	}
}

/* Numbers in a row; false when one went back. */
static bool subtract(uint64_t *from, const uint64_t *what, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (from[i] < what[i])
			return false;
		from[i] -= what[i];
	}
	return true;
}

bool sample_since(struct sample_queue *queue, const struct sample_queue *before)
{
	return subtract(&queue->limited_ms, &before->limited_ms, 1) &&
	       subtract((uint64_t *)&queue->counters, (const uint64_t *)&before->counters,
			sizeof(queue->counters) / sizeof(uint64_t)) &&
	       histogram_subtract(&queue->read, &before->read) &&
	       histogram_subtract(&queue->write, &before->write) &&
	       histogram_subtract(&queue->other, &before->other) &&
	       histogram_subtract(&queue->kick, &before->kick) &&
	       histogram_subtract(&queue->interrupt, &before->interrupt);
}
