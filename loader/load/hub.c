// SPDX-License-Identifier: GPL-2.0-only
#include "hub.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/bpf_util.h"
#include "base/log.h"
#include "base/pins.h"
#include "hub_abi.h"

#include "bpf/hub.skel.h"

/* Beside the folders of VMs. */
#define PIN_PROGRAMS PINS_BASE "/hub_programs"
#define PIN_SLOTS    PINS_BASE "/hub_slots"
#define PIN_OWNERS   PINS_BASE "/hub_owners"
#define PIN_LINK     PINS_BASE "/hub_link"

struct hub {
	pid_t pid; /* of the process whose completions it is for */
	int lock_fd, programs_fd, slots_fd, owners_fd, link_fd, pidfd;
	uint32_t slot;
	bool joined;
};

static void remove_pins(void)
{
	unlink(PIN_LINK);
	unlink(PIN_OWNERS);
	unlink(PIN_SLOTS);
	unlink(PIN_PROGRAMS);
}

static int pin_all(struct hub_bpf *skeleton)
{
	int err = bpf_map__pin(skeleton->maps.hub_programs, PIN_PROGRAMS);

	if (!err)
		err = bpf_map__pin(skeleton->maps.hub_slots, PIN_SLOTS);
	if (!err)
		err = bpf_map__pin(skeleton->maps.hub_owners, PIN_OWNERS);
	/* Last, for it is what says that all are there. */
	if (!err)
		err = bpf_link__pin(skeleton->links.nvr_hub, PIN_LINK);
	if (err)
		remove_pins();
	return err;
}

static int make(void)
{
	struct hub_bpf *skeleton = hub_bpf__open_and_load();
	int err;

	if (!skeleton)
		return errno ? -errno : -EOPNOTSUPP;
	err = hub_bpf__attach(skeleton);
	if (!err)
		err = pin_all(skeleton);
	hub_bpf__destroy(skeleton);
	return err;
}

static int find(struct hub *hub)
{
	hub->link_fd = bpf_obj_get(PIN_LINK);
	if (hub->link_fd < 0)
		return -errno;
	hub->programs_fd = bpf_obj_get(PIN_PROGRAMS);
	hub->slots_fd = bpf_obj_get(PIN_SLOTS);
	hub->owners_fd = bpf_obj_get(PIN_OWNERS);
	return hub->programs_fd < 0 || hub->slots_fd < 0 || hub->owners_fd < 0 ? -ENOENT : 0;
}

static int lock(struct hub *hub)
{
	struct statfs fs;

	if (mkdir(PINS_BASE, PINS_MODE) && errno != EEXIST)
		return -errno;
	hub->lock_fd = open(PINS_BASE, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (hub->lock_fd < 0 || fstatfs(hub->lock_fd, &fs))
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC)
		return -ENODEV;
	return flock(hub->lock_fd, LOCK_EX) ? -errno : 0;
}

/* By what the link says, as it is not to be followed (private_root.h); 0: unknown. namespaces(7) */
static uint64_t pid_namespace(void)
{
	unsigned long namespace = 0;
	char link[64], text[64] = "";

	snprintf(link, sizeof(link), "/proc/%d/ns/pid", (int)getpid());
	if (readlink(link, text, sizeof(text) - 1) < 0 ||
	    sscanf(text, "pid:[%lu]", &namespace) != 1)
		return 0;
	return namespace;
}

/* Whether a process has died and left its slot. Of others' namespaces we cannot know. */
static bool is_left(const struct hub_owner *owner, uint64_t namespace)
{
	return namespace && owner->pid_namespace == namespace && kill((pid_t)owner->pid, 0) &&
	       errno == ESRCH;
}

static void free_slot(const struct hub *hub, uint32_t slot)
{
	bpf_map_delete_elem(hub->programs_fd, &slot);
	bpf_map_delete_elem(hub->owners_fd, &slot);
}

static int take_slot(struct hub *hub)
{
	const struct hub_owner self = { .pid = (uint32_t)hub->pid,
					.pid_namespace = pid_namespace() };
	struct hub_owner owner;

	for (uint32_t slot = 0; slot < HUB_SLOTS; slot++) {
		if (!bpf_map_lookup_elem(hub->owners_fd, &slot, &owner)) {
			if (!is_left(&owner, self.pid_namespace))
				continue;
			free_slot(hub, slot);
		}
		hub->slot = slot;
		return bpf_map_update_elem(hub->owners_fd, &slot, &self, BPF_NOEXIST) ? -errno : 0;
	}
	return -ENOSPC;
}

static int join(struct hub *hub, int program_fd)
{
	/* One process's run, preempted, would keep those of others from being run. */
	int err = bpf_tracepoints_preempt() ? -EOPNOTSUPP : lock(hub);

	if (err)
		return err;
	err = find(hub);
	if (err == -ENOENT) {
		remove_pins(); /* of who died while making them */
		err = make();
		if (!err)
			err = find(hub);
	}
	if (!err)
		err = take_slot(hub);
	if (err)
		return err;
	hub->joined = true;
	hub->pidfd = pidfd_open(hub->pid, 0);
	if (hub->pidfd < 0 ||
	    bpf_map_update_elem(hub->programs_fd, &hub->slot, &program_fd, BPF_ANY) ||
	    bpf_map_update_elem(hub->slots_fd, &hub->pidfd, &hub->slot, BPF_ANY))
		return -errno;
	flock(hub->lock_fd, LOCK_UN);
	return 0;
}

/* Whether anybody else is there. */
static bool anybody(const struct hub *hub)
{
	uint64_t namespace = pid_namespace();
	struct hub_owner owner;
	uint32_t slot;

	while (!bpf_map_get_next_key(hub->owners_fd, NULL, &slot)) {
		if (bpf_map_lookup_elem(hub->owners_fd, &slot, &owner) ||
		    !is_left(&owner, namespace))
			return true;
		free_slot(hub, slot);
	}
	return false;
}

static void leave(struct hub *hub)
{
	flock(hub->lock_fd, LOCK_EX);
	bpf_map_delete_elem(hub->slots_fd, &hub->pidfd);
	free_slot(hub, hub->slot);
	if (!anybody(hub))
		remove_pins();
}

static void close_all(struct hub *hub)
{
	fd_close(hub->link_fd);
	fd_close(hub->programs_fd);
	fd_close(hub->slots_fd);
	fd_close(hub->owners_fd);
	fd_close(hub->pidfd);
	fd_close(hub->lock_fd); /* and the lock */
	free(hub);
}

static struct hub *new_hub(pid_t pid)
{
	struct hub *hub = malloc(sizeof(*hub));

	if (hub)
		*hub = (struct hub){ pid, -1, -1, -1, -1, -1, -1, 0, false };
	return hub;
}

int hub_join(pid_t pid, int program_fd, struct hub **ret_hub)
{
	struct hub *hub = new_hub(pid);
	int err;

	if (!hub)
		return -ENOMEM;
	err = join(hub, program_fd);
	if (!err) {
		*ret_hub = hub;
		return 0;
	}
	log_debug("poller: no hook shared with other processes: %s", strerror(-err));
	hub_leave(hub);
	return err;
}

void hub_leave(struct hub *hub)
{
	if (!hub)
		return;
	if (hub->joined)
		leave(hub);
	close_all(hub);
}

void hub_sweep(void)
{
	struct hub *hub = new_hub(getpid());

	if (!hub)
		return;
	if (!access(PIN_LINK, F_OK) && !lock(hub) && !find(hub) && !anybody(hub)) {
		log_info("the hook of pollers that are gone is removed");
		remove_pins();
	}
	close_all(hub);
}
