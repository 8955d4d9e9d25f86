// SPDX-License-Identifier: GPL-2.0-only
#include "trace_json.h"

#include <stddef.h>

#include "base/json_add.h"
#include "base/util.h"

static const struct {
	const char *name;
	size_t offset;
} stages[] = {
	{ "kicked_ns", offsetof(struct trace_record, kicked_at) },
	{ "taken_ns", offsetof(struct trace_record, taken_at) },
	{ "submitted_ns", offsetof(struct trace_record, submitted_at) },
	{ "completed_ns", offsetof(struct trace_record, completed_at) },
	{ "published_ns", offsetof(struct trace_record, published_at) },
	{ "interrupted_ns", offsetof(struct trace_record, interrupted_at) },
};

static const char *op_name(uint32_t type)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return "read";
	case VIRTIO_BLK_T_OUT:
		return "write";
	case VIRTIO_BLK_T_FLUSH:
		return "flush";
	case VIRTIO_BLK_T_GET_ID:
		return "identify";
	case VIRTIO_BLK_T_DISCARD:
		return "discard";
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return "zeroes";
	default:
		return "unknown";
	}
}

static struct json_object *record_json(const struct vhost_queue *queue,
				       const struct trace_record *record)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "queue", queue->index);
	/* A queue is drained before it moves; what it moved to may be told of its last ones. */
	json_add_text(object, "engine",
		      !record->by_bpf ? engine_name(ENGINE_WORKER) : queue->stats->engine);
	json_add_number(object, "head", record->head);
	json_add_text(object, "op", op_name(record->type));
	json_add_number(object, "sector", record->sector);
	json_add_number(object, "bytes", record->bytes);
	json_add_bool(object, "handed", record->handed);
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		uint64_t at = *(const uint64_t *)((const char *)record + stages[i].offset);

		if (at)
			json_add_number(object, stages[i].name, at);
	}
	return object;
}

/* Those of a queue since last time. Return: how many of them were overwritten before. */
static uint64_t take(struct vhost_queue *queue, struct json_object *requests)
{
	struct trace *trace = &queue->stats->trace;
	uint32_t tail = __atomic_load_n(&trace->tail, __ATOMIC_ACQUIRE), seen = queue->trace_seen;
	uint64_t lost = 0;

	queue->trace_seen = tail;
	for (; seen != tail; seen++) {
		struct trace_record record = trace->done[seen & (TRACE_RECORDS - 1)];

		/* The next one to be written takes the place of one that is so many behind. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (load_once(&trace->tail) - seen < TRACE_RECORDS)
			json_object_array_add(requests, record_json(queue, &record));
		else
			lost++;
	}
	return lost;
}

struct json_object *trace_json(struct vm *vm, uint32_t every)
{
	struct json_object *object = json_object_new_object();
	struct json_object *requests = json_object_new_array();
	uint64_t lost = 0, until = clock_ns(CLOCK_MONOTONIC) + TRACE_ASKED_S * 1000000000ULL;

	for (uint32_t i = 0; i < vm->options.queues; i++) {
		struct vhost_queue *queue = &vm->queues[i];
		struct trace *trace = &queue->stats->trace;

		if (load_once(&trace->every))
			lost += take(queue, requests);
		else /* of another time */
			queue->trace_seen = load_once(&trace->tail);
		store_once(&trace->until, until);
		store_once(&trace->every, every);
	}
	json_add_number(object, "lost", lost);
	json_object_object_add(object, "requests", requests);
	return object;
}
