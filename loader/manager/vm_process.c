// SPDX-License-Identifier: GPL-2.0-only
#include "vm_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "base/cgroup.h"
#include "base/cgroup_member.h"
#include "base/json_add.h"
#include "base/log.h"
#include "base/rpc.h"
#include "base/unix_socket.h"
#include "manager.h"
#include "vm_spawn.h"

#define GROUP_MODE   0660	 /* of a socket with --socket-group */
#define LOOK_US	     10000ULL	 /* before the second look for a process of an earlier manager */
#define LOOK_MAX_US  1000000ULL	 /* the longest */
#define DELAY_US     100000ULL	 /* before a second start that is early; doubled with each more */
#define DELAY_MAX_US 5000000ULL	 /* the longest */
#define STEADY_US    10000000ULL /* who served so long is started again at once */
#define CGROUP_US    2000000ULL	 /* between looks for a cgroup that is not there */

static void start_or_find(struct vm_process *vm);
static void ended(struct vm_process *vm, const char *how);

bool vm_process_frozen(const struct vm_process *vm)
{
	char path[PATH_MAX];

	return vm->pid && cgroup_frozen(vm->pid, path);
}

const char *vm_process_state_name(const struct vm_process *vm)
{
	switch (vm->state) {
	case VM_STARTING:
		return vm->failed ? "failed" : "starting";
	case VM_SERVING:
		return vm_process_frozen(vm) ? "frozen" : "serving";
	case VM_STOPPING:
		return "stopping";
	case VM_WAITING:
		return vm->absent ? "waiting" : vm->failed ? "failed" : "restarting";
	default:
		return "?";
	}
}

static uint64_t now_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source, (void)usec;
	start_or_find(data);
	return 0;
}

static int arm(struct vm_process *vm, uint64_t delay_us)
{
	int err;

	vm->timer = sd_event_source_disable_unref(vm->timer);
	err = sd_event_add_time_relative(vm->manager->event, &vm->timer, CLOCK_MONOTONIC, delay_us,
					 1000, on_timer, vm);
	if (err < 0)
		log_error("%s: timer: %s", vm->name, strerror(-err));
	return min(err, 0);
}

int vm_process_start(struct vm_process *vm)
{
	vm->state = VM_STARTING;
	return arm(vm, 0);
}

static const char *cgroup_name(const struct vm_process *vm)
{
	return json_object_get_string(json_object_object_get(vm->options, "cgroup"));
}

/* Only who started it is told how it ended. */
static void tell_how(const struct vm_process *vm, char ret_how[VM_DIR_WHY])
{
	const char *cgroup = cgroup_name(vm);
	char file[PATH_MAX];
	siginfo_t info = { 0 };

	snprintf(ret_how, VM_DIR_WHY, "its process ended");
	if (waitid(P_PIDFD, (id_t)vm->pidfd, &info, WEXITED) || !info.si_pid)
		return;
	if (info.si_code == CLD_EXITED)
		snprintf(ret_how, VM_DIR_WHY, "its process ended with status %d", info.si_status);
	else if (info.si_status == SIGKILL && cgroup && cgroup_member_starved(cgroup, file))
		snprintf(ret_how, VM_DIR_WHY,
			 "its process was killed by signal 9 (KILL) for want of memory: see "
			 "memory.max and %.150s",
			 file);
	else
		snprintf(ret_how, VM_DIR_WHY, "its process was killed by signal %d (%s)",
			 info.si_status, sigabbrev_np(info.si_status));
}

static int on_exit_of(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct vm_process *vm = data;
	char how[VM_DIR_WHY];

	(void)source, (void)fd, (void)events;
	tell_how(vm, how);
	vm->exit = sd_event_source_disable_unref(vm->exit);
	vm->pidfd = fd_close(vm->pidfd);
	vm->pid = 0;
	ended(vm, how);
	return 0;
}

/* Watch a process; @pidfd is taken over. */
static int watch(struct vm_process *vm, pid_t pid, int pidfd)
{
	int err = sd_event_add_io(vm->manager->event, &vm->exit, pidfd, EPOLLIN, on_exit_of, vm);

	if (err < 0) {
		fd_close(pidfd);
		return err;
	}
	vm->pid = pid;
	vm->pidfd = pidfd;
	return 0;
}

static void serving(struct vm_process *vm, const char *event)
{
	vm->state = VM_SERVING;
	vm->fresh = false;
	vm->failed = false;
	vm->cause[0] = '\0';
	vm->serving_since = now_us();
	manager_event(vm->manager, vm->name, event, NULL);
	rpc_finish(steal_pointer(&vm->waiter), vm_process_json(vm));
}

/* Have the process end, in which it finishes what is under way. */
static void ask_to_end(struct vm_process *vm)
{
	vm->state = VM_STOPPING;
	if (pidfd_send_signal(vm->pidfd, SIGTERM, NULL, 0) && errno != ESRCH)
		log_error("%s: process %d cannot be ended: %m", vm->name, (int)vm->pid);
}

/*
 * Have the socket that front-ends connect to, as if we had started the process: who connects while
 * the next one starts then waits, and is not refused. Without it (Yama, or an older process) a new
 * socket is made, and front-ends connect again after a moment.
 */
static void share_socket(struct vm_process *vm)
{
	if (vm->listen_fd >= 0)
		return;
	vm->listen_fd = pidfd_getfd(vm->pidfd, VM_SPAWN_LISTEN_FD, 0);
	if (vm->listen_fd >= 0 &&
	    sd_is_socket_unix(vm->listen_fd, SOCK_STREAM, 1, vm->dir.socket, 0) <= 0)
		vm->listen_fd = fd_close(vm->listen_fd);
}

/* From where it went when its front-end left and our service's cgroup was gone. */
static void fetch(const struct vm_process *vm)
{
	struct pollfd poll_fd = { .fd = vm->pidfd, .events = POLLIN };

	if (!poll(&poll_fd, 1, 0) && cgroup_member_fetch(vm->pid))
		log_info("%s: process %d is taken from the root cgroup to this service's", vm->name,
			 (int)vm->pid);
}

/* Its directory is locked: a process of an earlier manager lives, or is about to be gone. */
static void find(struct vm_process *vm)
{
	pid_t pid = 0;
	int pidfd = vm_dir_process(&vm->dir, &pid);

	if (pidfd < 0 || watch(vm, pid, pidfd)) {
		arm(vm, min(LOOK_US << min(vm->looks++, 16U), LOOK_MAX_US));
		return;
	}
	vm->looks = 0;
	share_socket(vm);
	fetch(vm);
	if (vm->leaving)
		ask_to_end(vm);
	else
		serving(vm, "adopted");
}

int vm_process_listen(struct vm_process *vm)
{
	const struct manager *manager = vm->manager;
	bool grouped = manager->options.socket_group;

	if (vm->listen_fd >= 0)
		return 0;
	vm->listen_fd =
		unix_socket_listen("the VM's socket", vm->dir.socket, grouped ? GROUP_MODE : 0);
	if (vm->listen_fd < 0)
		return vm->listen_fd;
	if (!grouped)
		return 0;
	/* Last the mode, which the umask has narrowed. */
	if (!chown(vm->dir.socket, (uid_t)-1, manager->socket_gid) &&
	    !chmod(vm->dir.socket, GROUP_MODE))
		return 0;
	vm->listen_fd = fd_close(vm->listen_fd);
	return -errno;
}

static int start(struct vm_process *vm, int lock_fd)
{
	struct vm_spawn settings = {
		.name = vm->name,
		.dir = &vm->dir,
		.options = vm->options,
		.notify = vm->manager->notify_path,
		.lock_fd = lock_fd,
	};
	int err = vm_process_listen(vm), pidfd;
	pid_t pid;

	if (err)
		return err;
	settings.listen_fd = vm->listen_fd;
	vm->said[0] = '\0';
	pid = vm_spawn(&settings, &pidfd);
	if (pid < 0)
		return pid;
	err = watch(vm, pid, pidfd);
	if (err) /* not ours to lose: it is found like one that another manager started */
		arm(vm, LOOK_US);
	return 0;
}

static void take_changes(struct vm_process *vm)
{
	if (!vm->changed)
		return;
	json_object_put(vm->options);
	vm->options = steal_pointer(&vm->changed);
	if (vm_process_save(vm))
		log_error("%s: its settings cannot be written: %m", vm->name);
}

/* A VM that has a file, and is off: nothing is started, nor is that a failure. Who connects
 * meanwhile waits, too. */
static bool await_cgroup(struct vm_process *vm)
{
	bool known = vm->absent;
	char folder[PATH_MAX];

	if (known)
		take_changes(vm);
	vm->absent = vm->file && cgroup_name(vm) &&
		     cgroup_find(cgroup_name(vm), folder) == -ENOENT && !vm_process_listen(vm);
	if (!vm->absent)
		return false;
	vm->state = VM_WAITING;
	snprintf(vm->cause, sizeof(vm->cause), "there is no cgroup %.200s yet", cgroup_name(vm));
	if (!known)
		manager_event(vm->manager, vm->name, "waiting", vm->cause);
	rpc_finish_failed(steal_pointer(&vm->waiter), "%s waits: %s", vm->name, vm->cause);
	arm(vm, CGROUP_US);
	return true;
}

static void start_or_find(struct vm_process *vm)
{
	_cleanup_close_ int lock_fd = vm_dir_lock(&vm->dir);
	char how[128];
	int err;

	vm->state = VM_STARTING;
	if (lock_fd == -EBUSY) {
		find(vm);
		return;
	}
	if (vm->leaving) {
		ended(vm, "");
		return;
	}
	if (await_cgroup(vm))
		return;
	err = lock_fd < 0 ? lock_fd : start(vm, lock_fd);
	if (!err)
		return;
	snprintf(how, sizeof(how), "its process cannot be started: %s", strerror(-err));
	ended(vm, how);
}

static uint64_t delay_us(const struct vm_process *vm)
{
	return !vm->failures ? 0 : min(DELAY_US << min(vm->failures - 1, 16U), DELAY_MAX_US);
}

/* It was to end for good. */
static void detached(struct vm_process *vm)
{
	struct json_object *result = json_object_new_object();

	json_add_text(result, "vm", vm->name);
	vm_dir_remove(&vm->dir);
	manager_event(vm->manager, vm->name, "detached", NULL);
	rpc_finish(steal_pointer(&vm->waiter), result);
	manager_drop(vm->manager, vm);
}

/* It could not be attached at all. */
static void refused(struct vm_process *vm)
{
	vm_dir_remove(&vm->dir);
	manager_event(vm->manager, vm->name, "failed", vm->cause);
	rpc_finish_failed(steal_pointer(&vm->waiter), "%s does not start: %s", vm->name, vm->cause);
	manager_drop(vm->manager, vm);
}

static void try_again(struct vm_process *vm, bool served, bool known)
{
	bool steady = served && now_us() - vm->serving_since >= STEADY_US;

	vm->failures = steady ? 0 : vm->failures + 1;
	vm->failed = !served;
	vm->restarts++;
	vm->state = VM_WAITING;
	if (!known) /* not every five seconds */
		manager_event(vm->manager, vm->name, served ? "died" : "failed", vm->cause);
	arm(vm, delay_us(vm));
	rpc_finish_failed(steal_pointer(&vm->waiter), "%s does not start: %s; it is tried again",
			  vm->name, vm->cause);
}

/* Without a process, whatever it was. */
static void ended(struct vm_process *vm, const char *how)
{
	bool served = vm->state == VM_SERVING || vm->state == VM_STOPPING;
	const char *cause = *vm->said && !served ? vm->said : how;
	bool known = vm->failed && !served && !strcmp(cause, vm->cause);

	if (cgroup_name(vm))
		cgroup_member_sweep(cgroup_name(vm));
	if (vm->leaving) {
		detached(vm);
		return;
	}
	if ((vm->again && served) || vm->gone) {
		vm->gone = false;
		vm->again = false;
		take_changes(vm);
		vm_process_start(vm);
		return;
	}
	snprintf(vm->cause, sizeof(vm->cause), "%s", cause);
	if (vm->fresh)
		refused(vm);
	else
		try_again(vm, served, known);
}

void vm_process_detach(struct vm_process *vm, struct rpc_later *waiter)
{
	vm->waiter = waiter;
	vm->leaving = true;
	vm_dir_forget(&vm->dir);
	if (vm->pidfd >= 0)
		ask_to_end(vm);
	else
		arm(vm, 0);
}

void vm_process_restart(struct vm_process *vm, struct rpc_later *waiter)
{
	vm->waiter = waiter;
	if (vm->pidfd >= 0) {
		vm->again = true;
		ask_to_end(vm);
		return;
	}
	take_changes(vm);
	arm(vm, 0);
}

static void front_changed(struct vm_process *vm, const char *pid)
{
	bool there = strcmp(pid, "0") != 0;
	char detail[64];

	snprintf(detail, sizeof(detail), "process %.20s", pid);
	if (!there)
		fetch(vm);
	manager_event(vm->manager, vm->name, there ? "connected" : "disconnected",
		      there ? detail : NULL);
}

/*
 * The VM's cgroup was removed: its process ends, or cannot start any more, as systemd stops all in
 * a scope that it removes. That is for good, unless a file says that the VM is to be served
 * whenever there is such a cgroup.
 */
static void cgroup_is_gone(struct vm_process *vm)
{
	if (vm->state == VM_STARTING && (vm->fresh || vm->file))
		return; /* it was not there: that is told as any cause */
	manager_event(vm->manager, vm->name, "gone", "its cgroup was removed");
	vm->gone = vm->file != NULL;
	if (vm->gone)
		return;
	vm->leaving = true;
	vm_dir_forget(&vm->dir);
}

void vm_process_said(struct vm_process *vm, const char *message)
{
	static const char front[] = "X_NVRING_FRONT=", status[] = "STATUS=";

	while (*message) {
		size_t length = strcspn(message, "\n");
		char line[VM_DIR_WHY];

		snprintf(line, sizeof(line), "%.*s", (int)length, message);
		message += length + (message[length] == '\n');
		if (!strcmp(line, "READY=1") && vm->state == VM_STARTING)
			serving(vm, vm->serving_since ? "restarted" : "attached");
		else if (!strcmp(line, "X_NVRING_GONE=1"))
			cgroup_is_gone(vm);
		else if (!strncmp(line, front, strlen(front)))
			front_changed(vm, line + strlen(front));
		else if (!strncmp(line, status, strlen(status)))
			snprintf(vm->said, sizeof(vm->said), "%s", line + strlen(status));
	}
}

int vm_process_save(const struct vm_process *vm)
{
	struct json_object *settings = json_object_new_object();
	int err;

	json_object_object_add(settings, "options", json_object_get(vm->options));
	json_object_object_add(settings, "changed", json_object_get(vm->changed));
	json_add_text(settings, "file", vm->file);
	err = vm_dir_save(&vm->dir, settings);
	json_object_put(settings);
	return err;
}

/* Whether it runs another program than the manager, as after an upgrade. */
static bool outdated(const struct vm_process *vm)
{
	struct stat ours, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)vm->pid);
	return vm->pid && !stat(path, &its) && !stat("/proc/self/exe", &ours) &&
	       (ours.st_ino != its.st_ino || ours.st_dev != its.st_dev);
}

struct json_object *vm_process_json(const struct vm_process *vm)
{
	struct json_object *json = json_object_new_object();

	json_add_text(json, "vm", vm->name);
	json_add_text(json, "state", vm_process_state_name(vm));
	json_add_number(json, "pid", (uint64_t)vm->pid);
	json_add_text(json, "socket", vm->dir.socket);
	json_add_text(json, "control", vm->dir.control);
	json_add_text(json, "file", vm->file);
	json_object_object_add(json, "options", json_object_get(vm->options));
	json_object_object_add(json, "changed", json_object_get(vm->changed));
	json_add_number(json, "restarts", vm->restarts);
	json_add_text(json, "cause", *vm->cause ? vm->cause : NULL);
	json_add_bool(json, "outdated", outdated(vm));
	return json;
}

void vm_process_free(struct vm_process *vm)
{
	sd_event_source_disable_unref(vm->exit);
	sd_event_source_disable_unref(vm->timer);
	fd_close(vm->listen_fd);
	fd_close(vm->pidfd);
	json_object_put(vm->options);
	json_object_put(vm->changed);
	free(vm->file);
	free(vm);
}
