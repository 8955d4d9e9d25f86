// SPDX-License-Identifier: GPL-2.0-only
#include "dispatch.h"

#include <string.h>

#include "bpf_util.h"
#include "direct_maps.h"
#include "log.h"
#include "poller_object.h"
#include "vm.h"

#include "bpf/dispatch.skel.h"

struct dispatch {
	struct dispatch_bpf *skeleton;
	int doorbell[DIRECT_QUEUES_MAX]; /* eventfd id, -1 while not served */
};

/* The maps by which the poller's program finds a queue are the poller's own. */
static int share(const struct dispatch *dispatch, const struct poller_object *poller)
{
	struct bpf_map *const maps[] = { dispatch->skeleton->maps.nvr_rings,
					 dispatch->skeleton->maps.nvr_vrings };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(maps) && !err; i++)
		err = bpf_map__reuse_fd(maps[i], poller_object_map(poller, bpf_map__name(maps[i])));
	return err;
}

int dispatch_open(struct vm *vm, const struct poller_object *poller, struct dispatch **ret_dispatch,
		  char ret_why[ENGINE_WHY_BYTES])
{
	struct dispatch *dispatch;
	int err = -ENOMEM;

	if (!poller->pages)
		return engine_refuse(ret_why, -EOPNOTSUPP, "vCPU dispatch without __uptr");
	dispatch = calloc(1, sizeof(*dispatch));

	if (!dispatch)
		return engine_refuse(ret_why, err, "vCPU dispatch");
	memset(dispatch->doorbell, -1, sizeof(dispatch->doorbell));
	dispatch->skeleton = dispatch_bpf__open();
	if (dispatch->skeleton) {
		dispatch->skeleton->rodata->nvr_tgid = (__u32)getpid();
		err = direct_maps_share(vm->maps, dispatch->skeleton->obj);
		if (!err)
			err = share(dispatch, poller);
		if (!err)
			err = dispatch_bpf__load(dispatch->skeleton);
		if (!err)
			err = dispatch_bpf__attach(dispatch->skeleton);
	}
	if (err) {
		dispatch_close(dispatch);
		return engine_refuse(ret_why, err,
				     "vCPU dispatch: KVM's ioeventfd_write cannot be hooked");
	}
	*ret_dispatch = dispatch;
	return 0;
}

void dispatch_close(struct dispatch *dispatch)
{
	if (!dispatch)
		return;
	dispatch_bpf__destroy(dispatch->skeleton);
	free(dispatch);
}

/* Of an eventfd, as the kernel counts them; -1 for anything else. Documentation/filesystems/proc */
static int eventfd_id(int fd)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[128];
	int id = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && id < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "eventfd-id: %d", &id) != 1)
			id = -1;
	return id;
}

void dispatch_start(struct dispatch *dispatch, const struct vhost_queue *queue)
{
	const struct vm *vm = queue->vm;
	uint32_t index = queue->index;
	int id = eventfd_id(queue->kick_fd);

	if (!dispatch)
		return;
	if (id < 0 || !vm->map.has_view) {
		log_warn("queue %u: no vCPU dispatch: %s", index,
			 id < 0 ? "the doorbell is no eventfd"
				: "guest memory cannot be mapped as the front-end has it");
		return;
	}
	dispatch->skeleton->bss->nvr_front = (__u32)vm->front_pid;
	dispatch->skeleton->bss->nvr_view = vm->map.view;
	if (bpf_map__update_elem(dispatch->skeleton->maps.nvr_doorbells, &id, sizeof(id), &index,
				 sizeof(index), BPF_ANY))
		log_warn("queue %u: no vCPU dispatch: %s", index, strerror(errno));
	else
		dispatch->doorbell[index] = id;
}

void dispatch_stop(struct dispatch *dispatch, const struct vhost_queue *queue)
{
	int *id = dispatch ? &dispatch->doorbell[queue->index] : NULL;

	if (!id || *id < 0)
		return;
	bpf_map__delete_elem(dispatch->skeleton->maps.nvr_doorbells, id, sizeof(*id), 0);
	*id = -1;
}
