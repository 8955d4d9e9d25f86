/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM's limits (include/limit.h): putting them in force, and telling of them. Control thread. */
#ifndef NVRING_VM_LIMITS_H
#define NVRING_VM_LIMITS_H

#include <stdint.h>

#include "limit.h"

struct json_object;
struct vhost_queue;
struct vm;

/**
 * vm_limits_set() - limit a VM from now on, as its operator wants it
 * @vm: the VM
 * @per_second: bytes and requests by enum limit_kind, 0 for no limit
 *
 * The tighter one of each of these and of io.max is in force. What was owed under other limits is
 * forgotten, and queues that wait look again, within 0.1 s.
 */
void vm_limits_set(struct vm *vm, const uint64_t per_second[LIMIT_KINDS]);

/* vm_limits_set_io_max() - likewise, as io.max of its cgroup has it */
void vm_limits_set_io_max(struct vm *vm, const uint64_t per_second[LIMIT_KINDS]);

/**
 * vm_limits_set_drive() - let a VM have that much of the drive's time from now on
 * @vm: the VM
 * @percent: of the drive, as status tells it; 0: no limit
 * @ns: what a byte or a request takes of the VM's part of it, by enum limit_kind; not read with 0
 *
 * What was used of another part stays used, so that it can be set often.
 */
void vm_limits_set_drive(struct vm *vm, double percent, const double ns[LIMIT_KINDS]);

/**
 * vm_limits_share() - keep them elsewhere
 * @vm: the VM
 * @to: memory that BPF has, too; NULL for the VM's own, its queues stopped
 */
void vm_limits_share(struct vm *vm, struct limits *to);

/* vm_limits_json() - those in force, by io.max's names, and "share", percent of the drive's time;
 * the caller's; NULL when there are none */
struct json_object *vm_limits_json(const struct vm *vm);

/* vm_limits_queue_json() - how often and how long a queue was held, the caller's */
struct json_object *vm_limits_queue_json(const struct vhost_queue *queue);

#endif
