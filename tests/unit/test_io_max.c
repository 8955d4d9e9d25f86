// SPDX-License-Identifier: GPL-2.0-only
/* Lines of io.max, as Documentation/admin-guide/cgroup-v2.rst has them. */
#include "unit.h"

#include <sys/sysmacros.h>

#include "disk/io_max.h"

static const uint64_t none[LIMIT_KINDS];

static void a_line_of_the_disk(void **state)
{
	uint64_t per_second[LIMIT_KINDS] = { 0 };

	(void)state;
	io_max_line("8:16 rbps=2097152 wbps=max riops=max wiops=120\n", makedev(8, 16), per_second);
	assert_int_equal(per_second[LIMIT_READ_BYTES], 2097152);
	assert_int_equal(per_second[LIMIT_WRITE_BYTES], 0);
	assert_int_equal(per_second[LIMIT_READS], 0);
	assert_int_equal(per_second[LIMIT_WRITES], 120);
}

static void the_tightest_of_all(void **state)
{
	uint64_t per_second[LIMIT_KINDS] = { 0 };

	(void)state;
	io_max_line("259:2 rbps=max wbps=5000 riops=100 wiops=7", makedev(259, 2), per_second);
	io_max_line("259:2 rbps=18446744073709551615 wbps=6000 riops=99 wiops=max", makedev(259, 2),
		    per_second);
	assert_true(per_second[LIMIT_READ_BYTES] == UINT64_MAX);
	assert_int_equal(per_second[LIMIT_WRITE_BYTES], 5000);
	assert_int_equal(per_second[LIMIT_READS], 99);
	assert_int_equal(per_second[LIMIT_WRITES], 7);
}

static void other_disks_and_nonsense(void **state)
{
	static const char *const lines[] = {
		"8:1 rbps=1 wbps=1 riops=1 wiops=1",
		"8:161 rbps=1 wbps=1 riops=1 wiops=1",
		"18:16 rbps=1",
		"8:16",
		"8:16 ",
		"8:16 rbps=max xbps=3 rbpss=4 riops= wiops",
		"8:16 rbps=0",
		"",
		"\n",
		"default",
		"8 16 rbps=1",
	};
	uint64_t per_second[LIMIT_KINDS] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		io_max_line(lines[i], makedev(8, 16), per_second);
		assert_memory_equal(per_second, none, sizeof(none));
	}
}

static void pairs(void **state)
{
	uint64_t per_second[LIMIT_KINDS] = { 0 };

	(void)state;
	assert_int_equal(io_max_pair("5000", false, per_second), 0);
	assert_int_equal(per_second[LIMIT_READS], 5000);
	assert_int_equal(per_second[LIMIT_WRITES], 5000);
	assert_int_equal(io_max_pair("200M:1", true, per_second), 0);
	assert_int_equal(per_second[LIMIT_READ_BYTES], 200 << 20);
	assert_int_equal(per_second[LIMIT_WRITE_BYTES], 1);
	assert_int_equal(io_max_pair("max:7", false, per_second), 0);
	assert_int_equal(per_second[LIMIT_READS], 0);
	assert_int_equal(per_second[LIMIT_WRITES], 7);
	assert_int_equal(io_max_pair("max", true, per_second), 0);
	assert_int_equal(per_second[LIMIT_READ_BYTES], 0);
	assert_int_equal(per_second[LIMIT_WRITE_BYTES], 0);
	assert_int_equal(per_second[LIMIT_WRITES], 7);
}

static void no_pairs(void **state)
{
	static const char *const texts[] = {
		"",
		"0",
		"5:",
		":5",
		"5:0",
		"-1",
		"5 ",
		"5K",
		"5:6:7",
		"maxx",
		"4294967296",
		"max:",
		"5;6",
		" 5:6",
		"0x5:6",
		"5.5",
		"99999999999999999999:1",
		"00000000000000000000000000000000000000000000000000000000000000005",
	};
	uint64_t per_second[LIMIT_KINDS] = { 1, 2, 3, 4 };
	static const uint64_t same[LIMIT_KINDS] = { 1, 2, 3, 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_not_equal(io_max_pair(texts[i], false, per_second), 0);
		assert_memory_equal(per_second, same, sizeof(same));
	}
	assert_int_not_equal(io_max_pair("5X", true, per_second), 0);
	assert_int_not_equal(io_max_pair("5M:16777216T", true, per_second), 0);
	assert_memory_equal(per_second, same, sizeof(same));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_the_disk),
		cmocka_unit_test(the_tightest_of_all),
		cmocka_unit_test(other_disks_and_nonsense),
		cmocka_unit_test(pairs),
		cmocka_unit_test(no_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
