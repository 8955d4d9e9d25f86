/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The settings of one VM's disk and how it is served: one description for `nvring serve`, `nvring
 * attach`, the manager and its configuration files. They are known by the names of the options of
 * the command line; the manager keeps and passes on their text and leaves what they mean to serve.
 */
#ifndef NVRING_DISK_OPTIONS_H
#define NVRING_DISK_OPTIONS_H

#include <argp.h>

#include "engine/vm.h"

#define DISK_OPTIONS_MAX 32
#define DISK_OPTION_WHY	 512 /* bytes of a sentence about what is wrong */

struct json_object;

struct disk_options {
	struct vm_options vm;
	struct backend_options backend;
	int cpu_count;
	bool verbose;
	const char *given[DISK_OPTIONS_MAX]; /* text of each that was, flags have ""; by row */
};

/* disk_options_argp - child parser; its input is a struct disk_options from disk_options_init() */
extern const struct argp disk_options_argp;

/* disk_options_init() - nothing given, all defaults */
void disk_options_init(struct disk_options *options);

/**
 * disk_options_set() - as if this option had been given
 * @options: what it is added to
 * @name: of the option, without dashes
 * @value: its text, kept by reference; for flags "yes" or "no"
 * @why: set on failure
 *
 * Return: 0 or -EINVAL.
 */
int disk_options_set(struct disk_options *options, const char *name, const char *value,
		     char why[DISK_OPTION_WHY]);

/**
 * disk_options_finish() - all were given: see whether they go together
 * @options: complete
 * @why: set on failure
 *
 * Return: 0 or -EINVAL.
 */
int disk_options_finish(struct disk_options *options, char why[DISK_OPTION_WHY]);

/* disk_options_json() - those given, {NAME: TEXT, ...} in one fixed order; flags are "yes" */
struct json_object *disk_options_json(const struct disk_options *options);

/**
 * disk_options_parse() - the way back
 * @json: object, texts or numbers or, for flags, booleans; kept by reference
 * @ret_options: filled; its texts are @json's
 * @why: set on failure
 *
 * Files are wanted by absolute paths, as the manager's directory is nobody's.
 * Return: 0 or -EINVAL.
 */
int disk_options_parse(struct json_object *json, struct disk_options *ret_options,
		       char why[DISK_OPTION_WHY]);

/**
 * disk_options_argument() - as an argument of the command line
 * @name: of an option
 * @value: as disk_options_json() has it
 *
 * Return: "--NAME=VALUE" or "--NAME", to be freed, NULL without memory.
 */
char *disk_options_argument(const char *name, const char *value);

#endif
