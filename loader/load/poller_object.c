// SPDX-License-Identifier: GPL-2.0-only
#include "poller_object.h"

#include <string.h>

#include "base/bpf_util.h"
#include "base/lockdown.h"
#include "base/log.h"
#include "direct.h"
#include "hub.h"
#include "objects.h"
#include "user_copy.h"
#include "vring_shadow.h"

#include "bpf/poller.skel.h"
#include "bpf/poller_helpers.skel.h"

static int open_pages(struct poller_object *object, uint32_t tgid)
{
	object->pages = poller_bpf__open();
	if (!object->pages)
		return errno ? -errno : -ENOMEM;
	object->object = object->pages->obj;
	object->pages->rodata->nvr_tgid = tgid;
	return 0;
}

static int load_pages(struct poller_object *object, uint32_t queue_count)
{
	int err = bpf_map__set_max_entries(object->pages->maps.nvr_rings, queue_count);

	return err ? err : poller_bpf__load(object->pages);
}

static int open_helpers(struct poller_object *object, uint32_t tgid)
{
	object->helpers = poller_helpers_bpf__open();
	if (!object->helpers)
		return errno ? -errno : -ENOMEM;
	object->object = object->helpers->obj;
	object->helpers->rodata->nvr_tgid = tgid;
	return 0;
}

static int load_helpers(struct poller_object *object, uint32_t queue_count)
{
	int err = bpf_map__set_max_entries(object->helpers->maps.nvr_rings, queue_count);

	if (!err)
		err = bpf_map__set_max_entries(object->helpers->maps.nvr_shadows, queue_count);
	return err ? err : poller_helpers_bpf__load(object->helpers);
}

struct form {
	const char *refused;
	int (*open)(struct poller_object *object, uint32_t tgid);
	int (*load)(struct poller_object *object, uint32_t queue_count);
};

static const struct form pages_form = {
	.refused = "the kernel refuses the poller's BPF program",
	.open = open_pages,
	.load = load_pages,
};

static const struct form helpers_form = {
	.refused = "the kernel refuses the poller's BPF program without __uptr",
	.open = open_helpers,
	.load = load_helpers,
};

/* The tracepoint has the CQE as an argument, or its fields. */
static struct bpf_program *choose_program(struct bpf_object *object)
{
	static const char *const names[] = { "nvr_complete", "nvr_complete612" };
	bool fields = bpf_complete_arguments() > 3;

	bpf_program__set_autoload(bpf_object__find_program_by_name(object, names[!fields]), false);
	return bpf_object__find_program_by_name(object, names[fields]);
}

static int try_form(struct objects *objects, const struct form *form, char ret_why[WHY_BYTES])
{
	struct poller_object *object = &objects->poller;
	int err = form->open(object, objects->terms.tgid);

	if (err)
		return why_refuse(ret_why, err, "poller program");
	object->program = choose_program(object->object);
	err = objects_share(objects, object->object);
	if (!err)
		err = form->load(object, objects->terms.queues);
	return err ? why_refuse(ret_why, err, form->refused) : 0;
}

/* Whether the vring may be left to helpers, which can be refused, and copy as they like. */
static int check_helpers(char ret_why[WHY_BYTES])
{
	char text[WHY_BYTES / 2] = "", state[32];
	int found = user_copy_whole(text, sizeof(text));

	if (found == 1)
		return 0;
	if (!found) {
		snprintf(ret_why, WHY_BYTES, "no __uptr map fields in this kernel, and %s", text);
		return -EOPNOTSUPP;
	}
	if (!lockdown_state(state, sizeof(state)) && strcmp(state, "none") != 0)
		snprintf(text, sizeof(text), " (lockdown=%s)", state);
	snprintf(ret_why, WHY_BYTES,
		 "no __uptr map fields in this kernel, and it refuses bpf_probe_write_user%s: %s",
		 text, strerror(-found));
	return found;
}

static int open_with_helpers(struct objects *objects, char ret_why[WHY_BYTES])
{
	int err = check_helpers(ret_why);

	return err ? err : try_form(objects, &helpers_form, ret_why);
}

static int open_object(struct objects *objects, char ret_why[WHY_BYTES])
{
	char why[WHY_BYTES];
	int err;

	if (bpf_complete_arguments() < 3)
		return why_refuse(ret_why, -EOPNOTSUPP, "tracepoint io_uring_complete");
	err = try_form(objects, &pages_form, ret_why);
	if (!err)
		return 0;
	poller_object_close(&objects->poller);
	log_debug("poller: %s; trying helpers", ret_why);
	err = open_with_helpers(objects, why);
	/* On a kernel that has __uptr the better form's refusal is the one to know. */
	if (err && !bpf_has_uptr())
		memcpy(ret_why, why, sizeof(why));
	return err;
}

static int hand(const struct poller_object *object, struct load_reply *reply)
{
	static const struct {
		uint32_t index;
		const char *map;
	} maps[] = {
		{ LOAD_POLLER_RINGS, "nvr_rings" },
		{ LOAD_POLLER_VRINGS, "nvr_vrings" },
		{ LOAD_POLLER_SHADOWS, "nvr_shadows" },
	};
	int err = objects_hand(reply, LOAD_POLLER_PROGRAM, bpf_program__fd(object->program));

	/* A form has no maps of the other. */
	for (size_t i = 0; i < ARRAY_SIZE(maps) && !err; i++) {
		int fd = bpf_object__find_map_fd_by_name(object->object, maps[i].map);

		if (fd >= 0)
			err = objects_hand(reply, maps[i].index, fd);
	}
	return err;
}

int objects_poller(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	int err;

	(void)argument;
	poller_object_close(&objects->poller);
	err = open_object(objects, reply->why);
	if (!err)
		err = hand(&objects->poller, reply);
	if (err)
		poller_object_close(&objects->poller);
	return err;
}

/* Where BPF looks for a vring's pages. */
int objects_poller_vring(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	const struct poller_bpf *skeleton = objects->poller.pages;
	const struct bpf_map *model;

	if (!skeleton || argument >= objects->terms.queues)
		return -EINVAL;
	model = skeleton->maps.nvr_vring;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC,
		    .btf_fd = (__u32)bpf_object__btf_fd(skeleton->obj),
		    .btf_key_type_id = bpf_map__btf_key_type_id(model),
		    .btf_value_type_id = bpf_map__btf_value_type_id(model));
	reply->fd[0] = bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "nvr_vring", sizeof(int),
				      VRING_PAGES * sizeof(void *), 0, &opts);
	return reply->fd[0] < 0 ? -errno : 0;
}

int objects_poller_join(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	struct poller_object *object = &objects->poller;

	(void)argument;
	(void)reply;
	if (!object->program)
		return -EINVAL;
	return object->hub ? 0
			   : hub_join(objects->terms.pid, bpf_program__fd(object->program),
				      &object->hub);
}

int objects_poller_leave(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	(void)argument;
	(void)reply;
	hub_leave(objects->poller.hub);
	objects->poller.hub = NULL;
	return 0;
}

void poller_object_close(struct poller_object *object)
{
	hub_leave(object->hub);
	poller_bpf__destroy(object->pages);
	poller_helpers_bpf__destroy(object->helpers);
	*object = (struct poller_object){ 0 };
}
