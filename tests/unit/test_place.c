// SPDX-License-Identifier: GPL-2.0-only
/* Placement: which CPUs are chosen, and whose affinity is let alone. */
#include "unit.h"

#include "engine/place.h"

static cpu_set_t cpus(uint64_t bits)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (size_t cpu = 0; cpu < 64; cpu++)
		if (bits >> cpu & 1)
			CPU_SET(cpu, &set);
	return set;
}

static void chooses(uint64_t allowed, uint64_t taken, uint64_t wanted, bool leaves_out)
{
	cpu_set_t from = cpus(allowed), without = cpus(taken), is, should = cpus(wanted);

	assert_int_equal(place_choose(&from, &without, &is), leaves_out);
	assert_true(CPU_EQUAL(&is, &should));
}

static void test_choose(void **state)
{
	(void)state;
	chooses(0xf, 0x3, 0xc, true);
	chooses(0xf, 0, 0xf, false);
	chooses(0xf, 0xf, 0xf, false);	/* vCPUs are everywhere */
	chooses(0x3, 0x3c, 0x3, false); /* they are elsewhere already */
	chooses(0x6, 0x3, 0x4, true);	/* of the cpuset alone */
}

static void test_is_free(void **state)
{
	struct place place = { .set = cpus(0xc), .last = cpus(0x8) };
	cpu_set_t allowed = cpus(0xf), fewer = cpus(0x7);
	const struct {
		uint64_t now;
		bool is_free;
	} cases[] = {
		{ 0xf, true }, { 0xff, true }, { 0xc, true },
		{ 0x8, true }, { 0x1, false }, { 0x4, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cpu_set_t now = cpus(cases[i].now);

		assert_int_equal(place_is_free(&place, &now, &allowed), cases[i].is_free);
	}
	/* A cpuset took CPU 3 away: what is left of ours is ours. */
	allowed = cpus(0x4);
	assert_true(place_is_free(&place, &allowed, &fewer));
	/* Of nobody yet. */
	place = (struct place){ 0 };
	allowed = cpus(0xf);
	fewer = cpus(0x2);
	assert_true(place_is_free(&place, &allowed, &allowed));
	assert_false(place_is_free(&place, &fewer, &allowed));
}

static void text_is(uint64_t bits, const char *wanted)
{
	cpu_set_t set = cpus(bits);
	char text[64];

	place_text(&set, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void test_text(void **state)
{
	(void)state;
	text_is(0, "");
	text_is(0x1, "0");
	text_is(0xc, "2-3");
	text_is(0x8d, "0,2-3,7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_is_free),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
