// SPDX-License-Identifier: GPL-2.0-only
#include "hold.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "direct.h"
#include "front.h"

#define VRINGS_NAME "nvr_vrings" /* bpf/poller.bpf.c */

/* The number behind @name in what the kernel says of a descriptor; false when it says no such. */
static bool fdinfo(pid_t pid, const char *descriptor, const char *name, uint32_t *ret_value)
{
	char path[100], line[200];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.20s", pid, descriptor);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		*ret_value = (uint32_t)strtoul(line + strlen(name), NULL, 0);
		found = true;
	}
	if (file)
		fclose(file);
	return found;
}

/* The map of that id, if that is its name; or -1. */
static int open_named(uint32_t id, const char *name)
{
	struct bpf_map_info info = { 0 };
	uint32_t bytes = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	if (fd >= 0 && !bpf_map_get_info_by_fd(fd, &info, &bytes) && !strcmp(info.name, name))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int find_map(pid_t pid, const char *name)
{
	struct dirent *entry;
	char path[100];
	int fd = -1;
	DIR *files;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	files = opendir(path);
	while (files && fd < 0 && (entry = readdir(files))) {
		uint32_t id;

		if (fdinfo(pid, entry->d_name, "map_id:", &id))
			fd = open_named(id, name);
	}
	if (files)
		closedir(files);
	return fd;
}

bool hold_open(struct hold *hold, pid_t daemon, uint32_t index)
{
	uint32_t id;

	*hold = (struct hold){ .vrings_fd = find_map(daemon, VRINGS_NAME),
			       .vring_fd = -1,
			       .index = index,
			       .daemon = daemon };
	if (hold->vrings_fd < 0)
		return false;
	/* Seen from user space, an entry is its map's id. */
	if (!bpf_map_lookup_elem(hold->vrings_fd, &index, &id))
		hold->vring_fd = bpf_map_get_fd_by_id(id);
	if (hold->vring_fd < 0)
		hold_close(hold);
	return hold->vring_fd >= 0;
}

void hold_take(const struct hold *hold)
{
	if (bpf_map_delete_elem(hold->vrings_fd, &hold->index))
		die("the vring cannot be taken from BPF: %m");
}

void hold_give(const struct hold *hold)
{
	if (bpf_map_update_elem(hold->vrings_fd, &hold->index, &hold->vring_fd, BPF_ANY))
		die("the vring cannot be given back to BPF: %m");
}

uint32_t hold_completions(const struct hold *hold)
{
	uint32_t mask, head, tail, count = 0;
	struct dirent *entry;
	char path[100];
	DIR *files;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", hold->daemon);
	files = opendir(path);
	while (files && (entry = readdir(files)))
		if (fdinfo(hold->daemon, entry->d_name, "CqMask:", &mask) &&
		    mask == DIRECT_CQ_ENTRIES - 1 &&
		    fdinfo(hold->daemon, entry->d_name, "CqTail:", &tail) &&
		    fdinfo(hold->daemon, entry->d_name, "CqHead:", &head))
			count = tail - head;
	if (files)
		closedir(files);
	return count;
}

void hold_close(struct hold *hold)
{
	if (hold->vrings_fd >= 0)
		close(hold->vrings_fd);
	if (hold->vring_fd >= 0)
		close(hold->vring_fd);
	hold->vrings_fd = hold->vring_fd = -1;
}
