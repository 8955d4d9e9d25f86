// SPDX-License-Identifier: GPL-2.0-only
#include "share_tree.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "disk/io_cost.h"

#define LEVELS_MAX 32

/* A cgroup on the way to a VM's. */
struct level {
	uint64_t id;
	uint32_t weight;
};

/* What the first @length characters of @folder name; false when that has no io.weight. */
static bool read_level(const char *folder, int length, dev_t disk, struct level *ret_level)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX];
	size_t size = 0;
	struct stat st;

	if (snprintf(path, sizeof(path), "%.*s/io.weight", length, folder) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file || fstat(fileno(file), &st))
		return false;
	ret_level->id = st.st_ino; /* no two files of a mount have the same */
	ret_level->weight = IO_WEIGHT_DEFAULT;
	while (getline(&line, &size, file) > 0)
		io_weight_line(line, disk, &ret_level->weight);
	return true;
}

/* From the VM's cgroup up; the root has no weight. Return: how many. */
static uint32_t read_levels(const char *folder, dev_t disk, struct level ret_levels[LEVELS_MAX])
{
	size_t length = strlen(folder);
	uint32_t count = 0;

	while (length && count < LEVELS_MAX) {
		count += read_level(folder, (int)length, disk, &ret_levels[count]);
		do
			length--;
		while (length && folder[length] != '/');
	}
	return count;
}

static int append(struct share_tree *tree, uint32_t parent, const struct level *level)
{
	struct share_node *nodes = realloc(tree->nodes, (tree->count + 1) * sizeof(*tree->nodes));
	uint64_t *ids;

	if (!nodes)
		return -ENOMEM;
	tree->nodes = nodes;
	ids = realloc(tree->ids, (tree->count + 1) * sizeof(*tree->ids));
	if (!ids)
		return -ENOMEM;
	tree->ids = ids;
	tree->nodes[tree->count] = (struct share_node){ .parent = parent, .weight = level->weight };
	tree->ids[tree->count] = level->id;
	return (int)tree->count++;
}

static int find(const struct share_tree *tree, uint64_t id)
{
	for (size_t i = 0; i < tree->count; i++)
		if (tree->ids[i] == id)
			return (int)i;
	return -1;
}

int share_tree_add(struct share_tree *tree, const char *folder, dev_t disk)
{
	const struct level vm = { .weight = IO_WEIGHT_DEFAULT };
	struct level levels[LEVELS_MAX];
	uint32_t count = folder ? read_levels(folder, disk, levels) : 0;
	int at = 0;

	if (!tree->count)
		at = append(tree, 0, &vm);
	while (at >= 0 && count--) {
		int known = find(tree, levels[count].id);

		at = known >= 0 ? known : append(tree, (uint32_t)at, &levels[count]);
	}
	return at < 0 ? at : append(tree, (uint32_t)at, &vm);
}

void share_tree_clear(struct share_tree *tree)
{
	free(tree->nodes);
	free(tree->ids);
	*tree = (struct share_tree){ 0 };
}
