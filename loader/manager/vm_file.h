/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration file of a VM, NAME.conf: lines of `option = value`, the options those of `nvring
 * attach`, flags being yes or no. Empty lines and lines that begin with # or ; say nothing.
 */
#ifndef NVRING_VM_FILE_H
#define NVRING_VM_FILE_H

#define VM_FILE_SUFFIX ".conf"
#define VM_FILE_WHY    1024

struct json_object;

/**
 * vm_file_read() - read one
 * @path: the file
 * @why: set on failure: the file, the line, and what is wrong
 *
 * Return: the options as disk_options_json() has them, the caller's, or NULL.
 */
struct json_object *vm_file_read(const char *path, char why[VM_FILE_WHY]);

#endif
