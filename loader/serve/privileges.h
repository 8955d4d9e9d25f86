/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the process that serves a VM gives up once it has opened what it serves: a guest that took
 * it over has that disk, as before, and little else.
 */
#ifndef NVRING_PRIVILEGES_H
#define NVRING_PRIVILEGES_H

#include <stdbool.h>

struct privileges {
	bool bpf;	  /* engines are to be chosen at run time */
	bool passthrough; /* NVMe commands are to be sent */
	bool dispatch;	  /* KVM is to be hooked */
	int socket_dir;	  /* where sockets' files are removed at the end, O_PATH, or -1 */
	int control_dir;
	const char *notify;  /* NOTIFY_SOCKET, or NULL */
	const char *pin_dir; /* a bpffs that is not in /sys, or NULL */
	const char *cgroups; /* likewise the cgroup2 whose files are read */
	const char *cgroup;  /* directory of the VM's, or NULL */
};

/**
 * privileges_drop() - keep what serving needs, for good
 * @keep: what that is
 *
 * Before the first thread is started, as each has its own: capabilities but those of BPF, where
 * that is wanted, and locked memory; more by exec (PR_SET_NO_NEW_PRIVS); by Landlock,
 * where the kernel has it, all files, but to read /proc, /sys and /dev/zero and to change nvring's
 * folder of bpffs and the VM's cgroup; running programs, mounts, and other processes' memory; the
 * paths of all else, the host's Unix sockets among them, where it may have a root of its own
 * (private_root.h); by seccomp all system calls that it does not need (syscall_filter.h); and the
 * network, where it may have one of its own.
 *
 * Return: 0, or -errno; the cause is logged.
 */
int privileges_drop(const struct privileges *keep);

/* privileges_confinement() - what keeps it so, in words; after privileges_drop() */
const char *privileges_confinement(void);

#endif
