/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cgroups of VMs that share a drive, with their io.weight: the tree that share_fill() works on.
 *
 * As for the kernel, a cgroup for which the io controller is not enabled is none: what is in it
 * counts as in the next one above.
 */
#ifndef NVRING_SHARE_TREE_H
#define NVRING_SHARE_TREE_H

#include <sys/types.h>

#include "share_fill.h"

struct share_tree {
	struct share_node *nodes;
	uint64_t *ids; /* of each node's cgroup; 0: a VM */
	size_t count;
};

/**
 * share_tree_add() - add a VM, and its cgroups where they are new
 * @tree: all zero at first
 * @folder: directory of the VM's cgroup; NULL: it has none, and is a child of the root
 * @disk: number of the whole disk
 *
 * In a cgroup a VM has the default weight beside other VMs and cgroups.
 * Return: its node's index, or -ENOMEM.
 */
int share_tree_add(struct share_tree *tree, const char *folder, dev_t disk);

/* share_tree_clear() - forget all */
void share_tree_clear(struct share_tree *tree);

#endif
