// SPDX-License-Identifier: GPL-2.0-only
#include "unix_socket.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "log.h"
#include "util.h"

#define BACKLOG 128 /* a daemon that is frozen takes none for a while */

static int set_address(const char *path, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	*ret_address = address;
	return 0;
}

/* A socket file whose listener died is in the way; one that answers belongs to somebody. */
static int remove_stale(const char *option, const char *path, const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(path, &st) || !S_ISSOCK(st.st_mode)) {
		log_error("%s %s: exists and is no socket", option, path);
		return -EEXIST;
	}
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
	    errno != ECONNREFUSED) {
		log_error("%s %s: another process listens there", option, path);
		return -EADDRINUSE;
	}
	return unlink(path) ? -errno : 0;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
	return bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
}

int unix_socket_listen(const char *option, const char *path, mode_t mode)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	int err;

	if (set_address(path, &address)) {
		log_error("%s %s: longer than %zu characters", option, path,
			  sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* bind() gives the file the mode the socket has. */
	err = mode && fchmod(fd, mode) ? -errno : bind_to(fd, &address);
	if (err == -EADDRINUSE) {
		err = remove_stale(option, path, &address);
		if (err)
			return err;
		err = bind_to(fd, &address);
	}
	if (!err && listen(fd, BACKLOG))
		err = -errno;
	if (err) {
		log_error("%s %s: %s", option, path, strerror(-err));
		return err;
	}
	return fd_steal(&fd);
}

int unix_socket_folder(const char *path)
{
	_cleanup_free_ char *copy = path ? strdup(path) : NULL;
	int fd;

	if (!path)
		return -1;
	fd = copy ? open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	return fd < 0 ? -errno : fd;
}

void unix_socket_remove(int folder, const char *path)
{
	const char *name = strrchr(path, '/');

	if (folder >= 0)
		unlinkat(folder, name ? name + 1 : path, 0);
}

int unix_socket_receive(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	int err, yes = 1;

	err = set_address(path, &address);
	if (err)
		return err;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) ||
	    fchmod(fd, 0600))
		return -errno;
	err = bind_to(fd, &address);
	return err ? err : fd_steal(&fd);
}

void unix_socket_tell(const char *path, const char *text)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (fd >= 0 && !set_address(path, &address))
		sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
		       (struct sockaddr *)&address, sizeof(address));
}

int unix_socket_connect(const char *path, uint32_t patience_ms)
{
	const struct timeval patience = { .tv_sec = patience_ms / 1000,
					  .tv_usec = patience_ms % 1000 * 1000 };
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	int err;

	err = set_address(path, &address);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (patience_ms ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return fd_steal(&fd);
}
