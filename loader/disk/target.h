/* SPDX-License-Identifier: GPL-2.0-only */
/* Whom a command asks: the manager, a VM that it manages, or a daemon by its control socket. */
#ifndef NVRING_TARGET_H
#define NVRING_TARGET_H

#include <argp.h>
#include <stdbool.h>

#include "base/vm_dir.h"

struct json_object;

struct target {
	const char *runtime_dir;
	const char *vm;	     /* or NULL */
	const char *control; /* or NULL */
	bool all;
	char path[VM_DIR_PATH];
};

/* Child parsers, each with options for one kind of command; the input is a struct target. Operands
 * that the command does not take itself are refused. */
extern const struct argp target_manager_argp; /* --runtime-dir */
extern const struct argp target_vm_argp;      /* and --vm */
extern const struct argp target_vms_argp;     /* and --vm or --all: one of them is wanted */
extern const struct argp target_any_argp;     /* and --vm, --control */
extern const struct argp target_one_argp;     /* likewise: one of them is wanted */

/* target_manager() - path of the manager's control socket; ends the program when it is too long */
const char *target_manager(struct target *target);

/* target_vm() - path of the control socket of a VM, likewise */
const char *target_vm(struct target *target, const char *vm);

/* target_socket() - of what --control or --vm names, likewise */
const char *target_socket(struct target *target);

/**
 * target_each() - ask the manager for something for --vm, or one after another for --all
 * @target: whom
 * @method: its params are {"vm": NAME}
 * @report: called with each result
 *
 * Return: exit status, 1 when one failed; the cause is logged.
 */
int target_each(struct target *target, const char *method,
		void (*report)(const char *vm, struct json_object *result));

#endif
