/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's directory in the manager's runtime directory, RUNTIME/vm/NAME: all that a manager needs
 * to know of a VM whose process it did not start.
 *
 *   settings   JSON: what it was attached with. Written first, removed first: without it the VM is
 *              being detached.
 *   disk.sock  where the front-end connects
 *   control    where the VM's process answers (rpc_vm.h)
 *
 * The directory itself is locked (flock) while a process of the VM lives.
 */
#ifndef NVRING_VM_DIR_H
#define NVRING_VM_DIR_H

#include <sys/types.h>
#include <sys/un.h>

#define RUNTIME_DIR "/run/nvring"
#define NOTIFY_DIR  "/notify.d" /* below it: the manager's socket for sd_notify(), and no more */
#define VM_NAME_MAX 64
#define VM_DIR_WHY  256

#define VM_DIR_PATH sizeof(((struct sockaddr_un *)NULL)->sun_path)

struct json_object;

struct vm_dir {
	char path[VM_DIR_PATH];
	char socket[VM_DIR_PATH];
	char control[VM_DIR_PATH];
	char settings[VM_DIR_PATH];
};

/**
 * vm_name_check() - whether a VM may have this name
 * @name: it becomes part of paths
 * @why: set on failure
 *
 * Return: 0 or -EINVAL.
 */
int vm_name_check(const char *name, char why[VM_DIR_WHY]);

/**
 * vm_dir_init() - the paths; nothing is made
 * @dir: filled
 * @runtime: the manager's runtime directory
 * @name: the VM's
 * @why: set on failure
 *
 * Return: 0, -EINVAL for the name, -ENAMETOOLONG for what is too long for a socket's path.
 */
int vm_dir_init(struct vm_dir *dir, const char *runtime, const char *name, char why[VM_DIR_WHY]);

/**
 * vm_dir_save() - make the directory and write the settings, all or nothing
 * @dir: the paths
 * @settings: an object
 *
 * Return: 0 or -errno.
 */
int vm_dir_save(const struct vm_dir *dir, struct json_object *settings);

/* vm_dir_load() - the settings, the caller's, or NULL: errno is ENOENT, or tells what is wrong */
struct json_object *vm_dir_load(const struct vm_dir *dir);

/* vm_dir_forget() - the VM is being detached from now on */
void vm_dir_forget(const struct vm_dir *dir);

/* vm_dir_remove() - it is detached */
void vm_dir_remove(const struct vm_dir *dir);

/**
 * vm_dir_lock() - be sure that no process of the VM lives
 * @dir: the paths
 *
 * Return: a descriptor to be inherited by the next process, which has the lock as long as it
 * lives; -EBUSY while one does, or -errno.
 */
int vm_dir_lock(const struct vm_dir *dir);

/**
 * vm_dir_process() - the process that listens at the control socket
 * @dir: the VM's
 * @ret_pid: set
 *
 * A connection tells its pid, and as long as the connection holds, the pid is not another's.
 * Return: its pidfd, or -errno.
 */
int vm_dir_process(const struct vm_dir *dir, pid_t *ret_pid);

#endif
