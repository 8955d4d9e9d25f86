// SPDX-License-Identifier: GPL-2.0-only
#include "guest_pages.h"

#include <string.h>

#include "base/bpf_util.h"
#include "base/log.h"
#include "direct_maps.h"
#include "pinned_memory.h"

#include "bpf/guest_pages.skel.h"

static void skeleton_freep(struct guest_pages_bpf **skeleton)
{
	guest_pages_bpf__destroy(*skeleton);
}

static int find(const struct direct_maps *maps, struct guest_pages_args *args)
{
	_cleanup_(skeleton_freep) struct guest_pages_bpf *skeleton = guest_pages_bpf__open();
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(*args));
	int err;

	if (!skeleton)
		return -errno;
	err = direct_maps_share(maps, skeleton->obj);
	if (!err)
		err = guest_pages_bpf__load(skeleton);
	if (!err)
		err = bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.nvr_find_pages),
					     &opts);
	return err ? err : (int)opts.retval;
}

void guest_pages_find(struct direct_maps *maps, const struct pinned_memory *pinned)
{
	struct guest_pages_args args;
	int err;

	memset(maps->pages, 0, maps->pages_bytes);
	if (!pinned)
		return;
	args = pinned_memory_list(pinned, maps->pages);
	err = find(maps, &args);
	if (!err)
		return;
	memset(maps->pages, 0, maps->pages_bytes);
	log_info("BPF copies requests from guest memory, though it is pinned: its pages cannot be "
		 "found: %s",
		 strerror(-err));
}

bool guest_pages_found(const struct direct_maps *maps)
{
	return maps->pages[0].list;
}
