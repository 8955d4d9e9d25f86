// SPDX-License-Identifier: GPL-2.0-only
/* Values of command-line options: what is taken, what is refused and how. */
#include "unit.h"

#include <errno.h>
#include <sched.h>

#include "base/parse.h"

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))
#define UNSET	     0x5a5a5a5a5a5a5a5aULL

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t most;
		int want;
		uint64_t number;
	} cases[] = {
		{ "0", 10, 0, 0 },
		{ "10", 10, 0, 10 },
		{ "11", 10, -ERANGE, 0 },
		{ "1", 0, -ERANGE, 0 },
		{ "007", 10, 0, 7 }, /* decimal all the same */
		{ "010", 10, 0, 10 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "", 10, -EINVAL, 0 },
		{ "-1", UINT64_MAX, -EINVAL, 0 },
		{ "-0", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "1 ", 10, -EINVAL, 0 },
		{ "\n1", 10, -EINVAL, 0 },
		{ "1x", 10, -EINVAL, 0 },
		{ "0x10", 100, -EINVAL, 0 },
		{ "1.5", 10, -EINVAL, 0 },
		{ "1K", 10000, -EINVAL, 0 },
		{ "x", 10, -EINVAL, 0 },
		{ "\xb2", 10, -EINVAL, 0 }, /* a superscript two, to some */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t number = UNSET;
		int have = parse_number(cases[i].text, cases[i].most, &number);

		if (have != cases[i].want || number != (have ? UNSET : cases[i].number))
			fail_msg("\"%s\": %d, %llu", cases[i].text, have,
				 (unsigned long long)number);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int want;
		uint64_t size;
	} cases[] = {
		{ "512", 0, 512 },
		{ "1024", 0, 1024 },
		{ "1K", 0, 1024 },
		{ "1k", 0, 1024 },
		{ "3M", 0, 3 << 20 },
		{ "3m", 0, 3 << 20 },
		{ "10G", 0, 10ULL << 30 },
		{ "2t", 0, 2ULL << 40 },
		{ "8388607T", 0, 8388607ULL << 40 },
		{ "8388608T", -ERANGE, 0 }, /* 2^63: no file is as long */
		{ "9007199254740991K", 0, 9007199254740991ULL << 10 },
		{ "9007199254740992K", -ERANGE, 0 },
		{ "16777216T", -ERANGE, 0 }, /* 2^64 */
		{ "18446744073709551615T", -ERANGE, 0 },
		{ "9223372036854775296", 0, 9223372036854775296ULL },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "0", -EINVAL, 0 },
		{ "0G", -EINVAL, 0 },
		{ "1", -EINVAL, 0 },
		{ "511", -EINVAL, 0 },
		{ "513", -EINVAL, 0 },
		{ "1000", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1KiB", -EINVAL, 0 },
		{ "1KK", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
		{ "1 K", -EINVAL, 0 },
		{ "1K ", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "-1G", -EINVAL, 0 },
		{ "+1G", -EINVAL, 0 },
		{ " 1G", -EINVAL, 0 },
		{ "0x200", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t size = UNSET;
		int have = parse_size(cases[i].text, &size);

		if (have != cases[i].want || size != (have ? UNSET : cases[i].size))
			fail_msg("\"%s\": %d, %llu", cases[i].text, have, (unsigned long long)size);
	}
}

static void ranges(void **state)
{
	static const struct {
		const char *text;
		int want;
		uint64_t start, length;
	} cases[] = {
		{ "0+1", 0, 0, 1 },
		{ "2048+1000000", 0, 2048, 1000000 },
		{ "18446744073709551615+18446744073709551615", 0, UINT64_MAX, UINT64_MAX },
		{ "18446744073709551616+1", -ERANGE, 0, 0 },
		{ "1+18446744073709551616", -ERANGE, 0, 0 },
		{ "0+0", -EINVAL, 0, 0 },
		{ "", -EINVAL, 0, 0 },
		{ "5", -EINVAL, 0, 0 },
		{ "5+", -EINVAL, 0, 0 },
		{ "+5", -EINVAL, 0, 0 },
		{ "5++5", -EINVAL, 0, 0 },
		{ "5+-5", -EINVAL, 0, 0 },
		{ "-5+5", -EINVAL, 0, 0 },
		{ "5 +5", -EINVAL, 0, 0 },
		{ "5+ 5", -EINVAL, 0, 0 },
		{ "5+5 ", -EINVAL, 0, 0 },
		{ "5-10", -EINVAL, 0, 0 },
		{ "1K+1K", -EINVAL, 0, 0 },
		{ "1+2+3", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t start = UNSET, length = UNSET;
		int have = parse_range(cases[i].text, &start, &length);

		if (have != cases[i].want || start != (have ? UNSET : cases[i].start) ||
		    length != (have ? UNSET : cases[i].length))
			fail_msg("\"%s\": %d, %llu, %llu", cases[i].text, have,
				 (unsigned long long)start, (unsigned long long)length);
	}
}

static void cpu_lists(void **state)
{
	static const struct {
		const char *text;
		int want; /* count or error; room for 8 */
		int cpus[8];
	} cases[] = {
		{ "0", 1, { 0 } },
		{ "7", 1, { 7 } },
		{ "0,2-5", 5, { 0, 2, 3, 4, 5 } },
		{ "3,1,2", 3, { 3, 1, 2 } },
		{ "4-4", 1, { 4 } },
		{ "1,1", 2, { 1, 1 } },
		{ "0-7", 8, { 0, 1, 2, 3, 4, 5, 6, 7 } },
		{ "0-3,8-11", 8, { 0, 1, 2, 3, 8, 9, 10, 11 } },
		{ "1023", 1, { 1023 } },
		{ "1024", -ERANGE, { 0 } }, /* CPU_SETSIZE */
		{ "0-1024", -ERANGE, { 0 } },
		{ "18446744073709551616", -ERANGE, { 0 } },
		{ "0-8", -ERANGE, { 0 } },
		{ "0-7,9", -ERANGE, { 0 } },
		{ "", -EINVAL, { 0 } },
		{ ",", -EINVAL, { 0 } },
		{ "1,", -EINVAL, { 0 } },
		{ ",1", -EINVAL, { 0 } },
		{ "1,,2", -EINVAL, { 0 } },
		{ "1-", -EINVAL, { 0 } },
		{ "-1", -EINVAL, { 0 } },
		{ "5-4", -EINVAL, { 0 } },
		{ "1-2-3", -EINVAL, { 0 } },
		{ "1, 2", -EINVAL, { 0 } },
		{ "1 ", -EINVAL, { 0 } },
		{ "1\n", -EINVAL, { 0 } },
		{ "a", -EINVAL, { 0 } },
		{ "0-7:2", -EINVAL, { 0 } },
	};

	(void)state;
	assert_int_equal(CPU_SETSIZE, 1024);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int cpus[9], have;

		memset(cpus, 0x5a, sizeof(cpus));
		have = parse_cpu_list(cases[i].text, 8, cpus);
		if (have != cases[i].want ||
		    (have > 0 && memcmp(cpus, cases[i].cpus, (size_t)have * sizeof(cpus[0])) != 0))
			fail_msg("\"%s\": %d", cases[i].text, have);
		/* Whatever was wanted, there is room for eight. */
		assert_int_equal(cpus[8], 0x5a5a5a5a);
	}
}

/* Bytes of any kind: an answer, and what was taken is what printing it gives. */
static void anything(void **state)
{
	static const char letters[] = "0123456789012345678901234567890123456789+-,KMGTkmgt x";
	uint64_t random = unit_seed(__func__);
	uint32_t taken = 0;

	(void)state;
	for (int turn = 0; turn < 300000; turn++) {
		char text[24], again[64];
		size_t len = unit_below(&random, sizeof(text));
		uint64_t start, length, number;
		int cpus[4];

		for (size_t i = 0; i < len; i++)
			text[i] = letters[unit_below(&random, sizeof(letters) - 1)];
		text[len] = '\0';
		if (!parse_number(text, UINT64_MAX, &number)) {
			snprintf(again, sizeof(again), "%llu", (unsigned long long)number);
			assert_string_equal(again, text + strlen(text) - strlen(again));
			taken++;
		}
		if (!parse_range(text, &start, &length)) {
			assert_true(length);
			taken++;
		}
		if (!parse_size(text, &number)) {
			assert_true(number && number % 512 == 0 && number <= INT64_MAX);
			taken++;
		}
		assert_true(parse_cpu_list(text, 4, cpus) <= 4);
	}
	assert_true(taken > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),   cmocka_unit_test(sizes),	 cmocka_unit_test(ranges),
		cmocka_unit_test(cpu_lists), cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
