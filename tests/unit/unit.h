/* SPDX-License-Identifier: GPL-2.0-only */
/* cmocka with the headers it wants before it. */
#ifndef NVRING_UNIT_H
#define NVRING_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* unit_random() - xorshift64; @state is not 0. The same numbers on every
 * machine. */
static inline uint64_t unit_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* unit_below() - a number in 0..@end-1 */
static inline uint64_t unit_below(uint64_t *state, uint64_t end)
{
	return (unit_random(state) >> 11) % end;
}

/*
 * unit_seed() - where a test that draws its input begins
 *
 * The same in every run, so that a run says the same of the same code; UNIT_SEED=NUMBER in the
 * environment draws others. It is printed as a comment of TAP.
 */
static inline uint64_t unit_seed(const char *test)
{
	const char *text = getenv("UNIT_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 0;

	if (!seed)
		seed = 0x9e3779b97f4a7c15;
	print_message("# %s: UNIT_SEED=%#llx\n", test, (unsigned long long)seed);
	return seed;
}

#endif
