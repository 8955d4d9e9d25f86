// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes are seen by inotify: who changes a limit writes io.max, who lets a cgroup have one writes
 * cgroup.subtree_control above it, and who removes one calls rmdir(), which its parent's watch
 * sees. An event says no more than to look at all of it again.
 */
#include "cgroup_watch.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/sysmacros.h>
#include <systemd/sd-daemon.h>

#include "base/cgroup.h"
#include "base/cgroup_member.h"
#include "base/inotify.h"
#include "base/log.h"
#include "base/util.h"
#include "disk/io_max.h"
#include "engine/vm.h"
#include "engine/vm_limits.h"

struct cgroup_watch {
	struct vm *vm;
	int fd; /* inotify */
	sd_event_source *source;
};

static int watch_file(const struct cgroup_watch *watch, uint32_t level, const char *name)
{
	char path[PATH_MAX];
	int err = cgroup_file(watch->vm->cgroup, level, name, path);

	if (!err && inotify_add_watch(watch->fd, path, IN_MODIFY) < 0 && errno != ENOENT)
		err = -errno;
	return err;
}

/* Files come and go with the io controller; a file that is watched already is no other watch. */
static int watch_limits(const struct cgroup_watch *watch)
{
	int err = 0;

	for (uint32_t level = 0; level < watch->vm->cgroup->levels && !err; level++) {
		err = watch_file(watch, level, "io.max");
		if (!err)
			err = watch_file(watch, level + 1, "cgroup.subtree_control");
	}
	return err;
}

/* "rbps 1048576 riops 100", or "none" */
static void describe(const uint64_t per_second[LIMIT_KINDS], char *ret_text, size_t size)
{
	size_t used = 0;

	snprintf(ret_text, size, "none");
	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		if (per_second[kind])
			used += (size_t)snprintf(ret_text + used, size - used, "%s%s %llu",
						 used ? " " : "", io_max_name(kind),
						 (unsigned long long)per_second[kind]);
}

/* What passes the block layer is limited there while this process is in the cgroup: not twice. */
static bool kernel_limits(const struct vm *vm)
{
	return vm->backend.disk.kind != DISK_NVME && cgroup_member_inside(vm->member);
}

static void take_limits(const struct cgroup_watch *watch)
{
	struct vm *vm = watch->vm;
	uint64_t per_second[LIMIT_KINDS];
	char text[160];

	if (!vm->backend.disk_number)
		return;
	memset(per_second, 0, sizeof(per_second));
	if (!kernel_limits(vm))
		io_max_read(vm->cgroup, vm->backend.disk_number, per_second);
	if (!memcmp(per_second, vm->io_max, sizeof(per_second)))
		return;
	describe(per_second, text, sizeof(text));
	log_info("limits by io.max for disk %u:%u: %s%s", major(vm->backend.disk_number),
		 minor(vm->backend.disk_number), text,
		 kernel_limits(vm) ? " of ours, the kernel keeps them" : "");
	vm_limits_set_io_max(vm, per_second);
}

void cgroup_watch_moved(struct cgroup_watch *watch)
{
	if (watch)
		take_limits(watch);
}

static int on_change(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct cgroup_watch *watch = data;

	(void)events;
	inotify_drain(fd);
	if (!cgroup_gone(watch->vm->cgroup)) {
		watch_limits(watch);
		take_limits(watch);
		return 0;
	}
	log_info("the cgroup is gone: %s was removed", watch->vm->cgroup->path);
	sd_notify(0, "STATUS=the cgroup is gone\nX_NVRING_GONE=1");
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int watch_parent(const struct cgroup_watch *watch)
{
	char parent[PATH_MAX + 4];

	snprintf(parent, sizeof(parent), "%s/..", watch->vm->cgroup->folder);
	return inotify_add_watch(watch->fd, parent, IN_DELETE | IN_ONLYDIR) < 0 ? -errno : 0;
}

static int open_all(sd_event *event, struct cgroup_watch *watch)
{
	int err;

	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		return -errno;
	err = watch_parent(watch);
	if (!err)
		err = watch_limits(watch);
	if (err)
		return err;
	take_limits(watch);
	err = sd_event_add_io(event, &watch->source, watch->fd, EPOLLIN, on_change, watch);
	return min(err, 0);
}

int cgroup_watch_open(sd_event *event, struct vm *vm, struct cgroup_watch **ret_watch)
{
	struct cgroup_watch *watch;
	int err;

	*ret_watch = NULL;
	if (!vm->cgroup)
		return 0;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	watch->vm = vm;
	watch->fd = -1;
	err = open_all(event, watch);
	if (err) {
		log_error("--cgroup %s: cannot be watched: %s%s", vm->cgroup->path, strerror(-err),
			  err == -EMFILE   ? "; raise sysctl fs.inotify.max_user_instances"
			  : err == -ENOSPC ? "; raise sysctl fs.inotify.max_user_watches"
					   : "");
		cgroup_watch_close(watch);
		return err;
	}
	*ret_watch = watch;
	return 0;
}

void cgroup_watch_close(struct cgroup_watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->source);
	fd_close(watch->fd);
	free(watch);
}
