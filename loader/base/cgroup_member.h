/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process in the VM's cgroup: what serving costs is charged to the VM, limited and frozen with
 * it, all threads, those of io_uring among them.
 *
 * It is there only while a front-end is connected, in a cgroup of its own beside it,
 * CGROUP/nvring, which several processes share when the VM has several disks; then it goes home,
 * to where it was started, and the last one removes that cgroup. So the VM's is empty when the
 * front-end has left, as without us: systemd ends a scope that is empty, and its removal is what
 * detaches the VM. What a killed process left, empty, is removed by the next that starts, and by
 * the manager.
 *
 * Home may have gone meanwhile: systemd removes a service's cgroup that is empty when the service
 * stops. The root cgroup takes the process then, until a manager fetches it. Control thread only.
 */
#ifndef NVRING_CGROUP_MEMBER_H
#define NVRING_CGROUP_MEMBER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct cgroup;
struct cgroup_member;

/**
 * cgroup_member_open() - be able to go there and back
 * @cgroup: the VM's, used until cgroup_member_close(); NULL: the process stays where it is
 * @ret_member: set, NULL without a cgroup
 *
 * Before privileges are given up.
 * Return: 0 or -ENOMEM.
 */
int cgroup_member_open(const struct cgroup *cgroup, struct cgroup_member **ret_member);

/* cgroup_member_bring() - another process of ours goes where this one goes, from now on; 0: none;
 * @member may be NULL */
void cgroup_member_bring(struct cgroup_member *member, pid_t pid);

/**
 * cgroup_member_enter() - a front-end has connected: go there
 * @member: may be NULL
 *
 * Where that cannot be, the process stays where it is and serves on; a line of the log says why,
 * and cgroup_member_why().
 */
void cgroup_member_enter(struct cgroup_member *member);

/**
 * cgroup_member_leave() - the front-end has left, and nothing is under way: go home
 * @member: may be NULL
 *
 * Return: 0, or -errno where only the process's end takes it out of the VM's cgroup; it is logged.
 */
int cgroup_member_leave(struct cgroup_member *member);

/* cgroup_member_inside() - whether it is there; @member may be NULL */
bool cgroup_member_inside(const struct cgroup_member *member);

/* cgroup_member_why() - why it is not in the VM's cgroup though it should be, or NULL */
const char *cgroup_member_why(const struct cgroup_member *member);

/* cgroup_member_close() - @member may be NULL */
void cgroup_member_close(struct cgroup_member *member);

/**
 * cgroup_member_sweep() - remove what a killed process left in a VM's cgroup, if nobody is in it
 * @path: of the VM's cgroup as for cgroup_open(); it may be gone
 */
void cgroup_member_sweep(const char *path);

/**
 * cgroup_member_starved() - whether the kernel killed somebody for want of memory where a VM's
 * process is, or was until cgroup_member_sweep()
 * @path: of the VM's cgroup as for cgroup_open()
 * @ret_file: filled when so, with what counts it
 */
bool cgroup_member_starved(const char *path, char ret_file[PATH_MAX]);

/**
 * cgroup_member_fetch() - have a process that lost its home in our own cgroup
 * @pid: a VM's process
 *
 * One in any other cgroup than the root is where it should be. Return: whether it was moved.
 */
bool cgroup_member_fetch(pid_t pid);

#endif
