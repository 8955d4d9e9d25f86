/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A drive's time among VMs by the weights of their cgroups: the cgroups are a tree, as in the
 * kernel, a child's part of its parent's is its weight by that of all its siblings which are
 * active; VMs are the leaves. Plain arithmetic.
 */
#ifndef NVRING_SHARE_FILL_H
#define NVRING_SHARE_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARE_ALL 1e9 /* a demand that takes all it can get */

struct share_node {
	uint32_t parent; /* its index, less than the node's own; of the root, index 0, anything */
	double weight;	 /* above 0 */
	double demand;	 /* a VM's, as a part of the drive's time: 0..SHARE_ALL; of cgroups it is
			    filled */
	bool active;	 /* likewise: a VM's own, or of any below a cgroup */
	double fair;   /* filled: what it has when all that are active want all; of one that is not:
			  if   it were */
	double filled; /* filled: what it gets as others want less; no more than its demand */
	double weights; /* scratch: the sum of its active children's */
	bool satisfied; /* scratch: it gets its demand */
};

/* share_fill() - @nodes: the root, then the rest, parents before their children */
void share_fill(struct share_node *nodes, size_t count);

#endif
