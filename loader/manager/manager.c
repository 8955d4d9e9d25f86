// SPDX-License-Identifier: GPL-2.0-only
#include "manager.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/control.h"
#include "base/json_add.h"
#include "base/log.h"
#include "base/unix_socket.h"
#include "rpc_manager.h"
#include "share.h"
#include "share_member.h"

#define CONTROL_MODE 0600
#define MESSAGE_MAX  4096 /* bytes of a datagram of sd_notify() */

struct vm_process *manager_find(struct manager *manager, const char *name)
{
	for (struct vm_process *vm = manager->vms; vm; vm = vm->next)
		if (!strcmp(vm->name, name))
			return vm;
	return NULL;
}

static void tell_systemd(const struct manager *manager)
{
	uint32_t count = 0, serving = 0;

	for (const struct vm_process *vm = manager->vms; vm; vm = vm->next) {
		count++;
		serving += vm->state == VM_SERVING;
	}
	sd_notifyf(0, "STATUS=%u VMs attached, %u served", count, serving);
}

void manager_event(struct manager *manager, const char *vm, const char *what, const char *detail)
{
	int level = LOG_INFO;

	if (!strcmp(what, "failed") || !strcmp(what, "died"))
		level = LOG_WARNING;
	else if (strstr(what, "connected"))
		level = LOG_DEBUG; /* the VM's process has logged it */
	log_line(level, "%s: %s%s%s", vm, what, detail ? ": " : "", detail ? detail : "");
	rpc_manager_event(manager, vm, what, detail);
	tell_systemd(manager);
}

/* In its place by name. */
static void insert(struct manager *manager, struct vm_process *vm)
{
	struct vm_process **at = &manager->vms;

	while (*at && strcmp((*at)->name, vm->name) < 0)
		at = &(*at)->next;
	vm->next = *at;
	*at = vm;
}

static struct vm_process *new_vm(struct manager *manager, const char *name,
				 struct json_object *options, const char *file,
				 char why[VM_DIR_WHY])
{
	struct vm_process *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		snprintf(why, VM_DIR_WHY, "%s", strerror(ENOMEM));
		return NULL;
	}
	vm->manager = manager;
	vm->listen_fd = -1;
	vm->pidfd = -1;
	if (vm_dir_init(&vm->dir, manager->options.runtime_dir, name, why)) {
		vm_process_free(vm);
		return NULL;
	}
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	vm->options = json_object_get(options);
	vm->file = file ? strdup(file) : NULL;
	return vm;
}

struct vm_process *manager_add(struct manager *manager, const char *name,
			       struct json_object *options, const char *file, char why[VM_DIR_WHY])
{
	struct vm_process *vm = new_vm(manager, name, options, file, why);
	int err;

	if (!vm)
		return NULL;
	if (!access(vm->dir.path, F_OK)) {
		snprintf(why, VM_DIR_WHY,
			 "%s is there and not a VM of this manager's; end what uses it and remove "
			 "it",
			 vm->dir.path);
		vm_process_free(vm);
		return NULL;
	}
	err = vm_process_save(vm);
	if (!err) /* before its process is: who connects now waits */
		err = vm_process_listen(vm);
	if (!err)
		err = vm_process_start(vm);
	if (err) {
		snprintf(why, VM_DIR_WHY, "%s: %s", vm->dir.path, strerror(-err));
		vm_dir_remove(&vm->dir);
		vm_process_free(vm);
		return NULL;
	}
	insert(manager, vm);
	return vm;
}

void manager_drop(struct manager *manager, struct vm_process *vm)
{
	struct vm_process **at = &manager->vms;

	while (*at != vm)
		at = &(*at)->next;
	*at = vm->next;
	share_member_free(vm->share);
	vm_process_free(vm);
	tell_systemd(manager);
}

/* A VM that another manager left; without settings it was being detached. */
static void find_vm(struct manager *manager, const char *name)
{
	struct vm_process *vm = new_vm(manager, name, NULL, NULL, (char[VM_DIR_WHY]){ 0 });
	struct json_object *settings, *changed, *file;

	if (!vm)
		return;
	settings = vm_dir_load(&vm->dir);
	if (!settings && errno != ENOENT) {
		log_error("%s: %m; %s is left as it is", vm->dir.settings, name);
		vm_process_free(vm);
		return;
	}
	vm->options = json_object_get(json_object_object_get(settings, "options"));
	changed = json_object_object_get(settings, "changed");
	vm->changed = json_object_get(changed);
	file = json_object_object_get(settings, "file");
	vm->file = file ? strdup(json_object_get_string(file)) : NULL;
	insert(manager, vm);
	if (settings)
		vm_process_start(vm);
	else
		vm_process_detach(vm, NULL);
	json_object_put(settings);
}

static int find_vms(struct manager *manager)
{
	char path[VM_DIR_PATH];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/vm", manager->options.runtime_dir);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			find_vm(manager, entry->d_name);
	closedir(dir);
	return 0;
}

static struct vm_process *find_by_pid(struct manager *manager, pid_t pid)
{
	for (struct vm_process *vm = manager->vms; vm; vm = vm->next)
		if (pid && vm->pid == pid)
			return vm;
	return NULL;
}

/* Who sent a datagram, as the kernel says, or 0: nobody of this PID namespace. */
static pid_t sender(struct msghdr *message)
{
	struct ucred credentials;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&credentials, CMSG_DATA(part), sizeof(credentials));
		return credentials.pid;
	}
	return 0;
}

static int on_notify(sd_event_source *source, int fd, uint32_t events, void *data)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} credentials;
	char text[MESSAGE_MAX + 1];
	struct iovec part = { text, MESSAGE_MAX };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &credentials,
				  .msg_controllen = sizeof(credentials) };
	struct vm_process *vm;
	ssize_t bytes;

	(void)source, (void)events;
	/* Descriptors that come along are not asked for: there is no room, the kernel drops them.
	 */
	bytes = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	vm = bytes > 0 ? find_by_pid(data, sender(&message)) : NULL;
	if (!vm)
		return 0;
	text[bytes] = '\0';
	vm_process_said(vm, text);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	if (info->ssi_signo == SIGHUP)
		json_object_put(manager_apply_config(data));
	else
		sd_event_exit(sd_event_source_get_event(source), 0);
	return 0;
}

static int open_runtime(struct manager *manager)
{
	const char *dir = manager->options.runtime_dir;
	size_t room = sizeof(manager->notify_path);

	if (snprintf(manager->control_path, room, "%s/control", dir) >= (int)room ||
	    snprintf(manager->notify_path, room, "%s" NOTIFY_DIR "/socket", dir) >= (int)room)
		return -ENAMETOOLONG;
	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	manager->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (manager->lock_fd < 0)
		return -errno;
	if (!flock(manager->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	log_error("another nvring daemon manages %s", dir);
	return -EBUSY;
}

/*
 * In a folder that stays, as VMs' processes have that in their roots and nothing else of ours.
 * Those of earlier versions know the socket by another name.
 */
static int open_notify(struct manager *manager)
{
	char path[VM_DIR_PATH];

	snprintf(path, sizeof(path), "%s" NOTIFY_DIR, manager->options.runtime_dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	manager->notify_fd = unix_socket_receive(manager->notify_path);
	if (manager->notify_fd < 0)
		return manager->notify_fd;
	snprintf(path, sizeof(path), "%s/notify", manager->options.runtime_dir);
	unlink(path);
	return symlink(manager->notify_path, path) ? -errno : 0;
}

static int open_sockets(struct manager *manager)
{
	int err = open_notify(manager);

	if (err)
		return err;
	manager->control_fd = unix_socket_listen("the manager's control socket",
						 manager->control_path, CONTROL_MODE);
	return min(manager->control_fd, 0);
}

static int add_sources(struct manager *manager)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	sd_event_source *notify = NULL;
	struct rpc_service service;
	int err;

	rpc_manager_service(manager, &service);
	err = sd_event_default(&manager->event);
	for (size_t i = 0; i < ARRAY_SIZE(signals) && err >= 0; i++)
		err = sd_event_add_signal(manager->event, NULL, signals[i], on_signal, manager);
	if (err >= 0)
		err = sd_event_add_io(manager->event, &notify, manager->notify_fd, EPOLLIN,
				      on_notify, manager);
	/* A process's last words come before its end. */
	if (err >= 0)
		err = sd_event_source_set_priority(notify, SD_EVENT_PRIORITY_IMPORTANT);
	if (err >= 0)
		err = sd_event_source_set_floating(notify, true);
	sd_event_source_unref(notify);
	if (err >= 0)
		err = control_open(manager->event, &service, manager->control_fd,
				   &manager->control);
	if (err >= 0)
		err = sd_event_set_watchdog(manager->event, true);
	return min(err, 0);
}

static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int find_group(struct manager *manager)
{
	const struct group *group;

	if (!manager->options.socket_group)
		return 0;
	group = getgrnam(manager->options.socket_group);
	if (!group) {
		log_error("--socket-group %s: there is no such group",
			  manager->options.socket_group);
		return -ENOENT;
	}
	manager->socket_gid = group->gr_gid;
	return 0;
}

static int open_all(struct manager *manager)
{
	int err = open_runtime(manager);

	if (err == -EBUSY)
		return err;
	if (!err)
		err = open_sockets(manager);
	if (!err)
		err = add_sources(manager);
	if (!err)
		err = find_vms(manager);
	if (!err)
		err = share_open(manager);
	if (err)
		log_error("--runtime-dir %s: %s", manager->options.runtime_dir, strerror(-err));
	return err;
}

static void close_all(struct manager *manager)
{
	rpc_manager_end(manager);
	control_close(manager->control);
	share_close(manager);
	while (manager->vms) {
		struct vm_process *vm = manager->vms;

		manager->vms = vm->next;
		vm_process_free(vm);
	}
	if (manager->control_fd >= 0)
		unlink(manager->control_path);
	if (manager->notify_fd >= 0)
		unlink(manager->notify_path);
	sd_event_unref(manager->event);
	fd_close(manager->control_fd);
	fd_close(manager->notify_fd);
	fd_close(manager->lock_fd);
}

int manager_run(const struct manager_options *options)
{
	struct manager manager = {
		.options = *options,
		.lock_fd = -1,
		.notify_fd = -1,
		.control_fd = -1,
	};
	int err;

	block_signals();
	err = find_group(&manager);
	if (!err)
		err = open_all(&manager);
	if (!err) {
		json_object_put(manager_apply_config(&manager));
		log_info("managing VMs in %s", options->runtime_dir);
		sd_notify(0, "READY=1");
		err = sd_event_loop(manager.event);
		sd_notify(0, "STOPPING=1");
		if (manager.vms)
			log_info("the VMs are served on; `nvring detach --all` ends that");
		if (err < 0)
			log_error("event loop: %s", strerror(-err));
	}
	close_all(&manager);
	return min(err, 0);
}
