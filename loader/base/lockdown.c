// SPDX-License-Identifier: GPL-2.0-only
#include "lockdown.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "util.h"

/* securityfs where nobody mounted it: a mount that only this descriptor sees. */
static int open_securityfs(void)
{
	_cleanup_close_ int context = fsopen("securityfs", FSOPEN_CLOEXEC);
	int fd;

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	return fd < 0 ? -errno : fd;
}

int lockdown_state(char *ret_state, size_t size)
{
	_cleanup_close_ int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int mount = -1;
	char text[128], *start, *end;
	ssize_t len;

	if (fd < 0) {
		mount = open_securityfs();
		if (mount < 0)
			return mount;
		fd = openat(mount, "lockdown", O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 && errno == ENOENT) {
		snprintf(ret_state, size, "none"); /* the lockdown LSM is not in this kernel */
		return 0;
	}
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len < 0)
		return -errno;
	text[len] = '\0';
	/* "none [integrity] confidentiality": the one in force is marked. */
	start = strchr(text, '[');
	end = start ? strchr(start, ']') : NULL;
	if (!end)
		return -EINVAL;
	*end = '\0';
	snprintf(ret_state, size, "%s", start + 1);
	return 0;
}
