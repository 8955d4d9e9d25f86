// SPDX-License-Identifier: GPL-2.0-only
#include "vm_dir.h"

#include <ctype.h>
#include <fcntl.h>
#include <json.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "unix_socket.h"
#include "util.h"

#define SETTINGS_MAX (1 << 16) /* bytes */

int vm_name_check(const char *name, char why[VM_DIR_WHY])
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length && length <= VM_NAME_MAX; i++) {
		if (isalnum((unsigned char)name[i]) || (i && strchr("-_.", name[i])))
			continue;
		length = 0;
	}
	if (length && length <= VM_NAME_MAX)
		return 0;
	snprintf(why, VM_DIR_WHY,
		 "the name \"%.100s\": up to %d letters, digits, '-', '_' and '.' are wanted, a "
		 "letter or digit first",
		 name, VM_NAME_MAX);
	return -EINVAL;
}

/* Return: whether it fits. */
static bool set_path(char path[VM_DIR_PATH], const char *runtime, const char *name,
		     const char *file)
{
	return snprintf(path, VM_DIR_PATH, "%s/vm/%s%s", runtime, name, file) < (int)VM_DIR_PATH;
}

int vm_dir_init(struct vm_dir *dir, const char *runtime, const char *name, char why[VM_DIR_WHY])
{
	int err = vm_name_check(name, why);

	if (err)
		return err;
	if (set_path(dir->path, runtime, name, "") &&
	    set_path(dir->socket, runtime, name, "/disk.sock") &&
	    set_path(dir->control, runtime, name, "/control") &&
	    set_path(dir->settings, runtime, name, "/settings"))
		return 0;
	snprintf(why, VM_DIR_WHY, "%.100s/vm/%s/disk.sock is longer than a socket's path may be",
		 runtime, name);
	return -ENAMETOOLONG;
}

static int write_whole(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t length = strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, length) == (ssize_t)length ? 0 : -EIO;
}

int vm_dir_save(const struct vm_dir *dir, struct json_object *settings)
{
	char next[VM_DIR_PATH + 8];
	int err;

	if (mkdir(dir->path, 0755) && errno != EEXIST)
		return -errno;
	snprintf(next, sizeof(next), "%s.next", dir->settings);
	err = write_whole(
		next, json_object_to_json_string_ext(
			      settings, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!err && rename(next, dir->settings))
		err = -errno;
	if (err)
		unlink(next);
	return err;
}

struct json_object *vm_dir_load(const struct vm_dir *dir)
{
	_cleanup_close_ int fd = open(dir->settings, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = calloc(1, SETTINGS_MAX);
	struct json_object *settings;
	ssize_t bytes;

	if (fd < 0 || !text)
		return NULL;
	bytes = read(fd, text, SETTINGS_MAX - 1);
	settings = bytes < 0 ? NULL : json_tokener_parse(text);
	if (json_object_is_type(json_object_object_get(settings, "options"), json_type_object))
		return settings;
	json_object_put(settings);
	errno = EBADMSG;
	return NULL;
}

void vm_dir_forget(const struct vm_dir *dir)
{
	unlink(dir->settings);
}

void vm_dir_remove(const struct vm_dir *dir)
{
	unlink(dir->settings);
	unlink(dir->socket);
	unlink(dir->control);
	rmdir(dir->path);
}

int vm_dir_lock(const struct vm_dir *dir)
{
	_cleanup_close_ int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return fd_steal(&fd);
}

int vm_dir_process(const struct vm_dir *dir, pid_t *ret_pid)
{
	_cleanup_close_ int fd = unix_socket_connect(dir->control, 1), pidfd = -1;
	struct pollfd poll_fd = { .fd = fd };
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	if (peer.uid && peer.uid != geteuid())
		return -EPERM;
	pidfd = pidfd_open(peer.pid, 0);
	if (pidfd < 0)
		return -errno;
	if (poll(&poll_fd, 1, 0) < 0 || poll_fd.revents & (POLLHUP | POLLERR))
		return -ECONNRESET;
	*ret_pid = peer.pid;
	return fd_steal(&pidfd);
}
