/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM as a cgroup (v2): only a process in it, or below it, may be its front-end, but not one
 * where we are ourselves.
 *
 * Paths are as our own cgroup namespace sees them. A cgroup is known by the directory we hold, not
 * by its name: one that is removed and made again is another one. Control thread only.
 */
#ifndef NVRING_CGROUP_H
#define NVRING_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_WHY_BYTES 512
#define CGROUP_OWN	 "nvring" /* below the VM's, where its processes of ours are: cgroup_member.h */

struct cgroup {
	int fd;		       /* its directory */
	uint32_t levels;       /* from it up to where cgroup2 is mounted, that excluded */
	char folder[PATH_MAX]; /* its directory's path */
	char path[PATH_MAX];   /* as /proc/PID/cgroup has it */
};

/**
 * cgroup_open() - find a cgroup
 * @path: of its directory, or relative to the cgroup2 mount, with or without a slash before it; a
 *	pattern, glob(7), names the only one it fits
 * @ret_cgroup: set; free with cgroup_close()
 *
 * Return: 0 or -errno; the cause and the mend are logged.
 */
int cgroup_open(const char *path, struct cgroup **ret_cgroup);

/* cgroup_close() - @cgroup may be NULL */
void cgroup_close(struct cgroup *cgroup);

/* cgroup_find() - the directory of a cgroup named as for cgroup_open(); 0 or -errno. Any thread. */
int cgroup_find(const char *path, char ret_folder[PATH_MAX]);

/**
 * cgroup_file() - the path of a file of a cgroup, or of one above it
 * @cgroup: the cgroup
 * @level: 0 for its own, 1 for its parent's, up to cgroup->levels
 * @name: such as "io.max"
 * @ret_path: filled
 *
 * Return: 0, or -ENAMETOOLONG.
 */
int cgroup_file(const struct cgroup *cgroup, uint32_t level, const char *name,
		char ret_path[PATH_MAX]);

/* cgroup_gone() - whether it was removed */
bool cgroup_gone(const struct cgroup *cgroup);

/**
 * cgroup_holds_path() - whether a cgroup is this one or below it
 * @cgroup: this one
 * @path: as in /proc/PID/cgroup
 */
bool cgroup_holds_path(const struct cgroup *cgroup, const char *path);

/* cgroup_holds_own() - likewise for the part of it where our own processes are */
bool cgroup_holds_own(const struct cgroup *cgroup, const char *path);

/* cgroup_of() - a process's cgroup of the v2 hierarchy; 0 or -errno. Any thread. */
int cgroup_of(pid_t pid, char ret_path[PATH_MAX]);

/**
 * cgroup_file_of() - the path of a file of any cgroup
 * @path: as in /proc/PID/cgroup
 * @name: such as "cgroup.procs"
 * @ret_path: filled
 *
 * Return: 0; -ENOENT when no mount of cgroup2 shows it, or -ENAMETOOLONG.
 */
int cgroup_file_of(const char *path, const char *name, char ret_path[PATH_MAX]);

/* cgroup_frozen() - whether a process is frozen with its cgroup, or is to be; any thread */
bool cgroup_frozen(pid_t pid, char ret_path[PATH_MAX]);

/**
 * cgroup_admits() - whether the process that connected a Unix socket is in the cgroup
 * @cgroup: the VM's
 * @socket_fd: the connection
 * @pid: SO_PEERCRED's
 * @ret_why: filled with a sentence when it is not: the process, its cgroup, and the mend
 *
 * With SO_PEERPIDFD (Linux 6.5) another process that got the number meanwhile is not taken for it.
 */
bool cgroup_admits(const struct cgroup *cgroup, int socket_fd, pid_t pid,
		   char ret_why[CGROUP_WHY_BYTES]);

#endif
