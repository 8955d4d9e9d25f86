// SPDX-License-Identifier: GPL-2.0-only
#include "pins.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "log.h"

#define NAME_BYTES 256

struct pins {
	int base_fd;
	int fd; /* of the folder, locked while we live */
	char name[NAME_BYTES];
	char path[PATH_MAX];
};

/* bpffs refuses dots, and a name may hold anything: other bytes become %XX. */
static int folder_name(const char *name, char ret_name[NAME_BYTES])
{
	size_t used = 0;

	for (; *name; name++) {
		bool plain = isalnum((unsigned char)*name) || *name == '-' || *name == '_';

		if (used + 4 > NAME_BYTES)
			return -ENAMETOOLONG;
		used += (size_t)snprintf(ret_name + used, NAME_BYTES - used,
					 plain ? "%c" : "%%%02X", (unsigned char)*name);
	}
	return used ? 0 : -EINVAL;
}

static int open_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* Remove a folder that is locked by us, and all in it. */
static void remove_folder(int base_fd, const char *name, int fd)
{
	DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(fd, entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (unlinkat(base_fd, name, AT_REMOVEDIR))
		log_debug("pins: %s: %m", name);
}

/* Folders whose daemon is gone. With the base locked, so nobody is about to take one. */
static void sweep(int base_fd)
{
	DIR *dir = fdopendir(fcntl(base_fd, F_DUPFD_CLOEXEC, 0));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_close_ int fd = -1;

		if (entry->d_name[0] == '.')
			continue;
		fd = open_folder(base_fd, entry->d_name);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
			continue;
		log_info("pins of a daemon that is gone are removed: %s", entry->d_name);
		remove_folder(base_fd, entry->d_name, fd);
	}
	if (dir)
		closedir(dir);
}

/* Return: the base folder, locked, or -errno. */
static int open_base(const char *base)
{
	_cleanup_close_ int fd = -1;
	struct statfs fs;

	if (mkdir(base, PINS_MODE) && errno != EEXIST)
		return -errno;
	fd = open_folder(AT_FDCWD, base);
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs))
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC)
		return -ENODEV;
	if (flock(fd, LOCK_EX))
		return -errno;
	return fd_steal(&fd);
}

/* The folder, made anew and locked; -EEXIST when a daemon has it. */
static int take_folder(struct pins *pins)
{
	if (mkdirat(pins->base_fd, pins->name, PINS_MODE) && errno != EEXIST)
		return -errno;
	pins->fd = open_folder(pins->base_fd, pins->name);
	if (pins->fd < 0)
		return pins->fd;
	if (flock(pins->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EEXIST : -errno;
	return 0;
}

static int open_all(struct pins *pins, const char *base, const char *name)
{
	int err = folder_name(name, pins->name);

	if (err)
		return err;
	pins->base_fd = open_base(base);
	if (pins->base_fd < 0)
		return pins->base_fd;
	sweep(pins->base_fd);
	err = take_folder(pins);
	flock(pins->base_fd, LOCK_UN);
	snprintf(pins->path, sizeof(pins->path), "%s/%s", base, pins->name);
	return err;
}

static void free_pins(struct pins *pins)
{
	fd_close(pins->fd);
	fd_close(pins->base_fd);
	free(pins);
}

int pins_open(const char *base, const char *name, struct pins **ret_pins)
{
	struct pins *pins;
	int err;

	*ret_pins = NULL;
	if (!base)
		base = PINS_BASE;
	if (!name || !strcmp(base, "none"))
		return 0;
	pins = calloc(1, sizeof(*pins));
	if (!pins)
		return -ENOMEM;
	pins->fd = pins->base_fd = -1;
	err = open_all(pins, base, name);
	if (!err) {
		*ret_pins = pins;
		return 0;
	}
	if (err == -EEXIST)
		log_error("--name %s: another daemon serves a VM of this name: it has %s/%s", name,
			  base, pins->name);
	else
		log_info("nothing is pinned for bpftool: %s: %s", base,
			 err == -ENODEV ? "is not in bpffs" : strerror(-err));
	free_pins(pins);
	return err == -EEXIST ? err : 0;
}

void pins_close(struct pins *pins)
{
	if (!pins)
		return;
	/* Nobody takes the folder between its lock's end and its own. */
	flock(pins->base_fd, LOCK_EX);
	remove_folder(pins->base_fd, pins->name, pins->fd);
	free_pins(pins);
}

void pins_add(struct pins *pins, int fd, const char *format, ...)
{
	char path[PATH_MAX + NAME_BYTES], name[NAME_BYTES];
	va_list args;

	if (!pins || fd < 0)
		return;
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", pins->path, name);
	if (bpf_obj_pin(fd, path))
		log_warn("%s cannot be pinned for bpftool: %m", path);
}

void pins_drop(struct pins *pins, const char *format, ...)
{
	char name[NAME_BYTES];
	va_list args;

	if (!pins)
		return;
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	unlinkat(pins->fd, name, 0);
}
