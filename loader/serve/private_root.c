// SPDX-License-Identifier: GPL-2.0-only
#include "private_root.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/pins.h"
#include "base/util.h"
#include "base/vm_dir.h"
#include "privileges.h"

#define FOLDERS_MAX 8
#define PLAIN	    (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
#define CLOSED	    (PLAIN | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY)

struct layout {
	int folders[FOLDERS_MAX]; /* tmpfs, which hold places for mounts: the root is the first */
	uint32_t count;
};

static int set_attributes(int mount, uint64_t attributes)
{
	struct mount_attr attr = { .attr_set = attributes };

	return mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) ? -errno : 0;
}

static int new_tmpfs(void)
{
	_cleanup_close_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fd;

	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) ||
	    fsconfig(context, FSCONFIG_SET_STRING, "size", "64k", 0) ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(context, FSMOUNT_CLOEXEC, PLAIN | MOUNT_ATTR_NODEV);
	return fd < 0 ? -errno : fd;
}

/* Where @path, in the new root or absolute, is a tmpfs from now on. */
static int add_folder(struct layout *layout, const char *path)
{
	int fd = layout->count < FOLDERS_MAX ? new_tmpfs() : -ENOSPC;

	if (fd < 0)
		return fd;
	layout->folders[layout->count++] = fd;
	return move_mount(fd, "", layout->folders[0], path, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}

static int make_at(int root, const char *path, bool is_folder)
{
	_cleanup_close_ int fd = -1;

	if (is_folder)
		return !mkdirat(root, path, 0755) || errno == EEXIST ? 0 : -errno;
	fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : 0;
}

/* A file or folder of the new root, to mount upon; where none can be made, as in /sys, in a tmpfs.
 */
static int make_one(struct layout *layout, const char *path, bool is_folder)
{
	int err = make_at(layout->folders[0], path, is_folder);
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%s", path);
	if (!err || !strchr(parent, '/'))
		return err;
	err = add_folder(layout, dirname(parent));
	return err ? err : make_at(layout->folders[0], path, is_folder);
}

/* All folders on the way to @path, which is relative to the new root, and itself. */
static int make_place(struct layout *layout, char *path, bool is_folder)
{
	int err = 0;

	for (char *at = strchr(path, '/'); at && !err; at = strchr(at + 1, '/')) {
		*at = '\0';
		err = make_one(layout, path, true);
		*at = '/';
	}
	return err ? err : make_one(layout, path, is_folder);
}

/* Have @path in the new root, where there is such a file; its mounts are not. */
static int keep_path(struct layout *layout, const char *path, uint64_t attributes)
{
	_cleanup_close_ int mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	char place[PATH_MAX];
	struct stat st;
	int err;

	if (mount < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(mount, &st))
		return -errno;
	err = set_attributes(mount, attributes);
	snprintf(place, sizeof(place), "%s", path + strspn(path, "/"));
	if (!err)
		err = make_place(layout, place, S_ISDIR(st.st_mode));
	if (!err && move_mount(mount, "", layout->folders[0], place, MOVE_MOUNT_F_EMPTY_PATH))
		err = -errno;
	return err;
}

/* A manager that starts again makes its socket anew: the folder is kept, in which nothing else is.
 */
static int keep_notify(struct layout *layout, const char *path)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	if (strlen(folder) < strlen(NOTIFY_DIR) ||
	    strcmp(folder + strlen(folder) - strlen(NOTIFY_DIR), NOTIFY_DIR) != 0)
		return keep_path(layout, path, CLOSED);
	return keep_path(layout, folder, CLOSED);
}

static int keep_all(struct layout *layout, const struct privileges *keep)
{
	int err = keep_path(layout, "/proc", CLOSED | MOUNT_ATTR_NOSYMFOLLOW);

	if (!err)
		err = keep_path(layout, "/sys", CLOSED);
	if (!err) /* why an engine is refused: lockdown.h */
		err = keep_path(layout, "/sys/kernel/security/lockdown", CLOSED);
	if (!err)
		err = keep_path(layout, PINS_BASE, PLAIN | MOUNT_ATTR_NODEV);
	if (!err && keep->pin_dir && keep->pin_dir[0] == '/')
		err = keep_path(layout, keep->pin_dir, PLAIN | MOUNT_ATTR_NODEV);
	if (!err && keep->cgroups)
		err = keep_path(layout, keep->cgroups, CLOSED);
	if (!err)
		err = keep_path(layout, "/dev/zero", PLAIN | MOUNT_ATTR_RDONLY);
	if (!err && keep->notify && keep->notify[0] == '/')
		err = keep_notify(layout, keep->notify);
	return err;
}

/* An initramfs is no root to be pivoted from: nobody comes back to it without chroot() and chdir().
 */
static int change_root(int root)
{
	if (fchdir(root))
		return -errno;
	if (!syscall(SYS_pivot_root, ".", "."))
		return umount2(".", MNT_DETACH) ? -errno : 0;
	return errno == EINVAL && !chroot(".") ? 0 : -errno;
}

/* The new root lies upon the old one, which paths still begin at. */
static int enter(struct layout *layout, const struct privileges *keep)
{
	int err;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	err = add_folder(layout, "/");
	if (!err)
		err = keep_all(layout, keep);
	for (uint32_t i = 0; i < layout->count && !err; i++)
		err = set_attributes(layout->folders[i], CLOSED | MOUNT_ATTR_NOSYMFOLLOW);
	return err ? err : change_root(layout->folders[0]);
}

/* Paths that go up to the root, as "/x/../y", would come down in the new one. */
static void undo(const struct layout *layout)
{
	char path[64];

	if (!layout->count || chdir("/"))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", layout->folders[0]);
	umount2(path, MNT_DETACH);
}

int private_root_enter(const struct privileges *keep)
{
	struct layout layout = { .count = 0 };
	int err = enter(&layout, keep);

	if (err)
		undo(&layout);
	while (layout.count)
		fd_close(layout.folders[--layout.count]);
	return err;
}
