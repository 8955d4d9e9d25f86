// SPDX-License-Identifier: GPL-2.0-only
#include "drive_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bpf_util.h"
#include "drive_irq.h"

#include "bpf/drive.skel.h"

struct drive_watch {
	struct drive_bpf *skeleton;
};

int drive_watch_open(struct drive_watch **ret_watch)
{
	struct drive_watch *watch = calloc(1, sizeof(*watch));
	int err;

	if (!watch)
		return -ENOMEM;
	bpf_log_quietly();
	watch->skeleton = drive_bpf__open();
	err = watch->skeleton ? drive_bpf__load(watch->skeleton) : -errno;
	if (!err)
		err = drive_bpf__attach(watch->skeleton);
	if (err) {
		drive_watch_close(watch);
		return err == -ESRCH ? -ENOENT : err; /* libbpf found no such tracepoint */
	}
	*ret_watch = watch;
	return 0;
}

void drive_watch_close(struct drive_watch *watch)
{
	if (!watch)
		return;
	drive_bpf__destroy(watch->skeleton);
	free(watch);
}

static int compare(const void *one, const void *two)
{
	const struct drive_key *a = &((const struct drive_seen *)one)->key;
	const struct drive_key *b = &((const struct drive_seen *)two)->key;

	if (a->drive != b->drive)
		return a->drive < b->drive ? -1 : 1;
	return a->queue < b->queue ? -1 : a->queue > b->queue;
}

/* The CPU's columns of a line of /proc/interrupts, added up, and behind them the interrupt's name.
 */
static uint64_t sum_line(const char *line, const char **ret_name)
{
	const char *at = strchr(line, ':');
	uint64_t sum = 0;
	char *end;

	for (at = at ? at + 1 : line + strlen(line);; at = end) {
		uint64_t count = strtoull(at, &end, 10);

		if (end == at || (*end != ' ' && *end != '\t'))
			break;
		sum += count;
	}
	*ret_name = strrchr(at, ' ') ? strrchr(at, ' ') + 1 : at;
	return sum;
}

struct list {
	struct drive_seen *seen;
	uint32_t count;
};

/* A queue's entry, which is added where there is none; NULL without memory. */
static struct drive_seen *entry(struct list *list, struct drive_key key)
{
	struct drive_seen *more;

	for (uint32_t i = 0; i < list->count; i++)
		if (!memcmp(&list->seen[i].key, &key, sizeof(key)))
			return &list->seen[i];
	more = reallocarray(list->seen, list->count + 1, sizeof(*more));
	if (!more)
		return NULL;
	list->seen = more;
	more[list->count] = (struct drive_seen){ .key = key, .cpu = -1 };
	return &more[list->count++];
}

static int add_times(const struct drive_watch *watch, struct list *list)
{
	int map = bpf_map__fd(watch->skeleton->maps.drive_times);
	struct drive_key key, *last = NULL;

	for (; !bpf_map_get_next_key(map, last, &key); last = &key) {
		struct drive_seen *seen = entry(list, key);

		if (!seen)
			return -ENOMEM;
		bpf_map_lookup_elem(map, &key, &seen->times);
	}
	return 0;
}

static int take_line(const char *line, struct list *list)
{
	struct drive_seen *seen;
	struct drive_key key;
	const char *name;
	uint64_t sum = sum_line(line, &name);

	if (sscanf(name, "nvme%uq%u", &key.drive, &key.queue) != 2)
		return 0;
	seen = entry(list, key);
	if (!seen)
		return -ENOMEM;
	seen->interrupts = sum;
	seen->cpu = drive_irq_cpu((int)strtol(line, NULL, 10));
	return 0;
}

static int add_interrupts(struct list *list)
{
	FILE *file = fopen("/proc/interrupts", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	int err = file ? 0 : -errno;

	while (!err && getline(&line, &room, file) > 0)
		err = take_line(line, list);
	if (file)
		fclose(file);
	return err;
}

int drive_watch_read(const struct drive_watch *watch, struct drive_seen **ret_seen,
		     uint32_t *ret_count)
{
	struct list list = { 0 };
	int err = add_times(watch, &list);

	if (!err)
		err = add_interrupts(&list);
	if (err) {
		free(list.seen);
		return err;
	}
	if (list.count)
		qsort(list.seen, list.count, sizeof(*list.seen), compare);
	*ret_seen = list.seen;
	*ret_count = list.count;
	return 0;
}
