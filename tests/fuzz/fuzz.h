/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzz targets share: taking values out of an input, and failing. */
#ifndef NVRING_FUZZ_H
#define NVRING_FUZZ_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called by libFuzzer. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

/* fuzz_take() - the next @bytes as a little-endian number; what is missing is 0 */
static inline uint64_t fuzz_take(struct fuzz_input *input, size_t bytes)
{
	size_t got = bytes < input->left ? bytes : input->left;
	uint64_t value = 0;

	for (size_t i = 0; i < got; i++)
		value |= (uint64_t)input->data[i] << (8 * i);
	input->data += got;
	input->left -= got;
	return value;
}

/* fuzz_take_bytes() - copy up to @bytes; returns how many there were */
static inline size_t fuzz_take_bytes(struct fuzz_input *input, void *to, size_t bytes)
{
	size_t got = bytes < input->left ? bytes : input->left;

	if (got)
		memcpy(to, input->data, got);
	input->data += got;
	input->left -= got;
	return got;
}

/* fuzz_fail() - the input showed a fault: say which, and let libFuzzer keep the input */
__attribute__((noreturn, format(printf, 1, 2))) static inline void fuzz_fail(const char *format,
									     ...)
{
	va_list args;

	va_start(args, format);
	fputs("fuzz: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/*
 * fuzz_fault() - whether the check called @name is to be shown a fault
 *
 * NVRING_FUZZ_FAULT=name in the environment: test_fuzz.sh sees that every check can fail.
 */
static inline bool fuzz_fault(const char *name)
{
	static const char *wanted;
	static bool known;

	if (!known)
		wanted = getenv("NVRING_FUZZ_FAULT");
	known = true;
	return wanted && !strcmp(wanted, name);
}

#endif
