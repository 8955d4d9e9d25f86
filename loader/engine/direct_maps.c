// SPDX-License-Identifier: GPL-2.0-only
#include "direct_maps.h"

#include <string.h>
#include <sys/mman.h>

#include "base/bpf_util.h"

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

static int open_memory(struct direct_maps *maps)
{
	int err = map_memory(maps->fd[LOAD_DIRECT_QUEUES], maps->queues_bytes, &maps->queues);

	if (!err)
		err = map_memory(maps->fd[LOAD_DIRECT_VM], maps->vm_bytes, &maps->vm);
	if (!err)
		err = map_memory(maps->fd[LOAD_DIRECT_PAGES], maps->pages_bytes, &maps->pages);
	return err;
}

int direct_maps_open(struct loader *loader, uint32_t queue_count, struct direct_maps **ret_maps,
		     char ret_why[WHY_BYTES])
{
	struct direct_maps *maps;
	struct load_reply reply;
	int err = loader_ask(loader, LOAD_DIRECT, 0, &reply);

	if (err)
		return load_reply_refuse(&reply, err, ret_why);
	maps = calloc(1, sizeof(*maps));
	if (!maps) {
		load_reply_close(&reply);
		return why_refuse(ret_why, -ENOMEM, "BPF maps");
	}
	load_reply_take_all(&reply, maps->fd, LOAD_DIRECT_COUNT);
	maps->queue_count = queue_count;
	maps->queues_bytes = pages(queue_count * sizeof(struct direct_queue));
	maps->vm_bytes = pages(sizeof(struct direct_vm));
	maps->pages_bytes = pages(GUEST_PAGES * sizeof(struct guest_page));
	err = open_memory(maps);
	if (err) {
		direct_maps_close(maps);
		return why_refuse(ret_why, err, "memory of BPF maps");
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
	for (uint32_t i = 0; i < LOAD_DIRECT_COUNT; i++)
		fd_close(maps->fd[i]);
	free(maps);
}

int direct_maps_calls_fd(const struct direct_maps *maps)
{
	return maps->fd[LOAD_DIRECT_CALLS];
}

int direct_maps_new_inflight(struct loader *loader)
{
	struct load_reply reply;
	int err = loader_ask(loader, LOAD_INFLIGHT, 0, &reply);

	return err ? err : load_reply_take(&reply, 0);
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
	       info.map_flags == DIRECT_INFLIGHT_FLAGS &&
	       info.value_size == sizeof(struct inflight_largest) &&
	       info.max_entries >= queue_count;
}

int direct_maps_use_inflight(struct direct_maps *maps, int fd)
{
	struct bpf_map_info info;
	__u32 zero = 0;
	int err = map_info(fd, &info);

	/* The kernel takes a while to change it. */
	if (err || info.id == maps->inflight_id)
		return err;
	if (bpf_map_update_elem(maps->fd[LOAD_DIRECT_INFLIGHTS], &zero, &fd, BPF_ANY))
		return -errno;
	maps->inflight_id = info.id;
	return 0;
}
