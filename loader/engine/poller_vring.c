// SPDX-License-Identifier: GPL-2.0-only
#include "poller_vring.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "direct_queue.h"
#include "used.h"
#include "vm.h"

int poller_vrings_open(const struct poller_program *program, uint32_t queue_count,
		       struct poller_vrings *ret_vrings)
{
	struct poller_vrings *vrings = ret_vrings;
	void *shadows;

	vrings->program = program;
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		vrings->map_fd[i] = -1;
	vrings->self_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (vrings->self_fd < 0)
		return -errno;
	if (program->fd[LOAD_POLLER_SHADOWS] < 0)
		return 0;
	vrings->shadow_bytes = queue_count * sizeof(struct vring_shadow);
	shadows = mmap(NULL, vrings->shadow_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		       program->fd[LOAD_POLLER_SHADOWS], 0);
	if (shadows == MAP_FAILED)
		return -errno;
	vrings->shadows = shadows;
	return 0;
}

void poller_vrings_close(struct poller_vrings *vrings)
{
	if (vrings->shadows)
		munmap(vrings->shadows, vrings->shadow_bytes);
	vrings->shadows = NULL;
	if (!vrings->program)
		return;
	for (uint32_t i = 0; i < DIRECT_QUEUES_MAX; i++)
		fd_close(vrings->map_fd[i]);
	fd_close(vrings->self_fd);
}

/* Where BPF looks for the vring's pages. The kernel takes a while to put a map into another. */
static int make_map(struct poller_vrings *vrings, uint32_t index, char ret_why[WHY_BYTES])
{
	const struct poller_program *program = vrings->program;
	struct load_reply reply;
	int err = loader_ask(program->loader, LOAD_POLLER_VRING, index, &reply);
	_cleanup_close_ int fd = load_reply_take(&reply, 0);

	if (err)
		return load_reply_refuse(&reply, err, ret_why);
	if (bpf_map_update_elem(program->fd[LOAD_POLLER_VRINGS], &index, &fd, BPF_ANY))
		return why_refuse(ret_why, -errno, "map of the vring's pages");
	vrings->map_fd[index] = fd_steal(&fd);
	return 0;
}

int poller_vring_prepare(struct poller_vrings *vrings, const struct vhost_queue *queue,
			 char ret_why[WHY_BYTES])
{
	if (vrings->shadows || vrings->map_fd[queue->index] >= 0)
		return 0;
	return make_map(vrings, queue->index, ret_why);
}

/* Pin the vring's pages: a value of this thread's task storage. */
static int pin(const struct poller_vrings *vrings, const struct vhost_queue *queue)
{
	void *pages[VRING_PAGES];

	direct_queue_window(queue, pages);
	return bpf_map_update_elem(vrings->map_fd[queue->index], &vrings->self_fd, pages, BPF_ANY)
		       ? -errno
		       : 0;
}

static void unpin(const struct poller_vrings *vrings, uint32_t index)
{
	bpf_map_delete_elem(vrings->map_fd[index], &vrings->self_fd);
}

/* Have the whole vring mapped, to be written. */
static int populate(const struct vhost_queue *queue)
{
	void *pages[VRING_PAGES];

	direct_queue_window(queue, pages);
	for (uint32_t i = 0; i < VRING_PAGES; i++)
		if (pages[i] && madvise(pages[i], VRING_PAGE_BYTES, MADV_POPULATE_WRITE))
			return -errno;
	return 0;
}

/* Virtio asks for less, but no driver in the field gives less. */
static bool aligned(const struct vring_memory *vring)
{
	return !(((uintptr_t)vring->avail | (uintptr_t)vring->used) & (VRING_HEAD_BYTES - 1));
}

static int shadow(struct poller_vrings *vrings, struct vhost_queue *queue)
{
	const struct vring_memory *vring = &queue->vring;
	struct vring_shadow *made = &vrings->shadows[queue->index];
	int err = populate(queue);

	if (err)
		return err;
	memset(made, 0, sizeof(*made));
	made->desc = (uintptr_t)vring->desc;
	made->avail = (uintptr_t)vring->avail;
	made->used = (uintptr_t)vring->used;
	made->size = queue->size;
	made->avail_idx = queue->state.last_avail;
	memcpy(&made->used_ring, vring->used,
	       offsetof(struct vring_used, ring) + queue->size * sizeof(struct vring_used_elem));
	made->used_ring.idx = queue->state.published;
	return 0;
}

int poller_vring_give(struct poller_vrings *vrings, struct vhost_queue *queue,
		      char ret_why[WHY_BYTES])
{
	int err;

	if (!vrings->shadows) {
		err = pin(vrings, queue);
		return err ? why_refuse(ret_why, err, "the vring's pages cannot be pinned for BPF")
			   : 0;
	}
	if (!aligned(&queue->vring))
		return why_refuse(ret_why, -EOPNOTSUPP,
				  "the rings are not at multiples of 8, as helpers need them");
	err = shadow(vrings, queue);
	return err ? why_refuse(ret_why, err, "the vring's pages") : 0;
}

/* BPF was to publish these when the pages were back; nobody brings it back now. */
static void publish(const struct vring_shadow *shadow, struct vhost_queue *queue)
{
	struct direct_queue *direct = queue->direct;
	struct queue_state *state = &direct->state;

	for (uint16_t at = state->published; at != state->used_idx; at++) {
		uint16_t slot = at & (state->size - 1);
		const struct vring_used_elem *entry = &shadow->used_ring.ring[slot];

		vring_used_entry(&queue->vring, slot, le32_to_cpu(entry->id),
				 le32_to_cpu(entry->len));
	}
	used_publish(state, &queue->vring);
	inflight_publish(queue->inflight, direct->batch, (uint16_t)direct->batch_count,
			 state->published);
	direct->batch_count = 0;
	if (queue->call_fd >= 0)
		eventfd_write(queue->call_fd, 1);
}

void poller_vring_take(struct poller_vrings *vrings, struct vhost_queue *queue)
{
	struct vring_shadow *shadow = vrings->shadows;

	if (!shadow) {
		unpin(vrings, queue->index);
		return;
	}
	shadow += queue->index;
	if (queue->direct->state.published != queue->direct->state.used_idx)
		publish(shadow, queue);
	shadow->faulted = 0;
	shadow->used = 0;
}

void poller_vring_mend(const struct poller_vrings *vrings, struct vhost_queue *queue)
{
	if (!vrings->shadows || !load_once(&vrings->shadows[queue->index].faulted))
		return;
	queue->mended++;
	/* Memory that is gone is found out by a look. */
	if (populate(queue))
		vring_avail_idx(&queue->vring);
	eventfd_write(queue->kick_fd, 1);
}
