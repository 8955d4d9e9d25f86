/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A root of the process's own: no more of the host's files have a path than serving asks for later,
 * and no Unix socket but the supervisor's for sd_notify(). Landlock keeps nobody from connecting,
 * and seccomp sees nothing of what io_uring is asked for.
 *
 * In it, at the paths they had, read-only but for bpffs: /proc, whose links are not followed, so
 * that neither another process's root nor a directory that is open, inherited or come from the
 * front-end, has a path either; /sys, and lockdown's state; bpffs from nvring's folder on; cgroup2
 * for a VM with a cgroup; /dev/zero; and the supervisor's socket.
 */
#ifndef NVRING_PRIVATE_ROOT_H
#define NVRING_PRIVATE_ROOT_H

struct privileges;

/**
 * private_root_enter() - go there, for good once mounts and chdir() are refused
 * @keep: what is to be had there, besides what always is
 *
 * Before the first thread is started. Descriptors that are open stay what they are.
 *
 * Return: 0, or -errno: the process sees the files it saw before.
 */
int private_root_enter(const struct privileges *keep);

#endif
