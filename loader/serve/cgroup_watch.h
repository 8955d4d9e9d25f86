/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What becomes of the VM's cgroup while it is served: its io.max limits the VM, and its removal
 * ends us. Control thread only.
 */
#ifndef NVRING_CGROUP_WATCH_H
#define NVRING_CGROUP_WATCH_H

#include <systemd/sd-event.h>

struct cgroup_watch;
struct vm;

/**
 * cgroup_watch_open() - do as the VM's cgroup says, now and later
 * @event: the control thread's; ends with 0 when the cgroup is removed
 * @vm: vm->cgroup is set, or nothing is watched
 * @ret_watch: set, NULL when nothing is watched; free with cgroup_watch_close()
 *
 * Return: 0 or -errno; the cause is logged.
 */
int cgroup_watch_open(sd_event *event, struct vm *vm, struct cgroup_watch **ret_watch);

/* cgroup_watch_moved() - this process went there, or could not: who limits it? @watch may be NULL
 */
void cgroup_watch_moved(struct cgroup_watch *watch);

/* cgroup_watch_close() - @watch may be NULL */
void cgroup_watch_close(struct cgroup_watch *watch);

#endif
