// SPDX-License-Identifier: GPL-2.0-only
#include "objects.h"

#include <fcntl.h>

#include "base/bpf_util.h"
#include "direct.h"
#include "vcpu_layout.h"

#include "bpf/direct.skel.h"
#include "bpf/guest_pages.skel.h"

#define MAP_STATS  "nvr_stats"
#define MAP_HALTED "nvr_halted_at"

int objects_open(const struct load_terms *terms, struct objects **ret_objects)
{
	struct objects *objects = calloc(1, sizeof(*objects));

	if (!objects)
		return -ENOMEM;
	objects->terms = *terms;
	objects->halted_fd = -1;
	bpf_log_quietly();
	*ret_objects = objects;
	return 0;
}

void objects_close(struct objects *objects)
{
	if (!objects)
		return;
	poller_object_close(&objects->poller);
	objects_loop_close(objects);
	direct_bpf__destroy(objects->direct);
	fd_close(objects->halted_fd);
	free(objects);
}

int objects_hand(struct load_reply *reply, uint32_t index, int fd)
{
	reply->fd[index] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return reply->fd[index] < 0 ? -errno : 0;
}

/* Where KVM has its vCPUs: what looks for them writes that, engines read it, and nobody else. */
static int share_halted(struct objects *objects, struct bpf_object *object)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, MAP_HALTED);

	if (!map)
		return 0;
	if (objects->halted_fd < 0)
		objects->halted_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, MAP_HALTED, sizeof(__u32),
						    sizeof(__u64), VCPU_HALTED_MAX, NULL);
	return objects->halted_fd < 0 ? -errno : bpf_map__reuse_fd(map, objects->halted_fd);
}

static int share_stats(const struct objects *objects, struct bpf_object *object)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, MAP_STATS);

	if (!map)
		return 0;
	return objects->terms.stats_fd < 0 ? -EOPNOTSUPP
					   : bpf_map__reuse_fd(map, objects->terms.stats_fd);
}

int objects_share(struct objects *objects, struct bpf_object *object)
{
	int err = share_halted(objects, object);
	struct bpf_map *map, *ours;

	if (!err)
		err = share_stats(objects, object);
	if (err || !objects->direct)
		return err;
	bpf_object__for_each_map(ours, objects->direct->obj)
	{
		map = bpf_object__find_map_by_name(object, bpf_map__name(ours));
		/* Names of an object's own sections differ from ours. */
		if (map && !bpf_map__is_internal(ours) && !err)
			err = bpf_map__reuse_fd(map, bpf_map__fd(ours));
	}
	return err;
}

static int load_direct(struct objects *objects, struct direct_bpf *skeleton)
{
	__u32 zero = 0, queues = objects->terms.queues;
	int err = share_halted(objects, skeleton->obj), fd;

	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.nvr_queues, queues);
	if (!err)
		err = bpf_map__set_max_entries(skeleton->maps.nvr_inflight, queues);
	if (!err)
		err = direct_bpf__load(skeleton);
	if (err)
		return err;
	fd = bpf_map__fd(skeleton->maps.nvr_inflight);
	return bpf_map_update_elem(bpf_map__fd(skeleton->maps.nvr_inflights), &zero, &fd, BPF_ANY)
		       ? -errno
		       : 0;
}

static int hand_direct(const struct direct_bpf *skeleton, struct load_reply *reply)
{
	const struct bpf_map *maps[LOAD_DIRECT_COUNT] = {
		[LOAD_DIRECT_QUEUES] = skeleton->maps.nvr_queues,
		[LOAD_DIRECT_VM] = skeleton->maps.nvr_vm,
		[LOAD_DIRECT_INFLIGHTS] = skeleton->maps.nvr_inflights,
		[LOAD_DIRECT_CALLS] = skeleton->maps.nvr_calls,
		[LOAD_DIRECT_PAGES] = skeleton->maps.nvr_guest_pages,
	};
	int err = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(maps) && !err; i++)
		err = objects_hand(reply, i, bpf_map__fd(maps[i]));
	return err;
}

static int make_direct(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	struct direct_bpf *skeleton = direct_bpf__open();
	int err;

	(void)argument;
	if (!skeleton)
		return -errno;
	err = load_direct(objects, skeleton);
	if (!err)
		err = hand_direct(skeleton, reply);
	if (err) {
		direct_bpf__destroy(skeleton);
		return err;
	}
	direct_bpf__destroy(objects->direct);
	objects->direct = skeleton;
	return 0;
}

static int make_inflight(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = DIRECT_INFLIGHT_FLAGS);

	(void)argument;
	reply->fd[0] =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "nvr_inflight", sizeof(__u32),
			       sizeof(struct inflight_largest), objects->terms.queues, &opts);
	return reply->fd[0] < 0 ? -errno : 0;
}

static int make_pages(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	struct guest_pages_bpf *skeleton = guest_pages_bpf__open();
	int err;

	(void)argument;
	if (!skeleton)
		return -errno;
	err = objects_share(objects, skeleton->obj);
	if (!err)
		err = guest_pages_bpf__load(skeleton);
	if (!err)
		err = objects_hand(reply, LOAD_PAGES_FIND,
				   bpf_program__fd(skeleton->progs.nvr_find_pages));
	if (!err)
		err = objects_hand(reply, LOAD_PAGES_TRY,
				   bpf_program__fd(skeleton->progs.nvr_try_page));
	guest_pages_bpf__destroy(skeleton);
	return err;
}

static const struct {
	const char *refused; /* where a maker says nothing itself */
	int (*make)(struct objects *objects, uint32_t argument, struct load_reply *reply);
} kinds[LOAD_KINDS] = {
	[LOAD_DIRECT] = { "the kernel refuses BPF maps", make_direct },
	[LOAD_INFLIGHT] = { "a map to track in", make_inflight },
	[LOAD_PAGES] = { "pages of guest memory", make_pages },
	[LOAD_LOOP] = { "the kernel refuses the loop's BPF program", objects_loop },
	[LOAD_LOOP_OPS] = { "map of the loop's operations", objects_loop_ops },
	[LOAD_POLLER] = { "the kernel refuses the poller's BPF program", objects_poller },
	[LOAD_POLLER_VRING] = { "map of the vring's pages", objects_poller_vring },
	[LOAD_POLLER_JOIN] = { "no hook shared with other processes", objects_poller_join },
	[LOAD_POLLER_LEAVE] = { "the hook shared with other processes", objects_poller_leave },
	[LOAD_DISPATCH] = { "vCPU dispatch: KVM's ioeventfd_write cannot be hooked",
			    objects_dispatch },
	[LOAD_VCPUS] = { "the kernel refuses to look at vCPUs", objects_vcpus },
	[LOAD_KICKER] = { "the kernel refuses to look at doorbells", objects_kicker },
};

int objects_make(struct objects *objects, uint32_t what, uint32_t argument,
		 struct load_reply *ret_reply)
{
	int err;

	load_reply_init(ret_reply);
	if (what >= LOAD_KINDS)
		return why_refuse(ret_reply->why, -EINVAL, "what is to be loaded");
	err = kinds[what].make(objects, argument, ret_reply);
	if (!err)
		return 0;
	load_reply_close(ret_reply);
	return *ret_reply->why ? err : why_refuse(ret_reply->why, err, kinds[what].refused);
}
