// SPDX-License-Identifier: GPL-2.0-only
#include "dispatch.h"

#include <string.h>

#include "base/bpf_util.h"
#include "base/cgroup.h"
#include "base/log.h"
#include "base/pins.h"
#include "direct_maps.h"
#include "poller_object.h"
#include "vm.h"

#include "bpf/dispatch.skel.h"
#include "bpf/dispatch_helpers.skel.h"

#define PIN_PROGRAM "vcpu_dispatch"
#define PIN_LINK    "vcpu_dispatch_link"

/* The object in the poller's form, and what of it is used. */
struct dispatch {
	struct dispatch_bpf *pages;
	struct dispatch_helpers_bpf *helpers;
	struct bpf_object *object; /* of one of the two */
	struct bpf_link *link;
	struct pins *pins;		 /* where they are shown, or NULL */
	uint32_t *front;		 /* nvr_front, in the daemon's memory */
	__u64 *view;			 /* nvr_view, likewise */
	int doorbell[DIRECT_QUEUES_MAX]; /* eventfd id, -1 while not served */
};

static int open_object(struct dispatch *dispatch, const struct vm *vm, bool helpers)
{
	__u32 confined = vm->cgroup != NULL;

	if (helpers) {
		dispatch->helpers = dispatch_helpers_bpf__open();
		if (!dispatch->helpers)
			return -errno;
		dispatch->object = dispatch->helpers->obj;
		dispatch->helpers->rodata->nvr_tgid = bpf_own_tgid();
		dispatch->helpers->rodata->nvr_confined = confined;
	} else {
		dispatch->pages = dispatch_bpf__open();
		if (!dispatch->pages)
			return -errno;
		dispatch->object = dispatch->pages->obj;
		dispatch->pages->rodata->nvr_tgid = bpf_own_tgid();
		dispatch->pages->rodata->nvr_confined = confined;
	}
	return 0;
}

/* The maps by which the poller's program finds a queue are the poller's own. */
static int share(const struct dispatch *dispatch, const struct poller_object *poller)
{
	static const char *const names[] = { "nvr_rings", "nvr_vrings", "nvr_shadows" };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !err; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(dispatch->object, names[i]);

		if (map)
			err = bpf_map__reuse_fd(map, poller_object_map(poller, names[i]));
	}
	return err;
}

static int confine(const struct dispatch *dispatch, const struct vm *vm)
{
	int map = bpf_object__find_map_fd_by_name(dispatch->object, "nvr_cgroup");
	__u32 zero = 0;

	if (!vm->cgroup)
		return 0;
	return bpf_map_update_elem(map, &zero, &vm->cgroup->fd, BPF_ANY) ? -errno : 0;
}

/* By the skeletons, which map the variables. */
static int load(struct dispatch *dispatch, const struct vm *vm)
{
	struct dispatch_helpers_bpf *helpers = dispatch->helpers;
	struct dispatch_bpf *pages = dispatch->pages;
	struct bpf_program *program;
	int err = -EINVAL;

	if (helpers) {
		err = dispatch_helpers_bpf__load(helpers);
		dispatch->front = &helpers->bss->nvr_front;
		dispatch->view = &helpers->bss->nvr_view;
	} else if (pages) {
		err = dispatch_bpf__load(pages);
		dispatch->front = &pages->bss->nvr_front;
		dispatch->view = &pages->bss->nvr_view;
	}
	if (!err)
		err = confine(dispatch, vm);
	if (err)
		return err;
	program = bpf_object__find_program_by_name(dispatch->object, "nvr_doorbell");
	dispatch->link = bpf_program__attach(program);
	return dispatch->link ? 0 : -errno;
}

int dispatch_open(struct vm *vm, const struct poller_object *poller, struct dispatch **ret_dispatch,
		  char ret_why[ENGINE_WHY_BYTES])
{
	struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
	int err;

	if (!dispatch)
		return engine_refuse(ret_why, -ENOMEM, "vCPU dispatch");
	memset(dispatch->doorbell, -1, sizeof(dispatch->doorbell));
	err = open_object(dispatch, vm, poller->helpers);
	if (!err)
		err = direct_maps_share(vm->maps, dispatch->object);
	if (!err)
		err = stats_memory_share(&vm->stats, dispatch->object);
	if (!err)
		err = share(dispatch, poller);
	if (!err)
		err = load(dispatch, vm);
	if (err) {
		dispatch_close(dispatch);
		return engine_refuse(ret_why, err,
				     "vCPU dispatch: KVM's ioeventfd_write cannot be hooked");
	}
	dispatch->pins = vm->pins;
	pins_add(
		vm->pins,
		bpf_program__fd(bpf_object__find_program_by_name(dispatch->object, "nvr_doorbell")),
		PIN_PROGRAM);
	pins_add(vm->pins, bpf_link__fd(dispatch->link), PIN_LINK);
	*ret_dispatch = dispatch;
	return 0;
}

void dispatch_close(struct dispatch *dispatch)
{
	if (!dispatch)
		return;
	pins_drop(dispatch->pins, PIN_LINK);
	pins_drop(dispatch->pins, PIN_PROGRAM);
	bpf_link__destroy(dispatch->link);
	dispatch_bpf__destroy(dispatch->pages);
	dispatch_helpers_bpf__destroy(dispatch->helpers);
	free(dispatch);
}

/* Of an eventfd, as the kernel counts them; -1 for anything else. Documentation/filesystems/proc */
static int eventfd_id(int fd)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[128];
	int id = -1;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)getpid(), fd);
	file = fopen(path, "re");
	while (file && id < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "eventfd-id: %d", &id) != 1)
			id = -1;
	return id;
}

static int doorbells(const struct dispatch *dispatch)
{
	return bpf_object__find_map_fd_by_name(dispatch->object, "nvr_doorbells");
}

void dispatch_start(struct dispatch *dispatch, const struct vhost_queue *queue)
{
	const struct vm *vm = queue->vm;
	uint32_t index = queue->index;
	int id;

	if (!dispatch)
		return;
	id = eventfd_id(queue->kick_fd);
	if (id < 0 || !vm->map.has_view) {
		log_warn("queue %u: no vCPU dispatch: %s", index,
			 id < 0 ? "the doorbell is no eventfd"
				: "guest memory cannot be mapped as the front-end has it");
		return;
	}
	*dispatch->front = (uint32_t)vm->front_pid;
	*dispatch->view = vm->map.view;
	if (bpf_map_update_elem(doorbells(dispatch), &id, &index, BPF_ANY))
		log_warn("queue %u: no vCPU dispatch: %s", index, strerror(errno));
	else
		dispatch->doorbell[index] = id;
}

void dispatch_stop(struct dispatch *dispatch, const struct vhost_queue *queue)
{
	int *id = dispatch ? &dispatch->doorbell[queue->index] : NULL;

	if (!id || *id < 0)
		return;
	bpf_map_delete_elem(doorbells(dispatch), id);
	*id = -1;
}
