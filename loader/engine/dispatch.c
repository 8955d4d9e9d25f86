// SPDX-License-Identifier: GPL-2.0-only
#include "dispatch.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/pins.h"
#include "direct.h"
#include "dispatch_abi.h"
#include "load/loader.h"
#include "vm.h"

#define PIN_PROGRAM "vcpu_dispatch"
#define PIN_LINK    "vcpu_dispatch_link"

struct dispatch {
	int fd[LOAD_DISPATCH_COUNT];	 /* by enum load_dispatch_fd */
	struct dispatch_front *front;	 /* the map's memory */
	struct pins *pins;		 /* where they are shown, or NULL */
	int doorbell[DIRECT_QUEUES_MAX]; /* eventfd id, -1 while not served */
};

static int open_front(struct dispatch *dispatch)
{
	void *memory = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			    dispatch->fd[LOAD_DISPATCH_FRONT], 0);

	if (memory == MAP_FAILED)
		return -errno;
	dispatch->front = memory;
	return 0;
}

int dispatch_open(struct vm *vm, struct dispatch **ret_dispatch, char ret_why[WHY_BYTES])
{
	struct dispatch *dispatch;
	struct load_reply reply;
	int err = loader_ask(vm->loader, LOAD_DISPATCH, 0, &reply);

	if (err)
		return load_reply_refuse(&reply, err, ret_why);
	dispatch = calloc(1, sizeof(*dispatch));
	if (!dispatch) {
		load_reply_close(&reply);
		return why_refuse(ret_why, -ENOMEM, "vCPU dispatch");
	}
	memset(dispatch->doorbell, -1, sizeof(dispatch->doorbell));
	load_reply_take_all(&reply, dispatch->fd, LOAD_DISPATCH_COUNT);
	err = open_front(dispatch);
	if (err) {
		dispatch_close(dispatch);
		return why_refuse(ret_why, err, "vCPU dispatch: its memory");
	}
	dispatch->pins = vm->pins;
	pins_add(vm->pins, dispatch->fd[LOAD_DISPATCH_PROGRAM], PIN_PROGRAM);
	pins_add(vm->pins, dispatch->fd[LOAD_DISPATCH_LINK], PIN_LINK);
	*ret_dispatch = dispatch;
	return 0;
}

void dispatch_close(struct dispatch *dispatch)
{
	if (!dispatch)
		return;
	pins_drop(dispatch->pins, PIN_LINK);
	pins_drop(dispatch->pins, PIN_PROGRAM);
	if (dispatch->front)
		munmap(dispatch->front, PAGE_BYTES);
	for (uint32_t i = 0; i < LOAD_DISPATCH_COUNT; i++)
		fd_close(dispatch->fd[i]);
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
	dispatch->front->process = (uint32_t)vm->front_pid;
	dispatch->front->view = vm->map.view;
	if (bpf_map_update_elem(dispatch->fd[LOAD_DISPATCH_DOORBELLS], &id, &index, BPF_ANY))
		log_warn("queue %u: no vCPU dispatch: %s", index, strerror(errno));
	else
		dispatch->doorbell[index] = id;
}

void dispatch_stop(struct dispatch *dispatch, const struct vhost_queue *queue)
{
	int *id = dispatch ? &dispatch->doorbell[queue->index] : NULL;

	if (!id || *id < 0)
		return;
	bpf_map_delete_elem(dispatch->fd[LOAD_DISPATCH_DOORBELLS], id);
	*id = -1;
}
