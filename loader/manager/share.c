// SPDX-License-Identifier: GPL-2.0-only
#include "share.h"

#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sysmacros.h>

#include "base/cgroup.h"
#include "base/inotify.h"
#include "base/log.h"
#include "manager.h"
#include "share_member.h"
#include "share_tree.h"

#define TICK_US	    200000ULL
#define ACCURACY_US 10000
#define SECOND	    5 /* ticks */
#define DRIVES_MAX  64
#define BUSY	    0.9 /* of a drive: from here on it is shared */

struct drive {
	struct io_cost cost;
	struct share_tree tree; /* empty while nobody is limited */
};

struct share {
	struct manager *manager;
	int fd; /* inotify */
	sd_event_source *watch;
	sd_event_source *timer; /* off while there is no drive */
	uint32_t ticks;
	struct drive drives[DRIVES_MAX];
	size_t count;
};

static FILE *open_file(const char *name)
{
	char path[PATH_MAX];

	return cgroup_file_of("/", name, path) ? NULL : fopen(path, "re");
}

static void read_models(struct drive *drives, size_t count)
{
	_cleanup_fclose_ FILE *file = open_file("io.cost.model");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0)
		for (size_t i = 0; i < count; i++)
			io_cost_model_line(line, &drives[i].cost);
}

/* The drives for which the model is enabled; returns how many. */
static size_t read_drives(struct drive ret_drives[DRIVES_MAX])
{
	_cleanup_fclose_ FILE *file = open_file("io.cost.qos");
	_cleanup_free_ char *line = NULL;
	size_t size = 0, count = 0;

	while (file && count < DRIVES_MAX && getline(&line, &size, file) > 0) {
		ret_drives[count] = (struct drive){ 0 };
		count += io_cost_qos_line(line, &ret_drives[count].cost) &&
			 ret_drives[count].cost.enabled;
	}
	read_models(ret_drives, count);
	return count;
}

static const struct drive *find_drive(const struct drive *drives, size_t count, dev_t disk)
{
	for (size_t i = 0; i < count; i++)
		if (drives[i].cost.disk == disk)
			return &drives[i];
	return NULL;
}

static void tell_changes(const struct drive *now, size_t now_count, const struct drive *then,
			 size_t then_count)
{
	for (size_t i = 0; i < now_count; i++)
		if (!find_drive(then, then_count, now[i].cost.disk))
			log_info("disk %u:%u: io.cost.qos enables its cost model: io.weight is "
				 "kept for "
				 "VMs that share it",
				 major(now[i].cost.disk), minor(now[i].cost.disk));
	for (size_t i = 0; i < then_count; i++)
		if (!find_drive(now, now_count, then[i].cost.disk))
			log_info("disk %u:%u: io.cost.qos does not enable its cost model any more",
				 major(then[i].cost.disk), minor(then[i].cost.disk));
}

static void read_again(struct share *share)
{
	struct drive drives[DRIVES_MAX];
	size_t count = read_drives(drives);

	tell_changes(drives, count, share->drives, share->count);
	for (size_t i = 0; i < share->count; i++)
		share_tree_clear(&share->drives[i].tree);
	memcpy(share->drives, drives, count * sizeof(drives[0]));
	share->count = count;
}

/* Who serves which drive now; on others nobody is asked. */
static void join_all(struct share *share)
{
	for (struct vm_process *vm = share->manager->vms; vm; vm = vm->next) {
		const struct drive *drive;

		share_member_find(vm);
		if (!vm->share)
			continue;
		drive = find_drive(share->drives, share->count, vm->share->cost.disk);
		share_member_join(vm->share, drive ? &drive->cost : NULL);
	}
}

/* The first of those on the drive from @vm on, or NULL. */
static struct share_member *member_from(const struct vm_process *vm, const struct drive *drive)
{
	for (; vm; vm = vm->next)
		if (vm->share && vm->share->ask && vm->share->cost.disk == drive->cost.disk)
			return vm->share;
	return NULL;
}

static struct share_member *first_member(const struct share *share, const struct drive *drive)
{
	return member_from(share->manager->vms, drive);
}

static struct share_member *next_member(const struct share_member *member,
					const struct drive *drive)
{
	return member_from(member->vm->next, drive);
}

/* Whether somebody has to be limited. */
static bool is_contended(const struct share *share, const struct drive *drive)
{
	const struct share_member *member;
	double use = 0;
	bool waited = false;

	for (member = first_member(share, drive); member; member = next_member(member, drive)) {
		use += member->use;
		waited |= member->waited;
	}
	return waited || use >= BUSY * drive->cost.capacity;
}

static int plant(const struct share *share, struct drive *drive)
{
	struct share_member *member;

	for (member = first_member(share, drive); member; member = next_member(member, drive)) {
		member->node = share_tree_add(&drive->tree, member->folder, drive->cost.disk);
		if (member->node < 0) {
			share_tree_clear(&drive->tree);
			return member->node;
		}
	}
	return 0;
}

static void divide(const struct share *share, struct drive *drive)
{
	const struct share_member *member;
	struct share_tree *tree = &drive->tree;

	for (size_t i = 0; i < tree->count; i++)
		tree->nodes[i].active = false;
	for (member = first_member(share, drive); member; member = next_member(member, drive)) {
		struct share_node *node = &tree->nodes[member->node];

		node->active = share_member_active(member);
		node->demand = share_member_demand(member);
	}
	share_fill(tree->nodes, tree->count);
}

/* The first look at a drive that has become busy reads the weights; so does each second. */
static void step(struct share *share, struct drive *drive, bool second)
{
	struct share_tree *tree = &drive->tree;
	struct share_member *member;
	uint32_t count = 0;

	for (member = first_member(share, drive); member; member = next_member(member, drive))
		count++;
	if (count < 2 || !is_contended(share, drive))
		share_tree_clear(tree);
	else if (tree->count || !plant(share, drive))
		divide(share, drive);
	for (member = first_member(share, drive); member; member = next_member(member, drive)) {
		double part = 0;

		if (tree->count)
			part = min(max(tree->nodes[member->node].fair,
				       tree->nodes[member->node].filled),
				   1.0);
		if (second || member->still < SHARE_STILL)
			share_member_ask(member, part);
	}
}

static int on_tick(sd_event_source *source, uint64_t usec, void *data)
{
	struct share *share = data;
	bool second = share->ticks++ % SECOND == 0;

	(void)usec;
	if (second) {
		read_again(share);
		join_all(share);
	}
	for (size_t i = 0; i < share->count; i++)
		step(share, &share->drives[i], second);
	sd_event_source_set_time_relative(source, TICK_US);
	return sd_event_source_set_enabled(source, share->count ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* An event says no more than to look again. */
static int on_change(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct share *share = data;

	(void)source, (void)events;
	inotify_drain(fd);
	share->ticks = 0;
	sd_event_source_set_time_relative(share->timer, 0);
	return sd_event_source_set_enabled(share->timer, SD_EVENT_ON);
}

/* Without the files, as in a container, or without the controller, there is nothing to keep. */
static bool watch_files(struct share *share)
{
	static const char *const names[] = { "io.cost.qos", "io.cost.model" };
	char path[PATH_MAX];

	share->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (share->fd < 0 || cgroup_file_of("/", names[i], path) ||
		    inotify_add_watch(share->fd, path, IN_MODIFY) < 0)
			return false;
	return true;
}

int share_open(struct manager *manager)
{
	struct share *share = calloc(1, sizeof(*share));
	int err = 0;

	if (!share)
		return -ENOMEM;
	share->manager = manager;
	manager->share = share;
	if (!watch_files(share)) {
		log_debug("io.weight is not kept: there is no io.cost.qos in the root cgroup, or "
			  "it cannot "
			  "be watched");
		return 0;
	}
	err = sd_event_add_time_relative(manager->event, &share->timer, CLOCK_MONOTONIC, 0,
					 ACCURACY_US, on_tick, share);
	if (err >= 0)
		err = sd_event_add_io(manager->event, &share->watch, share->fd, EPOLLIN, on_change,
				      share);
	return min(err, 0);
}

void share_close(struct manager *manager)
{
	struct share *share = manager->share;

	if (!share)
		return;
	for (struct vm_process *vm = manager->vms; vm; vm = vm->next) {
		share_member_free(vm->share);
		vm->share = NULL;
	}
	for (size_t i = 0; i < share->count; i++)
		share_tree_clear(&share->drives[i].tree);
	sd_event_source_disable_unref(share->watch);
	sd_event_source_disable_unref(share->timer);
	fd_close(share->fd);
	free(share);
	manager->share = NULL;
}
