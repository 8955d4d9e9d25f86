/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The manager of a host's VMs, `nvring daemon`: it starts one process a VM (vm_process.h), starts
 * it again when it dies, and answers at a control socket (rpc_manager.h). One thread, one event
 * loop; nothing in it waits.
 *
 * VMs outlive it: their processes go on when it ends, however it does, and the next manager adopts
 * them by what is in the runtime directory (vm_dir.h).
 */
#ifndef NVRING_MANAGER_H
#define NVRING_MANAGER_H

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "vm_process.h"

#define MANAGER_FOLLOWERS_MAX 8

struct control;
struct rpc_later;
struct share;

struct manager_options {
	const char *runtime_dir;
	const char *config_dir;
	const char *socket_group; /* may connect as a front-end, or NULL: as the umask says */
};

struct manager {
	struct manager_options options;
	gid_t socket_gid; /* of options.socket_group */
	sd_event *event;
	struct control *control;
	char notify_path[VM_DIR_PATH];
	char control_path[VM_DIR_PATH];
	int lock_fd, notify_fd, control_fd;
	struct vm_process *vms; /* by name */
	struct share *share;	/* drives among them, by weight; NULL while nobody does */
	struct rpc_later *followers[MANAGER_FOLLOWERS_MAX];
};

/**
 * manager_run() - manage until SIGTERM or SIGINT
 * @options: from the command line
 *
 * SIGHUP reads the configuration directory again. Return: 0 or -errno; the cause is logged.
 */
int manager_run(const struct manager_options *options);

/* manager_find() - a VM by its name, or NULL */
struct vm_process *manager_find(struct manager *manager, const char *name);

/**
 * manager_add() - take a VM on; it is started from the event loop
 * @manager: the manager
 * @name: of the VM, not taken
 * @options: disk_options_json(); a reference is taken
 * @file: the configuration file it comes from, or NULL for a command
 * @why: set on failure
 *
 * Return: the VM, or NULL.
 */
struct vm_process *manager_add(struct manager *manager, const char *name,
			       struct json_object *options, const char *file, char why[VM_DIR_WHY]);

/* manager_drop() - the VM's process and directory are gone: forget it */
void manager_drop(struct manager *manager, struct vm_process *vm);

/**
 * manager_event() - something happened to a VM: the log and the followers are told
 * @manager: the manager
 * @vm: its name
 * @what: a word of rpc_manager.h
 * @detail: more about it, or NULL
 */
void manager_event(struct manager *manager, const char *vm, const char *what, const char *detail);

/**
 * manager_apply_config() - make what is attached be what the configuration directory says
 * @manager: the manager
 *
 * New files are attached, what came from a file that is gone is detached, what changed is kept for
 * the VM's next start: another disk is nothing to give a running guest. A file with a mistake
 * leaves its VM as it is, and a directory that cannot be read all of them.
 *
 * Return: {"attached", "changed", "detached", "errors": [TEXT, ...]}.
 */
struct json_object *manager_apply_config(struct manager *manager);

#endif
