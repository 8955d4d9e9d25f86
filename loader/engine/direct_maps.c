// SPDX-License-Identifier: GPL-2.0-only
#include "direct_maps.h"

#include <string.h>
#include <sys/mman.h>

#include "base/bpf_util.h"

#include "bpf/direct.skel.h"

#define INFLIGHT_FLAGS (BPF_F_MMAPABLE | BPF_F_INNER_MAP) /* as bpf/direct_maps.h has them */

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

static int set_inflight(struct direct_maps *maps, int fd)
{
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(maps->skeleton->maps.nvr_inflights), &zero, &fd,
				   BPF_ANY)
		       ? -errno
		       : 0;
}

int direct_maps_open(uint32_t queue_count, struct direct_maps **ret_maps)
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
	maps->pages_bytes = pages(GUEST_PAGES * sizeof(struct guest_page));
	err = bpf_map__set_max_entries(skeleton->maps.nvr_queues, queue_count);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.nvr_inflight, queue_count);
	if (!err)
		err = direct_bpf__load(skeleton);
	if (!err)
		err = set_inflight(maps, bpf_map__fd(skeleton->maps.nvr_inflight));
	if (!err)
		err = map_memory(bpf_map__fd(skeleton->maps.nvr_queues), maps->queues_bytes,
				 &maps->queues);
	if (!err)
		err = map_memory(bpf_map__fd(skeleton->maps.nvr_vm), maps->vm_bytes, &maps->vm);
	if (!err)
		err = map_memory(bpf_map__fd(skeleton->maps.nvr_guest_pages), maps->pages_bytes,
				 &maps->pages);
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
	if (maps->pages)
		munmap(maps->pages, maps->pages_bytes);
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

int direct_maps_calls_fd(const struct direct_maps *maps)
{
	return bpf_map__fd(maps->skeleton->maps.nvr_calls);
}

int direct_maps_new_inflight(uint32_t queue_count)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = INFLIGHT_FLAGS);
	int fd;

	bpf_log_quietly();
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "nvr_inflight", sizeof(__u32),
			    sizeof(struct inflight_largest), queue_count, &opts);
	return fd < 0 ? -errno : fd;
}

static int map_info(int fd, struct bpf_map_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_map_get_info_by_fd(fd, ret_info, &size) ? -errno : 0;
}

bool direct_maps_suits(int fd, uint32_t queue_count)
{
	struct bpf_map_info info;

	return !map_info(fd, &info) && info.type == BPF_MAP_TYPE_ARRAY &&
	       info.map_flags == INFLIGHT_FLAGS &&
	       info.value_size == sizeof(struct inflight_largest) &&
	       info.max_entries >= queue_count;
}

int direct_maps_use_inflight(struct direct_maps *maps, int fd)
{
	struct bpf_map_info info;
	int err;

	err = map_info(fd, &info);
	/* The kernel takes a while to change it. */
	if (err || info.id == maps->inflight_id)
		return err;
	err = set_inflight(maps, fd);
	if (!err)
		maps->inflight_id = info.id;
	return err;
}
