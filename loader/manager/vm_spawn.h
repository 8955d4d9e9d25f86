/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting the process that serves a VM. */
#ifndef NVRING_VM_SPAWN_H
#define NVRING_VM_SPAWN_H

#include <sys/types.h>

#define VM_SPAWN_LISTEN_FD 3 /* in the VM's process, where the front-end connects */

struct json_object;
struct vm_dir;

struct vm_spawn {
	const char *name;	     /* of the VM */
	const struct vm_dir *dir;    /* of the VM */
	struct json_object *options; /* disk_options_json() */
	const char *notify;	     /* path of the manager's socket for sd_notify() */
	int listen_fd;		     /* where the front-end connects; stays the caller's */
	int lock_fd;		     /* from vm_dir_lock(); stays the caller's */
};

/**
 * vm_spawn() - start `nvring serve`
 * @spawn: all about it
 * @ret_pidfd: set, the caller's
 *
 * It is this very program, also when the file it was started from is another one meanwhile. It is
 * in a session of its own, so that a terminal's signals do not reach it.
 *
 * Return: its pid, or -errno.
 */
pid_t vm_spawn(const struct vm_spawn *spawn, int *ret_pidfd);

#endif
