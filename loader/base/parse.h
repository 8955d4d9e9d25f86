/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of command-line options. */
#ifndef NVRING_PARSE_H
#define NVRING_PARSE_H

#include <stdint.h>

/**
 * parse_number() - a decimal number
 * @text: nothing but digits
 * @most: largest allowed
 * @ret_number: set on success
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int parse_number(const char *text, uint64_t most, uint64_t *ret_number);

/**
 * parse_bytes() - bytes, with K, M, G or T for powers of 1024
 * @text: such as "10G"
 * @ret_bytes: set on success, above 0
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int parse_bytes(const char *text, uint64_t *ret_bytes);

/**
 * parse_size() - likewise, of a disk
 * @text: such as "10G"
 * @ret_size: set on success, a multiple of 512 above 0
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int parse_size(const char *text, uint64_t *ret_size);

/**
 * parse_range() - START+LENGTH
 * @text: two numbers of logical blocks
 * @ret_start: set on success
 * @ret_length: set on success, above 0
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int parse_range(const char *text, uint64_t *ret_start, uint64_t *ret_length);

/**
 * parse_cpu_list() - CPUs as the kernel writes them
 * @text: such as "0,2-5"
 * @most: room in @ret_cpus
 * @ret_cpus: filled in the order given
 *
 * Return: how many, above 0, -EINVAL, or -ERANGE when there are too many or a number is too big.
 */
int parse_cpu_list(const char *text, int most, int *ret_cpus);

#endif
