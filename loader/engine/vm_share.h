/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's share of its drive's time, in the VM's process: the manager, which weighs the VMs
 * (manager/share.h), is told what this one did, and says what it may. What it says holds for
 * VM_SHARE_US; without a manager a VM is not limited. Control thread only.
 */
#ifndef NVRING_VM_SHARE_H
#define NVRING_VM_SHARE_H

#include <systemd/sd-event.h>

#include "limit.h"

#define VM_SHARE_US 2000000ULL

struct json_object;
struct vm;

/* vm_share_open() - for vm->share, which is NULL before; 0 or -errno */
int vm_share_open(sd_event *event, struct vm *vm);

/* vm_share_close() - may be called without vm_share_open() */
void vm_share_close(struct vm *vm);

/**
 * vm_share_set() - a share, until the next one or for VM_SHARE_US
 * @vm: the VM
 * @percent: of the drive's time; 0: no limit
 * @ns: as vm_limits_set_drive()
 */
void vm_share_set(struct vm *vm, double percent, const double ns[LIMIT_KINDS]);

/**
 * vm_share_report() - what the VM did so far
 * @vm: the VM
 *
 * Return: {"now_ns", "rbps", "wbps", "riops", "wiops": totals of what io.max limits a second of,
 * "waited": BOOL, since the last report, as it had used its share up}, the caller's. As the
 * kernel's model, it has reads and writes alone.
 */
struct json_object *vm_share_report(struct vm *vm);

#endif
