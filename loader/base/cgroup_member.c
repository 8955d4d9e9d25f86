// SPDX-License-Identifier: GPL-2.0-only
#include "cgroup_member.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "log.h"
#include "util.h"

#define TRIES 16 /* while others of the VM come and go */

struct cgroup_member {
	const struct cgroup *cgroup;
	int home_fd; /* cgroup.procs of where we were started, opened with all privileges: */
	int root_fd; /* the kernel asks what the opener might. And of the root cgroup. */
	pid_t other; /* comes along, 0: none */
	bool inside;
	char why[CGROUP_WHY_BYTES]; /* it is not, or empty */
};

static int open_procs(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Say it once. */
static void _printf_(2, 3) stays(struct cgroup_member *member, const char *format, ...)
{
	char why[CGROUP_WHY_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (!strcmp(why, member->why))
		return;
	memcpy(member->why, why, sizeof(why));
	log_warn("this process is not charged to the VM: %s", why);
}

int cgroup_member_open(const struct cgroup *cgroup, struct cgroup_member **ret_member)
{
	char home[PATH_MAX], path[PATH_MAX];
	struct cgroup_member *member;
	int err;

	*ret_member = NULL;
	if (!cgroup)
		return 0;
	member = calloc(1, sizeof(*member));
	if (!member)
		return -ENOMEM;
	member->cgroup = cgroup;
	/* What a killed one left. */
	unlinkat(cgroup->fd, CGROUP_OWN, AT_REMOVEDIR);
	err = cgroup_of(getpid(), home);
	if (!err)
		err = cgroup_file_of(home, "cgroup.procs", path);
	member->home_fd = err ? err : open_procs(path);
	err = cgroup_file(cgroup, cgroup->levels, "cgroup.procs", path);
	member->root_fd = err ? err : open_procs(path);
	if (member->home_fd < 0)
		stays(member, "there would be no way back: its own cgroup, cgroup.procs: %s",
		      strerror(-member->home_fd));
	*ret_member = member;
	return 0;
}

void cgroup_member_close(struct cgroup_member *member)
{
	if (!member)
		return;
	fd_close(member->home_fd);
	fd_close(member->root_fd);
	free(member);
}

void cgroup_member_bring(struct cgroup_member *member, pid_t pid)
{
	if (member)
		member->other = pid;
}

/* All threads of a process, 0: our own; one that is gone is where it should be; 0 or -errno. */
static int move(pid_t pid, int procs_fd)
{
	return dprintf(procs_fd, "%d", (int)pid) > 0 || errno == ESRCH ? 0 : -errno;
}

/* The other one first: where it cannot, we stay, too. */
static int move_to(const struct cgroup_member *member, int procs_fd)
{
	int err = procs_fd < 0 ? procs_fd : 0;

	if (!err && member->other)
		err = move(member->other, procs_fd);
	return err ? err : move(0, procs_fd);
}

/* What others of the VM remove while we come is made again. */
static int enter(const struct cgroup_member *member)
{
	int cgroup_fd = member->cgroup->fd;
	int err = -EAGAIN;

	for (int i = 0; i < TRIES; i++) {
		_cleanup_close_ int fd = -1;

		if (mkdirat(cgroup_fd, CGROUP_OWN, 0755) && errno != EEXIST)
			return -errno;
		fd = openat(cgroup_fd, CGROUP_OWN "/cgroup.procs", O_WRONLY | O_CLOEXEC);
		err = fd < 0 ? -errno : move_to(member, fd);
		if (!err)
			return 0;
		if (err != -ENOENT && err != -ENODEV)
			break;
	}
	if (member->other)
		move(member->other, member->home_fd);
	unlinkat(cgroup_fd, CGROUP_OWN, AT_REMOVEDIR);
	return err;
}

static const char *mend(int err)
{
	if (err == -EOPNOTSUPP)
		return "; it is a threaded cgroup: name the one above it with --cgroup";
	if (err == -EAGAIN)
		return "; raise cgroup.max.descendants or cgroup.max.depth";
	if (err == -EACCES || err == -EPERM)
		return "; it belongs to another user";
	return "";
}

void cgroup_member_enter(struct cgroup_member *member)
{
	int err;

	if (!member || member->home_fd < 0 || member->inside)
		return;
	err = enter(member);
	if (err) {
		stays(member, "cgroup %.300s/%s: %s%s", member->cgroup->path, CGROUP_OWN,
		      strerror(-err), mend(err));
		return;
	}
	member->inside = true;
	member->why[0] = '\0';
}

int cgroup_member_leave(struct cgroup_member *member)
{
	int err;

	if (!member || !member->inside)
		return 0;
	err = move_to(member, member->home_fd);
	if (err == -ENODEV) {
		log_info("the cgroup this process was started in is gone; the root cgroup has it");
		err = move_to(member, member->root_fd);
	}
	if (err) {
		log_error("cgroup %s/%s cannot be left: %s", member->cgroup->path, CGROUP_OWN,
			  strerror(-err));
		return err;
	}
	member->inside = false;
	/* The last one out succeeds. */
	unlinkat(member->cgroup->fd, CGROUP_OWN, AT_REMOVEDIR);
	return 0;
}

bool cgroup_member_inside(const struct cgroup_member *member)
{
	return member && member->inside;
}

const char *cgroup_member_why(const struct cgroup_member *member)
{
	return member && *member->why ? member->why : NULL;
}

void cgroup_member_sweep(const char *path)
{
	char folder[PATH_MAX], own[PATH_MAX + sizeof(CGROUP_OWN)];

	if (cgroup_find(path, folder))
		return;
	snprintf(own, sizeof(own), "%s/%s", folder, CGROUP_OWN);
	rmdir(own);
}

static unsigned long oom_kills(FILE *file)
{
	char line[64];
	unsigned long kills = 0;

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "oom_kill %lu", &kills) == 1)
			break;
	return kills;
}

bool cgroup_member_starved(const char *path, char ret_file[PATH_MAX])
{
	/* A cgroup has such a file while the memory controller is enabled above it. */
	static const char *const files[] = { CGROUP_OWN "/memory.events", "memory.events.local" };
	char folder[PATH_MAX];

	if (cgroup_find(path, folder))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_fclose_ FILE *file = NULL;

		snprintf(ret_file, PATH_MAX, "%.4000s/%s", folder, files[i]);
		file = fopen(ret_file, "re");
		if (file)
			return oom_kills(file) > 0;
	}
	return false;
}

/* What loads BPF for it. */
static void fetch_children(pid_t pid, int procs_fd)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64];
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &child) == 1)
		move(child, procs_fd);
}

bool cgroup_member_fetch(pid_t pid)
{
	char its[PATH_MAX], ours[PATH_MAX], path[PATH_MAX];
	_cleanup_close_ int fd = -1;

	if (cgroup_of(pid, its) || cgroup_of(getpid(), ours) || strcmp(its, "/") != 0 ||
	    !strcmp(ours, its) || cgroup_file_of(ours, "cgroup.procs", path))
		return false;
	fd = open_procs(path);
	if (fd < 0 || move(pid, fd))
		return false;
	fetch_children(pid, fd);
	return true;
}
