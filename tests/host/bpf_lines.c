// SPDX-License-Identifier: GPL-2.0-only
/*
 * bpf_lines PREFIX: where the code of loaded BPF programs whose names begin so comes from.
 *
 *     ADDRESS l FILE LINE        16 hexadecimal digits
 *
 * for each place of the compiled program at which another source line begins.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "base/util.h"

struct lines {
	struct bpf_line_info *source;
	uint64_t *address;
	uint32_t count;
};

static int get_lines(int fd, const struct bpf_prog_info *about, struct lines *ret_lines)
{
	uint32_t count = min(about->nr_line_info, about->nr_jited_line_info);
	struct bpf_prog_info info = {
		.nr_line_info = count,
		.line_info_rec_size = sizeof(*ret_lines->source),
		.nr_jited_line_info = count,
		.jited_line_info_rec_size = sizeof(*ret_lines->address),
	};
	uint32_t length = sizeof(info);

	ret_lines->source = calloc(count, sizeof(*ret_lines->source));
	ret_lines->address = calloc(count, sizeof(*ret_lines->address));
	ret_lines->count = count;
	if (!ret_lines->source || !ret_lines->address)
		return -ENOMEM;
	info.line_info = (uintptr_t)ret_lines->source;
	info.jited_line_info = (uintptr_t)ret_lines->address;
	return bpf_prog_get_info_by_fd(fd, &info, &length);
}

static void print(int fd, const struct bpf_prog_info *info)
{
	struct btf *btf = btf__load_from_kernel_by_id(info->btf_id);
	struct lines lines = { 0 };

	if (btf && !get_lines(fd, info, &lines)) {
		for (uint32_t i = 0; i < lines.count; i++) {
			const struct bpf_line_info *line = &lines.source[i];

			printf("%016" PRIx64 " l %s %u\n", lines.address[i],
			       btf__name_by_offset(btf, line->file_name_off),
			       BPF_LINE_INFO_LINE_NUM(line->line_col));
		}
	}
	free(lines.source);
	free(lines.address);
	btf__free(btf);
}

int main(int argc, char **argv)
{
	uint32_t id = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: bpf_lines PREFIX\n");
		return 2;
	}
	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = { 0 };
		uint32_t length = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_prog_get_info_by_fd(fd, &info, &length) &&
		    !strncmp(info.name, argv[1], strlen(argv[1])))
			print(fd, &info);
		close(fd);
	}
	return 0;
}
