// SPDX-License-Identifier: GPL-2.0-only
/* Lines of io.cost.qos, io.cost.model and io.weight as the kernel writes them, and what I/O costs.
 */
#include "unit.h"

#include <math.h>
#include <sys/sysmacros.h>

#include "disk/io_cost.h"

static int near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

static void who_is_enabled(void **state)
{
	static const char on[] = "259:3 enable=1 ctrl=auto rpct=0.00 rlat=5000 wpct=0.00 wlat=5000 "
				 "min=1.00 max=10000.00\n";
	struct io_cost cost;

	(void)state;
	assert_true(io_cost_qos_line(on, &cost));
	assert_true(cost.enabled && cost.disk == makedev(259, 3));
	assert_true(near(cost.capacity, 1));
	assert_true(io_cost_qos_line("8:16 enable=0 ctrl=user min=1.00 max=50.00", &cost));
	assert_false(cost.enabled);
	assert_true(io_cost_qos_line("8:16 enable=1 ctrl=user min=1.00 max=50.00", &cost));
	assert_true(cost.enabled && near(cost.capacity, 0.5));
	assert_true(io_cost_qos_line("8:16 enable=1 ctrl=user min=125.50 max=200.00", &cost));
	assert_true(near(cost.capacity, 1.255));
	assert_true(io_cost_qos_line("8:16 xenable=1 enabled=1 min= max=x", &cost));
	assert_true(!cost.enabled && near(cost.capacity, 1));
	assert_false(io_cost_qos_line("", &cost));
	assert_false(io_cost_qos_line("enable=1", &cost));
	assert_false(io_cost_qos_line("8 enable=1", &cost));
}

static void the_linear_model(void **state)
{
	struct io_cost cost = { .disk = makedev(259, 3) };
	uint64_t page[LIMIT_KINDS] = { [LIMIT_READ_BYTES] = 4096, [LIMIT_READS] = 1 };
	uint64_t small[LIMIT_KINDS] = { [LIMIT_READ_BYTES] = 512, [LIMIT_READS] = 1 };
	uint64_t large[LIMIT_KINDS] = { [LIMIT_READ_BYTES] = 4096000, [LIMIT_READS] = 1 };
	uint64_t write[LIMIT_KINDS] = { [LIMIT_WRITE_BYTES] = 81920, [LIMIT_WRITES] = 10 };

	(void)state;
	io_cost_model_line("259:3 ctrl=user model=linear rbps=4096000 rseqiops=999 rrandiops=800 "
			   "wbps=8192000 wseqiops=99999 wrandiops=99999\n",
			   &cost);
	assert_true(near(io_cost_of(&cost, page), 1e9 / 800));
	assert_true(near(io_cost_of(&cost, small), 1e9 / 800));
	/* 1000 pages of 1 ms each, and 0.25 ms for being one request */
	assert_true(near(io_cost_of(&cost, large), 1000250000));
	/* Requests are said to be cheaper than their pages: never less than nothing. */
	assert_true(cost.ns[LIMIT_WRITES] >= 0 && cost.ns[LIMIT_WRITES] < 1e-9);
	assert_true(near(io_cost_of(&cost, write), 10e6));
}

static void other_models(void **state)
{
	static const char *const lines[] = {
		"259:30 ctrl=user model=linear rbps=1 rseqiops=1 rrandiops=1 wbps=1 wrandiops=1",
		"259:3 ctrl=user model=cubic rbps=1 rseqiops=1 rrandiops=1 wbps=1 wrandiops=1",
		"259:3 ctrl=user rbps=1 rseqiops=1 rrandiops=1 wbps=1 wrandiops=1",
		"259:3 model=linear rbps=0 rrandiops=0 wbps=-5 wrandiops=x",
		"nonsense",
		"",
	};
	struct io_cost cost = { .disk = makedev(259, 3) };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		io_cost_model_line(lines[i], &cost);
		for (int kind = 0; kind < LIMIT_KINDS; kind++)
			assert_true(near(cost.ns[kind], 0));
	}
}

static void weights(void **state)
{
	uint32_t weight = IO_WEIGHT_DEFAULT;

	(void)state;
	io_weight_line("8:16 77\n", makedev(259, 3), &weight);
	io_weight_line("default 0\n", makedev(259, 3), &weight);
	io_weight_line("default 10001\n", makedev(259, 3), &weight);
	io_weight_line("250\n", makedev(259, 3), &weight);
	io_weight_line("\n", makedev(259, 3), &weight);
	assert_int_equal(weight, 100);
	io_weight_line("default 250\n", makedev(259, 3), &weight);
	assert_int_equal(weight, 250);
	io_weight_line("259:3 600\n", makedev(259, 3), &weight);
	io_weight_line("259:30 1\n", makedev(259, 3), &weight);
	io_weight_line("259:3 default\n", makedev(259, 3), &weight);
	assert_int_equal(weight, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_enabled),
		cmocka_unit_test(the_linear_model),
		cmocka_unit_test(other_models),
		cmocka_unit_test(weights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
