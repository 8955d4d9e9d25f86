// SPDX-License-Identifier: GPL-2.0-only
#include "direct_maps.h"

#include <string.h>
#include <sys/mman.h>

#include "bpf_util.h"

#include "bpf/direct.skel.h"

static size_t pages(size_t bytes)
{
	return (bytes + DIRECT_PAGE - 1) & ~(size_t)(DIRECT_PAGE - 1);
}

/* An array's elements stand in a row, each a multiple of 8 bytes. */
_Static_assert(sizeof(struct direct_queue) % 8 == 0, "elements of the map have no gaps");
_Static_assert(sizeof(struct inflight_largest) % 8 == 0, "likewise");

static int map_memory(int fd, size_t bytes, void *ret_memory)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*(void **)ret_memory = memory;
	return 0;
}

int direct_maps_open(uint32_t queue_count, int inflight_fd, struct direct_maps **ret_maps)
{
	struct direct_maps *maps = calloc(1, sizeof(*maps));
	struct direct_bpf *skeleton;
	int err;

	if (!maps)
		return -ENOMEM;
	bpf_log_quietly();
	skeleton = direct_bpf__open();
	if (!skeleton) {
		err = -errno;
		free(maps);
		return err;
	}
	maps->skeleton = skeleton;
	maps->queue_count = queue_count;
	maps->queues_bytes = pages(queue_count * sizeof(struct direct_queue));
	maps->vm_bytes = pages(sizeof(struct direct_vm));
	err = bpf_map__set_max_entries(skeleton->maps.nvr_queues, queue_count);
	if (!err)
		err = inflight_fd < 0
			      ? bpf_map__set_max_entries(skeleton->maps.nvr_inflight, queue_count)
			      : bpf_map__reuse_fd(skeleton->maps.nvr_inflight, inflight_fd);
	if (!err)
		err = direct_bpf__load(skeleton);
	if (!err)
		err = map_memory(bpf_map__fd(skeleton->maps.nvr_queues), maps->queues_bytes,
				 &maps->queues);
	if (!err)
		err = map_memory(bpf_map__fd(skeleton->maps.nvr_vm), maps->vm_bytes, &maps->vm);
	if (err) {
		direct_maps_close(maps);
		return err;
	}
	*ret_maps = maps;
	return 0;
}

void direct_maps_close(struct direct_maps *maps)
{
	if (!maps)
		return;
	if (maps->queues)
		munmap(maps->queues, maps->queues_bytes);
	if (maps->vm)
		munmap(maps->vm, maps->vm_bytes);
	direct_bpf__destroy(maps->skeleton);
	free(maps);
}

int direct_maps_share(const struct direct_maps *maps, struct bpf_object *object)
{
	struct bpf_map *map, *ours;
	int err = 0;

	bpf_object__for_each_map(ours, maps->skeleton->obj)
	{
		map = bpf_object__find_map_by_name(object, bpf_map__name(ours));
		/* Names of an object's own sections differ from ours. */
		if (map && !bpf_map__is_internal(ours) && !err)
			err = bpf_map__reuse_fd(map, bpf_map__fd(ours));
	}
	return err;
}

int direct_maps_inflight_fd(const struct direct_maps *maps)
{
	return bpf_map__fd(maps->skeleton->maps.nvr_inflight);
}

int direct_maps_calls_fd(const struct direct_maps *maps)
{
	return bpf_map__fd(maps->skeleton->maps.nvr_calls);
}

static int map_info(int fd, struct bpf_map_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_map_get_info_by_fd(fd, ret_info, &size);
}

bool direct_maps_suits(int fd, uint32_t queue_count)
{
	struct bpf_map_info info;

	return !map_info(fd, &info) && info.type == BPF_MAP_TYPE_ARRAY &&
	       info.map_flags & BPF_F_MMAPABLE &&
	       info.value_size == sizeof(struct inflight_largest) &&
	       info.max_entries >= queue_count;
}

bool direct_maps_same(const struct direct_maps *maps, int fd)
{
	struct bpf_map_info ours, other;

	return !map_info(direct_maps_inflight_fd(maps), &ours) && !map_info(fd, &other) &&
	       ours.id == other.id;
}
