// SPDX-License-Identifier: GPL-2.0-only
#include "vm_spawn.h"

#include <fcntl.h>
#include <json.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/util.h"
#include "base/vm_dir.h"
#include "serve/disk_options.h"

#define LOCK_FD	 4 /* in the VM's process: it is open, and nothing more */
#define FD_FLOOR 8 /* above both */

/* Strings for exec(), NULL behind the last. */
struct strings {
	char *text[64 + DISK_OPTIONS_MAX];
	size_t count;
	bool failed;
};

static void add(struct strings *strings, char *text)
{
	if (!text || strings->count + 1 >= ARRAY_SIZE(strings->text)) {
		strings->failed = true;
		free(text);
		return;
	}
	strings->text[strings->count++] = text;
}

static void _printf_(2, 3) add_format(struct strings *strings, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	add(strings, text);
}

static void free_strings(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->text[i]);
}

static void make_arguments(const struct vm_spawn *spawn, struct strings *arguments)
{
	add_format(arguments, "nvring");
	add_format(arguments, "serve");
	add_format(arguments, "--name=%s", spawn->name);
	add_format(arguments, "--socket-fd=%d", VM_SPAWN_LISTEN_FD);
	add_format(arguments, "--control=%s", spawn->dir->control);
	/* Names are unique below one manager: another's VMs keep away from the place they share. */
	if (strncmp(spawn->dir->path, RUNTIME_DIR "/", strlen(RUNTIME_DIR "/")) != 0)
		add_format(arguments, "--pin-dir=none");
	json_object_object_foreach(spawn->options, name, value)
		add(arguments, disk_options_argument(name, json_object_get_string(value)));
}

/* What systemd said to the manager is not for its VMs; they notify the manager. */
static void make_environment(const struct vm_spawn *spawn, struct strings *environment)
{
	static const char *const kept[] = { "PATH=", "LANG=", "JOURNAL_STREAM=", "INVOCATION_ID=" };

	for (char **variable = environ; *variable; variable++)
		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			if (!strncmp(*variable, kept[i], strlen(kept[i])))
				add_format(environment, "%s", *variable);
	add_format(environment, "NOTIFY_SOCKET=%s", spawn->notify);
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, pipe;
	int err;

	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	err = posix_spawnattr_init(attributes);
	if (err)
		return err;
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &pipe);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
							    POSIX_SPAWN_SETSIGDEF);
}

/* The descriptors are moved out of the way of those they are to become. */
static int set_actions(posix_spawn_file_actions_t *actions, int listen_fd, int lock_fd)
{
	int err = posix_spawn_file_actions_init(actions);

	if (err)
		return err;
	err = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(actions, listen_fd, VM_SPAWN_LISTEN_FD);
	if (!err)
		err = posix_spawn_file_actions_adddup2(actions, lock_fd, LOCK_FD);
	return err;
}

static int run(struct strings *arguments, struct strings *environment, int listen_fd, int lock_fd,
	       pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int err;

	err = set_attributes(&attributes);
	if (err)
		return -err;
	err = set_actions(&actions, listen_fd, lock_fd);
	if (!err) {
		err = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, arguments->text,
				  environment->text);
		posix_spawn_file_actions_destroy(&actions);
	}
	posix_spawnattr_destroy(&attributes);
	return -err;
}

pid_t vm_spawn(const struct vm_spawn *spawn, int *ret_pidfd)
{
	_cleanup_close_ int listen_fd = fcntl(spawn->listen_fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	_cleanup_close_ int lock_fd = fcntl(spawn->lock_fd, F_DUPFD_CLOEXEC, FD_FLOOR);
	struct strings arguments = { 0 }, environment = { 0 };
	pid_t pid = -1;
	int err;

	if (listen_fd < 0 || lock_fd < 0)
		return -errno;
	make_arguments(spawn, &arguments);
	make_environment(spawn, &environment);
	err = arguments.failed || environment.failed
		      ? -ENOMEM
		      : run(&arguments, &environment, listen_fd, lock_fd, &pid);
	free_strings(&arguments);
	free_strings(&environment);
	if (err)
		return err;
	/* Nobody has waited for it: the pid is its own. */
	*ret_pidfd = pidfd_open(pid, 0);
	if (*ret_pidfd >= 0)
		return pid;
	err = -errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return err;
}
