/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io.weight for VMs that are served by passthrough, which the kernel's cost model never sees: on a
 * drive for which the root cgroup's io.cost.qos enables that model, the manager divides what the
 * model says the drive can do among the VMs that it serves from there, by the weights of their
 * cgroups.
 *
 * Five times a second each process says what it did. While all of them together stay below
 * nine tenths of the drive, and none waits for its share, nobody is limited. Else each may do its
 * fair share at least, which is what it has when all others want theirs, too, and more as others
 * want less. A VM that begins again so finds its fair share free, and the others' are less with the
 * next look, one second later at most.
 *
 * Where no drive has the model enabled, two files are watched, and that is all.
 */
#ifndef NVRING_SHARE_H
#define NVRING_SHARE_H

struct manager;

/* share_open() - for manager->share, which is NULL before; 0 or -errno */
int share_open(struct manager *manager);

/* share_close() - may be called without share_open(); what VMs were told lapses */
void share_close(struct manager *manager);

#endif
