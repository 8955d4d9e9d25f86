/* SPDX-License-Identifier: GPL-2.0-only */
/* The view of `nvring top`: what VMs and their queues did between two samples, a line each. */
#ifndef NVRING_TOP_H
#define NVRING_TOP_H

#include <stddef.h>

#include "sample.h"

/* A VM that is watched. */
struct top_vm {
	char *control;
	struct sample *before, *now; /* NULL where there is none */
};

struct top {
	struct top_vm *vms;
	size_t count;
	bool steering; /* what is steered by, and how, in place of what is done */
	bool queues;   /* a line for each, under its VM's */
	bool by_name;  /* order of VMs; else the busiest first */
};

/**
 * top_sample() - ask daemons; what was now is before from then on
 * @top: zeroed, or sampled before
 * @paths: [@count] control sockets; what is no longer among them is forgotten
 * @count: how many; 0 frees all
 *
 * Return: 0 or -ENOMEM.
 */
int top_sample(struct top *top, char *const *paths, size_t count);

/**
 * top_text() - the view as lines: a title, column heads, VMs and queues
 * @top: sampled twice or more; VMs that are not are said to be so. It is put in order
 *
 * Return: text, to be freed, or NULL without memory.
 */
char *top_text(struct top *top);

#endif
