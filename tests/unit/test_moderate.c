// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt moderation on made-up devices: how many interrupts, and how late.
 *
 * A driver keeps so many requests under way. The device completes one every @gap ns, and the driver
 * sends the next one when it is told of it: what is held is not under way meanwhile.
 */
#include "unit.h"

#include "moderate.h"

struct device {
	struct moderation moderation;
	uint64_t now;
	uint32_t in_flight, owed;
	uint64_t owed_at; /* when the first that is held completed */
	uint64_t completed, interrupts, longest;
};

static void tell(struct device *device)
{
	if (device->now - device->owed_at > device->longest)
		device->longest = device->now - device->owed_at;
	device->interrupts++;
	device->in_flight += device->owed;
	device->owed = 0;
}

/* What an engine does at the end of a turn that found @fresh completions. */
static void turn(struct device *device, uint32_t fresh)
{
	struct moderation *moderation = &device->moderation;

	if (!device->owed && !fresh)
		return;
	if (!device->owed)
		device->owed_at = device->now;
	device->in_flight -= fresh;
	device->owed += fresh;
	device->completed += fresh;
	if (!moderate_applies(moderation, device->in_flight + device->owed)) {
		moderate_rest(moderation);
		tell(device);
		return;
	}
	if (fresh)
		moderate_completed(moderation, device->now, fresh);
	if (!moderate_holds(moderation, device->now, device->in_flight, device->owed,
			    MODERATE_HOLD_MAX))
		tell(device);
}

static struct device run(uint32_t depth, uint64_t gap, uint32_t count)
{
	struct device device = { .now = 1000000000, .in_flight = depth };

	while (device.completed < count) {
		device.now += gap;
		turn(&device, device.in_flight ? 1 : 0);
	}
	return device;
}

static void few_requests_are_told_at_once(void **state)
{
	(void)state;
	for (uint32_t depth = 1; depth < MODERATE_LEAST; depth++) {
		struct device device = run(depth, 10000, 1000);

		assert_int_equal(device.interrupts, device.completed);
		assert_int_equal(device.longest, 0);
	}
}

static void many_requests_are_told_in_batches(void **state)
{
	static const uint64_t gaps[] = { 300, 2500, 60000 };

	(void)state;
	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		struct device device = run(32, gaps[i], 10000);

		/* The first ones teach it how long a gap is. */
		assert_in_range(device.interrupts, 10000 / 8, 10000 / 8 + 100);
		/* Seven gaps after the first of eight. */
		assert_in_range(device.longest, 1, 8 * gaps[i]);
	}
}

static void none_is_held_longer_than_half_the_service_time(void **state)
{
	struct device device = run(64, 2000, 5000);
	uint64_t from;

	(void)state;
	/* The device stops in the middle of a batch; the engine goes on looking. */
	while (!device.owed)
		turn(&device, 1);
	from = device.now;
	while (device.owed && device.now - from < 10000000) {
		device.now += 100;
		turn(&device, 0);
	}
	assert_int_equal(device.owed, 0);
	assert_in_range(device.now - from, 1, 64 * 2000 / 2 + 100);
}

static void a_slow_device_does_not_hold_for_ever(void **state)
{
	struct device device = run(256, MODERATE_HOLD_MAX / 2, 500);

	(void)state;
	assert_in_range(device.longest, 0, MODERATE_HOLD_MAX + MODERATE_HOLD_MAX / 2);
}

static void the_last_is_told_at_once(void **state)
{
	struct device device = run(32, 2000, 5000);

	(void)state;
	device.now += 2000;
	turn(&device, device.in_flight); /* all of them */
	assert_int_equal(device.owed, 0);
}

static void a_pause_is_no_gap(void **state)
{
	struct device device = run(32, 2000, 5000);
	uint32_t before = device.moderation.gap_ns;

	(void)state;
	device.now += 5000000000;
	turn(&device, 1);
	assert_int_equal(device.moderation.gap_ns, before);
}

static void switched_off_it_holds_nothing(void **state)
{
	struct device device = { .now = 1000000000, .in_flight = 64, .moderation.off = 1 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		device.now += 1000;
		turn(&device, 1);
	}
	assert_int_equal(device.interrupts, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_requests_are_told_at_once),
		cmocka_unit_test(many_requests_are_told_in_batches),
		cmocka_unit_test(none_is_held_longer_than_half_the_service_time),
		cmocka_unit_test(a_slow_device_does_not_hold_for_ever),
		cmocka_unit_test(the_last_is_told_at_once),
		cmocka_unit_test(a_pause_is_no_gap),
		cmocka_unit_test(switched_off_it_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
