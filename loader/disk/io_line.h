/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of io.max, io.weight, io.cost.qos and io.cost.model of cgroups: "MAJ:MIN", and behind it
 * words; Documentation/admin-guide/cgroup-v2.rst.
 */
#ifndef NVRING_IO_LINE_H
#define NVRING_IO_LINE_H

#include <sys/types.h>

/* io_line_words() - what is behind the number of a disk, which is @ret_disk; NULL: there is none */
const char *io_line_words(const char *line, dev_t *ret_disk);

/* io_line_text() - the text of "NAME=TEXT" among words, up to the next blank; NULL: there is none
 */
const char *io_line_text(const char *words, const char *name);

#endif
