/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command watches: the manager's VMs, all or some, or daemons by their control sockets. */
#ifndef NVRING_WATCH_H
#define NVRING_WATCH_H

#include <stddef.h>

#include "disk/target.h"

#define WATCH_MAX 1024 /* VMs, daemons */

struct watch {
	struct target target; /* the manager */
	const char *vms[WATCH_MAX], *controls[WATCH_MAX];
	size_t vm_count, control_count;
};

/* A child parser; the input is a struct watch, zeroed: [VM...], --control, perhaps repeated, and
 * --runtime-dir. */
extern const struct argp watch_argp;

/**
 * watch_paths() - where the daemons that are watched answer at this moment
 * @watch: parsed
 * @ret_paths: set, [returned] texts; to be freed with watch_free_paths()
 *
 * Return: how many, at most WATCH_MAX, or -errno when the manager does not tell: it is logged.
 */
int watch_paths(struct watch *watch, char ***ret_paths);

void watch_free_paths(char **paths, int count);

#endif
