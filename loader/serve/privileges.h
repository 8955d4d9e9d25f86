/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the process that serves a VM gives up once it has opened what it serves: a guest that took
 * it over has that disk, as before, and little else.
 */
#ifndef NVRING_PRIVILEGES_H
#define NVRING_PRIVILEGES_H

#include <stdbool.h>

struct privileges {
	bool bpf;	  /* engines are to be chosen at run time: a process apart loads BPF */
	bool passthrough; /* NVMe commands are to be sent */
	bool dispatch;	  /* KVM is to be hooked */
	int socket_dir;	  /* where sockets' files are removed at the end, O_PATH, or -1 */
	int control_dir;
	const char *notify;  /* NOTIFY_SOCKET, or NULL */
	const char *pin_dir; /* a bpffs that is not in /sys, or NULL */
	const char *cgroups; /* likewise the cgroup2 whose files are read */
	const char *cgroup;  /* directory of the VM's, or NULL */
};

/* Who is to live with what is kept. */
enum privileges_role {
	PRIVILEGES_SERVE, /* who faces the guest */
	PRIVILEGES_LOAD,  /* who loads BPF for it (load/loader.h) */
};

/**
 * privileges_confine() - give up the rest of the host, for good, in both roles
 * @keep: what is kept
 *
 * Before the first thread is started: more rights by exec (PR_SET_NO_NEW_PRIVS); by Landlock, where
 * the kernel has it, all files, but to read /proc, /sys and /dev/zero and to change nvring's folder
 * of bpffs and the VM's cgroup; running programs, mounts, and other processes' memory; the paths of
 * all else, the host's Unix sockets among them, where there may be a root of its own
 * (private_root.h); and the network, where there may be one of its own.
 *
 * Return: 0, or -errno; the cause is logged.
 */
int privileges_confine(const struct privileges *keep);

/**
 * privileges_drop() - and what the role does not need
 * @keep: what is kept
 * @role: one of them
 *
 * After privileges_confine(), before the first thread is started, as each has its own: capabilities
 * but those of BPF to load, of locked memory to serve, and CAP_SYS_ADMIN where either takes it; by
 * seccomp all other system calls (syscall_filter.h).
 *
 * Return: 0, or -errno; the cause is logged.
 */
int privileges_drop(const struct privileges *keep, enum privileges_role role);

/* privileges_confinement() - what keeps it so, in words; after privileges_drop() to serve */
const char *privileges_confinement(void);

#endif
