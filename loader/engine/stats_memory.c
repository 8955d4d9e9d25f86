// SPDX-License-Identifier: GPL-2.0-only
#include "stats_memory.h"

#include <string.h>
#include <sys/mman.h>

#include "base/bpf_util.h"
#include "base/log.h"

#include "bpf/stats.skel.h"

_Static_assert(sizeof(struct queue_stats) % 8 == 0, "elements of the map have no gaps");

/* Return: 0 or -errno; where it fails, nothing is left. */
static int open_map(uint32_t queue_count, struct stats_memory *stats)
{
	struct stats_bpf *skeleton;
	int err;

	bpf_log_quietly();
	skeleton = stats_bpf__open();
	if (!skeleton)
		return -errno;
	err = bpf_map__set_max_entries(skeleton->maps.nvr_stats, queue_count);
	if (!err)
		err = stats_bpf__load(skeleton);
	if (err) {
		stats_bpf__destroy(skeleton);
		return err;
	}
	stats->skeleton = skeleton;
	return 0;
}

int stats_memory_open(uint32_t queue_count, struct stats_memory *ret_stats)
{
	struct stats_memory stats = { .bytes = queue_count * sizeof(struct queue_stats) };
	int err = open_map(queue_count, &stats), fd;

	if (err)
		log_debug("counters are in no BPF map: %s", strerror(-err));
	stats.bytes = (stats.bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	fd = stats_memory_map(&stats);
	stats.queues = mmap(NULL, stats.bytes, PROT_READ | PROT_WRITE,
			    fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	if (stats.queues == MAP_FAILED) {
		stats_bpf__destroy(stats.skeleton);
		return -ENOMEM;
	}
	*ret_stats = stats;
	return 0;
}

void stats_memory_close(struct stats_memory *stats)
{
	if (stats->queues)
		munmap(stats->queues, stats->bytes);
	stats_bpf__destroy(stats->skeleton);
	*stats = (struct stats_memory){ 0 };
}

int stats_memory_map(const struct stats_memory *stats)
{
	return stats->skeleton ? bpf_map__fd(stats->skeleton->maps.nvr_stats) : -1;
}
