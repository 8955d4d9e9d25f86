// SPDX-License-Identifier: GPL-2.0-only
#include "io_max.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/parse.h"
#include "base/util.h"
#include "io_line.h"

static const char *const names[LIMIT_KINDS] = {
	[LIMIT_READ_BYTES] = "rbps",
	[LIMIT_WRITE_BYTES] = "wbps",
	[LIMIT_READS] = "riops",
	[LIMIT_WRITES] = "wiops",
};

const char *io_max_name(enum limit_kind kind)
{
	return names[kind];
}

void io_max_line(const char *line, dev_t disk, uint64_t per_second[LIMIT_KINDS])
{
	dev_t of = 0;
	const char *words = io_line_words(line, &of);

	if (!words || of != disk)
		return;
	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++) {
		const char *text = io_line_text(words, names[kind]);
		uint64_t number = 0; /* as of "max" */

		if (text && isdigit((unsigned char)*text))
			number = strtoull(text, NULL, 10);
		if (number && (!per_second[kind] || number < per_second[kind]))
			per_second[kind] = number;
	}
}

/* A cgroup has the file while the io controller is enabled for it. */
static void read_level(const struct cgroup *cgroup, uint32_t level, dev_t disk,
		       uint64_t per_second[LIMIT_KINDS])
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX];
	size_t size = 0;

	if (cgroup_file(cgroup, level, "io.max", path))
		return;
	file = fopen(path, "re");
	while (file && getline(&line, &size, file) > 0)
		io_max_line(line, disk, per_second);
}

void io_max_read(const struct cgroup *cgroup, dev_t disk, uint64_t ret_per_second[LIMIT_KINDS])
{
	memset(ret_per_second, 0, LIMIT_KINDS * sizeof(ret_per_second[0]));
	for (uint32_t level = 0; level < cgroup->levels; level++)
		read_level(cgroup, level, disk, ret_per_second);
}

static int one_of_pair(const char *text, bool bytes, uint64_t *ret_per_second)
{
	int err;

	*ret_per_second = 0;
	if (!strcmp(text, "max"))
		return 0;
	if (bytes)
		return parse_bytes(text, ret_per_second);
	err = parse_number(text, UINT32_MAX, ret_per_second);
	return err || *ret_per_second ? err : -EINVAL;
}

int io_max_pair(const char *text, bool bytes, uint64_t per_second[LIMIT_KINDS])
{
	uint64_t reads, writes;
	char words[64], *second;
	int err;

	if (snprintf(words, sizeof(words), "%s", text) >= (int)sizeof(words))
		return -EINVAL;
	second = strchr(words, ':');
	if (second)
		*second++ = '\0';
	err = one_of_pair(words, bytes, &reads);
	if (!err)
		err = one_of_pair(second ? second : words, bytes, &writes);
	if (err)
		return err;
	per_second[bytes ? LIMIT_READ_BYTES : LIMIT_READS] = reads;
	per_second[bytes ? LIMIT_WRITE_BYTES : LIMIT_WRITES] = writes;
	return 0;
}
