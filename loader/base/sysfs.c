// SPDX-License-Identifier: GPL-2.0-only
#include "sysfs.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int read_path(const char *path, char *ret_text, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	if (!fgets(ret_text, (int)size, file))
		return -ENODATA;
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return 0;
}

int sysfs_read(char *ret_text, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return read_path(path, ret_text, size);
}

uint64_t sysfs_number(uint64_t otherwise, const char *format, ...)
{
	char path[PATH_MAX], text[64], *end;
	uint64_t number;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (read_path(path, text, sizeof(text)))
		return otherwise;
	number = strtoull(text, &end, 0);
	return end == text ? otherwise : number;
}

int sysfs_device_name(const char *path, char *ret_name, size_t size)
{
	char link[64], target[PATH_MAX];
	const char *name;
	struct stat st;
	ssize_t len;

	if (stat(path, &st))
		return -errno;
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return -ENOTBLK;
	snprintf(link, sizeof(link), "/sys/dev/%s/%u:%u", S_ISBLK(st.st_mode) ? "block" : "char",
		 major(st.st_rdev), minor(st.st_rdev));
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	name = strrchr(target, '/');
	snprintf(ret_name, size, "%s", name ? name + 1 : target);
	return 0;
}

dev_t sysfs_whole_disk(dev_t device)
{
	unsigned int of_disk[2];
	char text[64];

	if (sysfs_read(text, sizeof(text), "/sys/dev/block/%u:%u/dev", major(device),
		       minor(device)))
		return 0;
	if (sysfs_read(text, sizeof(text), "/sys/dev/block/%u:%u/partition", major(device),
		       minor(device)))
		return device;
	if (sysfs_read(text, sizeof(text), "/sys/dev/block/%u:%u/../dev", major(device),
		       minor(device)) ||
	    sscanf(text, "%u:%u", &of_disk[0], &of_disk[1]) != 2)
		return 0;
	return makedev(of_disk[0], of_disk[1]);
}
