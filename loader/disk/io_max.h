/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits by their names in io.max of cgroups, Documentation/admin-guide/cgroup-v2.rst, and as an
 * operator gives them without a cgroup.
 */
#ifndef NVRING_IO_MAX_H
#define NVRING_IO_MAX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"

struct cgroup;

/* io_max_name() - "rbps", "wbps", "riops", "wiops" */
const char *io_max_name(enum limit_kind kind);

/**
 * io_max_line() - take one line into account
 * @line: of an io.max file
 * @disk: the one to be limited
 * @per_second: bytes and requests, 0 for no limit; those of the line that are tighter take their
 *	place, if it is of @disk
 */
void io_max_line(const char *line, dev_t disk, uint64_t per_second[LIMIT_KINDS]);

/**
 * io_max_read() - how a cgroup's requests to a disk are limited
 * @cgroup: the cgroup
 * @disk: number of the whole disk
 * @ret_per_second: bytes and requests by enum limit_kind, 0 for no limit
 *
 * Every cgroup on the way up limits those below it together. The VM is the only one of them that we
 * know of, so the tightest is what it gets.
 */
void io_max_read(const struct cgroup *cgroup, dev_t disk, uint64_t ret_per_second[LIMIT_KINDS]);

/**
 * io_max_pair() - limits of --iops and --bw
 * @text: "READS:WRITES" or, for both the same, "READS": numbers above 0, or "max" for no limit
 * @bytes: of bytes, which may have K, M, G or T; else of requests
 * @per_second: those two of it are set on success
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int io_max_pair(const char *text, bool bytes, uint64_t per_second[LIMIT_KINDS]);

#endif
