// SPDX-License-Identifier: GPL-2.0-only
#include "parse.h"

#include <ctype.h>
#include <sched.h>
#include <string.h>

#include "util.h"

/* Digits at *@text up to @most; *@text is moved behind them. */
static int take_number(const char **text, uint64_t most, uint64_t *ret_number)
{
	unsigned long long number;
	char *end;

	/* strtoull() also takes signs and blanks. */
	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	number = strtoull(*text, &end, 10);
	if (errno || number > most)
		return -ERANGE;
	*text = end;
	*ret_number = number;
	return 0;
}

int parse_number(const char *text, uint64_t most, uint64_t *ret_number)
{
	uint64_t number;
	int err = take_number(&text, most, &number);

	if (err)
		return err;
	if (*text)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

int parse_bytes(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t number;
	int err, shift = 0;

	err = take_number(&text, UINT64_MAX, &number);
	if (err)
		return err;
	if (*text) {
		unit = strchr(units, toupper((unsigned char)*text));
		if (!unit || text[1])
			return -EINVAL;
		shift = 10 * (int)(unit - units + 1);
	}
	if (number > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	if (!number)
		return -EINVAL;
	*ret_bytes = number << shift;
	return 0;
}

int parse_size(const char *text, uint64_t *ret_size)
{
	uint64_t bytes;
	int err = parse_bytes(text, &bytes);

	if (err)
		return err;
	if (bytes % 512)
		return -EINVAL;
	*ret_size = bytes;
	return 0;
}

int parse_range(const char *text, uint64_t *ret_start, uint64_t *ret_length)
{
	uint64_t start, length;
	int err = take_number(&text, UINT64_MAX, &start);

	if (err)
		return err;
	if (*text++ != '+')
		return -EINVAL;
	err = parse_number(text, UINT64_MAX, &length);
	if (err)
		return err;
	if (!length)
		return -EINVAL;
	*ret_start = start;
	*ret_length = length;
	return 0;
}

int parse_cpu_list(const char *text, int most, int *ret_cpus)
{
	int count = 0;

	for (;; text++) {
		uint64_t first, last;
		int err = take_number(&text, CPU_SETSIZE - 1, &first);

		if (err)
			return err;
		last = first;
		if (*text == '-') {
			text++;
			err = take_number(&text, CPU_SETSIZE - 1, &last);
			if (err)
				return err;
		}
		if (last < first)
			return -EINVAL;
		for (uint64_t cpu = first; cpu <= last; cpu++) {
			if (count == most)
				return -ERANGE;
			ret_cpus[count++] = (int)cpu;
		}
		if (*text != ',')
			return *text ? -EINVAL : count;
	}
}
