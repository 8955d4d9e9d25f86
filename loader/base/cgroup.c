// SPDX-License-Identifier: GPL-2.0-only
#include "cgroup.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "log.h"
#include "sysfs.h"
#include "util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* A mount of cgroup2. */
struct mount {
	char root[PATH_MAX];  /* the cgroup it shows */
	char point[PATH_MAX]; /* where */
};

/* Whether @path is @folder or below it; @ret_rest: what is behind, "" or "/…". */
static bool is_below(const char *path, const char *folder, const char **ret_rest)
{
	size_t length = strlen(folder);

	if (length && folder[length - 1] == '/')
		length--; /* the root */
	if (strncmp(path, folder, length) != 0 || (path[length] && path[length] != '/'))
		return false;
	*ret_rest = path + length;
	return true;
}

/* The mount that holds @path, or any when @path is NULL; proc_pid_mountinfo(5). */
static bool find_mount(const char *path, struct mount *ret_mount)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	const char *rest;
	bool found = false;

	while (file && getline(&line, &size, file) > 0) {
		struct mount mount;

		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*s %*s %*s %4095s %4095s", mount.root, mount.point) != 2)
			continue;
		/* From outside our cgroup namespace, it shows what /proc has no names for. */
		if (!strncmp(mount.root, "/..", 3))
			continue;
		if (path ? is_below(path, mount.point, &rest) : !found) {
			*ret_mount = mount; /* the last is the topmost */
			found = true;
		}
	}
	return found;
}

/* As realpath(3), or the only directory that a pattern names; 0 or -errno. Backslashes are as in
 * names of units: no escapes. */
static int resolve(const char *path, char ret_folder[PATH_MAX])
{
	glob_t found;
	int err;

	if (realpath(path, ret_folder))
		return 0;
	err = -errno;
	if (!strpbrk(path, "*?[") || glob(path, GLOB_NOESCAPE | GLOB_NOSORT, NULL, &found))
		return err;
	if (found.gl_pathc > 1)
		err = -ENOTUNIQ;
	else
		err = realpath(found.gl_pathv[0], ret_folder) ? 0 : -errno;
	globfree(&found);
	return err;
}

/* Where its directory is; 0 or -errno. */
static int find_folder(const char *path, struct mount *ret_mount, char ret_folder[PATH_MAX])
{
	char joined[2 * PATH_MAX];
	int err;

	if (path[0] == '/' && !resolve(path, ret_folder) && find_mount(ret_folder, ret_mount))
		return 0;
	if (!find_mount(NULL, ret_mount))
		return -ENODEV;
	snprintf(joined, sizeof(joined), "%s/%s", ret_mount->point, path);
	err = resolve(joined, ret_folder);
	if (err)
		return err;
	return find_mount(ret_folder, ret_mount) ? 0 : -EXDEV;
}

int cgroup_find(const char *path, char ret_folder[PATH_MAX])
{
	struct mount mount;

	return find_folder(path, &mount, ret_folder);
}

static int refuse(const char *path, int err)
{
	if (err == -ENODEV)
		log_error("--cgroup %s: cgroup2 is not mounted; mount -t cgroup2 cgroup2 "
			  "/sys/fs/cgroup",
			  path);
	else if (err == -ENOENT)
		log_error("--cgroup %s: no such cgroup; it must exist before, as a scope of "
			  "libvirt or systemd-run does",
			  path);
	else if (err == -ENOTUNIQ)
		log_error("--cgroup %s: there are several; a VM has one", path);
	else if (err == -EXDEV)
		log_error("--cgroup %s: is not within a mount of cgroup2", path);
	else if (err == -EINVAL)
		log_error("--cgroup %s: is the root cgroup, in which every process is; name the "
			  "VM's own",
			  path);
	else
		log_error("--cgroup %s: %s", path, strerror(-err));
	return err;
}

static int open_folder(const char *path, struct cgroup *cgroup)
{
	struct statfs statfs;
	const char *rest = "";
	struct mount mount;
	int err;

	err = find_folder(path, &mount, cgroup->folder);
	if (err)
		return err;
	is_below(cgroup->folder, mount.point, &rest);
	for (const char *at = rest; *at; at++)
		cgroup->levels += *at == '/';
	if (snprintf(cgroup->path, sizeof(cgroup->path), "%s%s",
		     strcmp(mount.root, "/") ? mount.root : "", rest) >= (int)sizeof(cgroup->path))
		return -ENAMETOOLONG;
	if (!cgroup->path[0])
		return -EINVAL;
	cgroup->fd = open(cgroup->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->fd < 0 || fstatfs(cgroup->fd, &statfs))
		return -errno;
	return statfs.f_type == CGROUP2_SUPER_MAGIC ? 0 : -EXDEV;
}

int cgroup_open(const char *path, struct cgroup **ret_cgroup)
{
	struct cgroup *cgroup = calloc(1, sizeof(*cgroup));
	int err;

	if (!cgroup)
		return -ENOMEM;
	cgroup->fd = -1;
	err = open_folder(path, cgroup);
	if (err) {
		cgroup_close(cgroup);
		return refuse(path, err);
	}
	*ret_cgroup = cgroup;
	return 0;
}

void cgroup_close(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	fd_close(cgroup->fd);
	free(cgroup);
}

int cgroup_file(const struct cgroup *cgroup, uint32_t level, const char *name,
		char ret_path[PATH_MAX])
{
	const char *folder = cgroup->folder;
	size_t length = strlen(folder);

	for (uint32_t up = 0; up < level && length; up++) {
		do
			length--;
		while (length && folder[length] != '/');
	}
	return snprintf(ret_path, PATH_MAX, "%.*s/%s", (int)length, folder, name) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

bool cgroup_gone(const struct cgroup *cgroup)
{
	return faccessat(cgroup->fd, "cgroup.procs", F_OK, 0) != 0;
}

bool cgroup_holds_path(const struct cgroup *cgroup, const char *path)
{
	const char *rest;

	return is_below(path, cgroup->path, &rest);
}

bool cgroup_holds_own(const struct cgroup *cgroup, const char *path)
{
	const char *rest, *below;

	return is_below(path, cgroup->path, &rest) && is_below(rest, "/" CGROUP_OWN, &below);
}

/* The line "0::PATH", cgroups(7). */
int cgroup_of(pid_t pid, char ret_path[PATH_MAX])
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	char name[64];
	size_t size = 0;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	file = fopen(name, "re");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret_path, PATH_MAX, "%s", line + 3);
		return 0;
	}
	return -ENOENT;
}

int cgroup_file_of(const char *path, const char *name, char ret_path[PATH_MAX])
{
	const char *rest;
	struct mount mount;

	/* "/../x" is outside our cgroup namespace. */
	if (!find_mount(NULL, &mount) || !is_below(path, mount.root, &rest) ||
	    !strncmp(path, "/..", 3))
		return -ENOENT;
	return snprintf(ret_path, PATH_MAX, "%s%s/%s", mount.point, strcmp(rest, "/") ? rest : "",
			name) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

/*
 * By cgroup.freeze of its cgroup and those above: that some thread still is to get there, or wakes
 * for a moment to do what io_uring asks of it, as cgroup.events would say, is nothing to wait for.
 */
bool cgroup_frozen(pid_t pid, char ret_path[PATH_MAX])
{
	char path[PATH_MAX], file[PATH_MAX];

	if (cgroup_of(pid, path))
		return false;
	snprintf(ret_path, PATH_MAX, "%s", path);
	while (*path && !cgroup_file_of(path, "cgroup.freeze", file)) {
		if (sysfs_number(0, "%s", file) == 1)
			return true;
		*strrchr(path, '/') = '\0';
	}
	return false;
}

/* A pidfd of who connected; -ENOPROTOOPT where the kernel has none to give, or -errno. */
static int pidfd_of(int socket_fd)
{
	socklen_t size = sizeof(int);
	int pidfd;

	return getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) ? -errno : pidfd;
}

/* Whether the process has ended, as far as can be told. */
static bool has_ended(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	return pidfd < 0 ? pidfd != -ENOPROTOOPT : poll(&poll_fd, 1, 0) > 0;
}

bool cgroup_admits(const struct cgroup *cgroup, int socket_fd, pid_t pid,
		   char ret_why[CGROUP_WHY_BYTES])
{
	char path[PATH_MAX], comm[32] = "?";
	_cleanup_close_ int pidfd = pidfd_of(socket_fd);
	int err;

	sysfs_read(comm, sizeof(comm), "/proc/%d/comm", (int)pid);
	err = cgroup_of(pid, path);
	/* What was read is its own, if it still runs. */
	if (err || has_ended(pidfd)) {
		snprintf(ret_why, CGROUP_WHY_BYTES,
			 "process %d, which connected, has ended or is not to be seen from here; "
			 "it must run in cgroup %.300s",
			 (int)pid, cgroup->path);
		return false;
	}
	if (cgroup_holds_own(cgroup, path)) {
		snprintf(ret_why, CGROUP_WHY_BYTES,
			 "process %d (%s) is in cgroup %.300s, which is nvring's own; start it "
			 "beside that",
			 (int)pid, comm, path);
		return false;
	}
	if (cgroup_holds_path(cgroup, path))
		return true;
	snprintf(ret_why, CGROUP_WHY_BYTES,
		 "process %d (%s) is in cgroup %.160s, not in %.160s; start it there, or name its "
		 "own with --cgroup",
		 (int)pid, comm, path, cgroup->path);
	return false;
}
