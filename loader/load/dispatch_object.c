// SPDX-License-Identifier: GPL-2.0-only
/* vCPU dispatch, in the poller's form: its maps, by which a queue is found, are the poller's own.
 */
#include "base/bpf_util.h"
#include "direct.h"
#include "dispatch_abi.h"
#include "objects.h"
#include "vring_shadow.h"

#include "bpf/dispatch.skel.h"
#include "bpf/dispatch_helpers.skel.h"

static int share(const struct objects *objects, struct bpf_object *object)
{
	static const char *const names[] = { "nvr_rings", "nvr_vrings", "nvr_shadows" };
	const struct bpf_object *poller = objects->poller.object;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !err; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, names[i]);

		if (map)
			err = bpf_map__reuse_fd(map,
						bpf_object__find_map_fd_by_name(poller, names[i]));
	}
	return err;
}

static int confine(const struct objects *objects, const struct bpf_object *object)
{
	int map = bpf_object__find_map_fd_by_name(object, "nvr_cgroup");
	__u32 zero = 0;

	if (objects->terms.cgroup_fd < 0)
		return 0;
	return bpf_map_update_elem(map, &zero, &objects->terms.cgroup_fd, BPF_ANY) ? -errno : 0;
}

/* The object is opened; what it is told of the VM is set. */
static int load(struct objects *objects, struct bpf_object *object)
{
	int err = objects_share(objects, object);

	if (!err)
		err = share(objects, object);
	if (!err)
		err = bpf_object__load(object);
	return err ? err : confine(objects, object);
}

static int hand(const struct bpf_object *object, struct load_reply *reply)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "nvr_doorbell");
	_cleanup_link_ struct bpf_link *link = bpf_program__attach(program);
	int err = link ? 0 : -errno;

	if (!err)
		err = objects_hand(reply, LOAD_DISPATCH_PROGRAM, bpf_program__fd(program));
	if (!err)
		err = objects_hand(reply, LOAD_DISPATCH_LINK, bpf_link__fd(link));
	if (!err)
		err = objects_hand(reply, LOAD_DISPATCH_DOORBELLS,
				   bpf_object__find_map_fd_by_name(object, "nvr_doorbells"));
	if (!err)
		err = objects_hand(reply, LOAD_DISPATCH_FRONT,
				   bpf_object__find_map_fd_by_name(object, DISPATCH_FRONT_SECTION));
	return err;
}

/* The same for both forms, once their own variables are set. */
static int make(struct objects *objects, struct bpf_object *object, struct load_reply *reply)
{
	int err = load(objects, object);

	return err ? err : hand(object, reply);
}

static int make_pages(struct objects *objects, struct load_reply *reply)
{
	struct dispatch_bpf *skeleton = dispatch_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	skeleton->rodata->nvr_tgid = objects->terms.tgid;
	skeleton->rodata->nvr_confined = objects->terms.cgroup_fd >= 0;
	err = make(objects, skeleton->obj, reply);
	dispatch_bpf__destroy(skeleton);
	return err;
}

static int make_helpers(struct objects *objects, struct load_reply *reply)
{
	struct dispatch_helpers_bpf *skeleton = dispatch_helpers_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	skeleton->rodata->nvr_tgid = objects->terms.tgid;
	skeleton->rodata->nvr_confined = objects->terms.cgroup_fd >= 0;
	err = make(objects, skeleton->obj, reply);
	dispatch_helpers_bpf__destroy(skeleton);
	return err;
}

int objects_dispatch(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	(void)argument;
	if (!objects->poller.object)
		return -EINVAL;
	return objects->poller.helpers ? make_helpers(objects, reply) : make_pages(objects, reply);
}
