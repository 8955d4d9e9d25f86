// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes are seen by inotify. A cgroup is removed by rmdir(), which its parent's watch sees;
 * whatever is seen, all is looked at again, so an event says no more than that.
 */
#include "cgroup_watch.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "cgroup.h"
#include "log.h"
#include "util.h"
#include "vm.h"

struct cgroup_watch {
	struct vm *vm;
	int fd; /* inotify */
	sd_event_source *source;
};

/* Events are many or few: they all mean the same. */
static void drain(int fd)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(fd, events, sizeof(events)) > 0)
		;
}

static int on_change(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct cgroup_watch *watch = data;

	(void)events;
	drain(fd);
	if (!cgroup_gone(watch->vm->cgroup))
		return 0;
	log_info("the cgroup is gone: %s was removed", watch->vm->cgroup->path);
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
	if (err)
		return err;
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
