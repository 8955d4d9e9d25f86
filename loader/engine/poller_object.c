// SPDX-License-Identifier: GPL-2.0-only
#include "poller_object.h"

#include <string.h>

#include "base/lockdown.h"
#include "base/log.h"
#include "base/pins.h"
#include "direct_maps.h"
#include "hub.h"
#include "user_copy.h"
#include "vm.h"
#include "vring_shadow.h"

#include "base/bpf_util.h"

#include "bpf/poller.skel.h"
#include "bpf/poller_helpers.skel.h"

#define PIN_PROGRAM "poller"
#define PIN_LINK    "poller_link"

static int open_pages(struct poller_object *object)
{
	object->pages = poller_bpf__open();
	if (!object->pages)
		return errno ? -errno : -ENOMEM;
	object->object = object->pages->obj;
	object->pages->rodata->nvr_tgid = bpf_own_tgid();
	return 0;
}

static int load_pages(struct poller_object *object, uint32_t queue_count)
{
	int err = bpf_map__set_max_entries(object->pages->maps.nvr_rings, queue_count);

	return err ? err : poller_bpf__load(object->pages);
}

static int open_helpers(struct poller_object *object)
{
	object->helpers = poller_helpers_bpf__open();
	if (!object->helpers)
		return errno ? -errno : -ENOMEM;
	object->object = object->helpers->obj;
	object->helpers->rodata->nvr_tgid = bpf_own_tgid();
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
	int (*open)(struct poller_object *object);
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

static int try_form(struct vm *vm, const struct form *form, struct poller_object *object,
		    char ret_why[ENGINE_WHY_BYTES])
{
	int err = form->open(object);

	if (err)
		return engine_refuse(ret_why, err, "poller program");
	object->program = choose_program(object->object);
	err = direct_maps_share(vm->maps, object->object);
	if (!err)
		err = stats_memory_share(&vm->stats, object->object);
	if (!err)
		err = form->load(object, vm->options.queues);
	return err ? engine_refuse(ret_why, err, form->refused) : 0;
}

/* Whether the vring may be left to helpers, which can be refused, and copy as they like. */
static int check_helpers(char ret_why[ENGINE_WHY_BYTES])
{
	char text[ENGINE_WHY_BYTES / 2] = "", state[32];
	int found = user_copy_whole(text, sizeof(text));

	if (found == 1)
		return 0;
	if (!found) {
		snprintf(ret_why, ENGINE_WHY_BYTES, "no __uptr map fields in this kernel, and %s",
			 text);
		return -EOPNOTSUPP;
	}
	if (!lockdown_state(state, sizeof(state)) && strcmp(state, "none") != 0)
		snprintf(text, sizeof(text), " (lockdown=%s)", state);
	snprintf(ret_why, ENGINE_WHY_BYTES,
		 "no __uptr map fields in this kernel, and it refuses bpf_probe_write_user%s: %s",
		 text, strerror(-found));
	return found;
}

static int open_with_helpers(struct vm *vm, struct poller_object *object,
			     char ret_why[ENGINE_WHY_BYTES])
{
	int err = check_helpers(ret_why);

	return err ? err : try_form(vm, &helpers_form, object, ret_why);
}

int poller_object_open(struct vm *vm, struct poller_object *ret_object,
		       char ret_why[ENGINE_WHY_BYTES])
{
	struct poller_object object = { 0 };
	char why[ENGINE_WHY_BYTES];
	int err;

	if (bpf_complete_arguments() < 3)
		return engine_refuse(ret_why, -EOPNOTSUPP, "tracepoint io_uring_complete");
	err = try_form(vm, &pages_form, &object, ret_why);
	if (err) {
		poller_object_close(&object);
		log_debug("poller: %s; trying helpers", ret_why);
		err = open_with_helpers(vm, &object, why);
		/* On a kernel that has __uptr the better form's refusal is the one to know. */
		if (err && !bpf_has_uptr())
			memcpy(ret_why, why, sizeof(why));
	}
	if (err) {
		poller_object_close(&object);
		return err;
	}
	object.pins = vm->pins;
	pins_add(object.pins, bpf_program__fd(object.program), PIN_PROGRAM);
	log_debug("poller: the vring is reached by %s", object.pages ? "pointers" : "helpers");
	*ret_object = object;
	return 0;
}

int poller_object_attach(struct poller_object *object, char ret_why[ENGINE_WHY_BYTES])
{
	if (object->link || object->hub ||
	    !hub_join(bpf_program__fd(object->program), &object->hub))
		return 0;
	object->link = bpf_program__attach(object->program);
	if (!object->link)
		return engine_refuse(ret_why, -errno, "io_uring_complete cannot be hooked");
	pins_add(object->pins, bpf_link__fd(object->link), PIN_LINK);
	return 0;
}

void poller_object_detach(struct poller_object *object)
{
	hub_leave(object->hub);
	object->hub = NULL;
	if (!object->link)
		return;
	pins_drop(object->pins, PIN_LINK);
	bpf_link__destroy(object->link);
	object->link = NULL;
}

void poller_object_close(struct poller_object *object)
{
	poller_object_detach(object);
	pins_drop(object->pins, PIN_PROGRAM);
	poller_bpf__destroy(object->pages);
	poller_helpers_bpf__destroy(object->helpers);
	*object = (struct poller_object){ 0 };
}

int poller_object_map(const struct poller_object *object, const char *name)
{
	return bpf_object__find_map_fd_by_name(object->object, name);
}
