// SPDX-License-Identifier: GPL-2.0-only
/* How long to look for work before sleeping: what sleeps of each kind make of it. */
#include "unit.h"

#include "spin.h"

#define BUDGET 32000ULL

static void sleep_for(struct spin *spin, uint64_t ns, uint32_t times)
{
	while (times--)
		spin_slept(spin, ns);
}

static void short_sleeps_in_a_row_are_looked_for(void **state)
{
	struct spin spin = { .budget_ns = BUDGET };

	(void)state;
	assert_int_equal(spin_time(&spin), 0);
	sleep_for(&spin, BUDGET, SPIN_PROOF);
	assert_int_equal(spin_time(&spin), 0);
	sleep_for(&spin, 1, 1);
	assert_int_equal(spin_time(&spin), SPIN_FIRST_NS);
	sleep_for(&spin, 1, 1);
	assert_int_equal(spin_time(&spin), 2 * SPIN_FIRST_NS);
	sleep_for(&spin, 1, 100);
	assert_int_equal(spin_time(&spin), BUDGET);
}

/* A request at a time: a long sleep while the device has it, a short one until the next comes. */
static void long_ones_between_them_are_not(void **state)
{
	struct spin spin = { .budget_ns = BUDGET };

	(void)state;
	for (int i = 0; i < 100; i++) {
		sleep_for(&spin, BUDGET + 1, 1);
		sleep_for(&spin, 1, SPIN_PROOF);
	}
	assert_int_equal(spin_time(&spin), 0);
}

static void a_long_one_halves_it(void **state)
{
	struct spin spin = { .budget_ns = BUDGET, .time_ns = BUDGET, .short_sleeps = SPIN_PROOF };

	(void)state;
	sleep_for(&spin, BUDGET + 1, 1);
	assert_int_equal(spin_time(&spin), BUDGET / 2);
	sleep_for(&spin, 1, SPIN_PROOF);
	assert_int_equal(spin_time(&spin), BUDGET / 2);
	sleep_for(&spin, BUDGET + 1, 3);
	assert_int_equal(spin_time(&spin), 0);
}

static void the_budget_may_change(void **state)
{
	struct spin spin = { .budget_ns = BUDGET };

	(void)state;
	sleep_for(&spin, 1, 100);
	spin.budget_ns = 1000;
	assert_int_equal(spin_time(&spin), 1000);
	sleep_for(&spin, 1, 100);
	assert_int_equal(spin_time(&spin), 1000);
	spin.budget_ns = 0;
	sleep_for(&spin, 0, 100);
	assert_int_equal(spin_time(&spin), 0);
	spin.budget_ns = BUDGET;
	sleep_for(&spin, 1, 100);
	assert_int_equal(spin_time(&spin), BUDGET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_sleeps_in_a_row_are_looked_for),
		cmocka_unit_test(long_ones_between_them_are_not),
		cmocka_unit_test(a_long_one_halves_it),
		cmocka_unit_test(the_budget_may_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
