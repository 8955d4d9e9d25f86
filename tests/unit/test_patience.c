// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patience on made-up devices, for a guest that has nothing else to do: it is halted while it
 * waits, so that without patience it is told of each completion at once.
 *
 * A serial device does one request after the other, so that it is as busy with some of them as with
 * all; a parallel one takes as long for each, however many there are.
 */
#include "unit.h"

#include <stdlib.h>

#include "moderate.h"
#include "patience.h"

#define DEPTH_MAX 64

struct guest {
	struct moderation moderation;
	struct patience patience;
	uint32_t depth, in_flight, owed;
	uint64_t now, service, jitter; /* ns: of each request, and what comes on top, at most */
	uint64_t free_at;	       /* serial: when the last one is done */
	bool serial;
	uint64_t done_at[DEPTH_MAX]; /* of those in flight */
	uint64_t owed_at, longest, completed, interrupts, first;
};

static void send(struct guest *guest)
{
	uint64_t takes = guest->service + (guest->jitter ? (uint64_t)rand() % guest->jitter : 0);

	if (guest->serial) {
		guest->free_at =
			(guest->free_at > guest->now ? guest->free_at : guest->now) + takes;
		guest->done_at[guest->in_flight++] = guest->free_at;
	} else {
		guest->done_at[guest->in_flight++] = guest->now + takes;
	}
}

static void tell(struct guest *guest)
{
	if (guest->now - guest->owed_at > guest->longest)
		guest->longest = guest->now - guest->owed_at;
	guest->interrupts++;
	for (; guest->owed; guest->owed--)
		send(guest);
}

/* Of the engine, as bpf/direct_complete.h does it. */
static void turn(struct guest *guest, uint32_t fresh)
{
	bool patient, holds;

	if (!moderate_applies(&guest->moderation, guest->in_flight + guest->owed)) {
		moderate_rest(&guest->moderation);
		patience_rest(&guest->patience);
		if (guest->owed)
			tell(guest);
		return;
	}
	if (fresh)
		moderate_completed(&guest->moderation, guest->now, fresh);
	patience_completed(&guest->patience, guest->now, fresh);
	if (!guest->owed)
		return;
	patient = patience_on(&guest->patience);
	holds = moderate_holds(&guest->moderation, guest->now, guest->in_flight, guest->owed,
			       patient ? PATIENCE_HOLD_MAX : MODERATE_HOLD_MAX) &&
		patient;
	patience_waits(&guest->patience, guest->in_flight + (holds ? guest->owed : 0));
	if (!holds)
		tell(guest);
}

/* The next completion, or when what is held has to go. */
static void step(struct guest *guest)
{
	uint32_t next = 0;

	for (uint32_t i = 1; i < guest->in_flight; i++)
		if (guest->done_at[i] < guest->done_at[next])
			next = i;
	if (guest->owed && guest->moderation.until_ns < guest->done_at[next]) {
		guest->now = guest->moderation.until_ns;
		turn(guest, 0);
		return;
	}
	guest->now = guest->done_at[next];
	guest->done_at[next] = guest->done_at[--guest->in_flight];
	if (!guest->owed++)
		guest->owed_at = guest->now;
	guest->completed++;
	turn(guest, 1);
}

#define AT_LEAST_NS 1000000000U

/* So many more requests, and so long; what is counted begins anew. */
static void go_on(struct guest *guest, uint64_t count)
{
	guest->completed = guest->interrupts = guest->longest = 0;
	guest->first = guest->now;
	while (guest->completed < count || guest->now - guest->first < AT_LEAST_NS)
		step(guest);
}

/* ps that a request took */
static uint64_t each(const struct guest *guest)
{
	return (guest->now - guest->first) * 1000 / guest->completed;
}

static struct guest guest_of(bool serial, uint64_t service, uint64_t jitter)
{
	struct guest guest = { .now = 1000000000,
			       .depth = 32,
			       .serial = serial,
			       .service = service,
			       .jitter = jitter };

	srand(1);
	for (uint32_t i = 0; i < guest.depth; i++)
		send(&guest);
	return guest;
}

/* A guest that has learned, and as many requests since; what each takes without patience, in ps. */
static uint64_t learn(bool serial, uint64_t service, struct guest *ret_guest)
{
	struct guest prompt = guest_of(serial, service, service / 2);

	prompt.patience.off = 1;
	go_on(&prompt, 20000);
	assert_int_equal(prompt.interrupts, prompt.completed);
	*ret_guest = guest_of(serial, service, service / 2);
	go_on(ret_guest, 20000);
	go_on(ret_guest, 20000);
	return each(&prompt);
}

static void a_busy_device_loses_nothing(void **state)
{
	/* ns that it takes for each: a fast drive, large requests, a slow drive */
	static const uint64_t services[] = { 2000, 20000, 500000 };

	(void)state;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		struct guest guest;
		uint64_t prompt = learn(true, services[i], &guest);

		/* One for eight, but for the windows that are prompt. */
		assert_in_range(guest.interrupts, guest.completed / 8, guest.completed / 4);
		assert_in_range(each(&guest), 0, prompt + prompt / 100);
		assert_in_range(guest.patience.cost + 1024, 1024 - PATIENCE_COST,
				1024 + PATIENCE_COST);
	}
}

static void one_with_time_to_spare_is_asked_at_once(void **state)
{
	/* ns: drives of 30 us and 100 us, a disk in a data centre elsewhere, one on its knees */
	static const uint64_t services[] = { 30000, 100000, 2000000, 20000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		struct guest guest;
		uint64_t prompt = learn(false, services[i], &guest);

		assert_true(guest.patience.cost > PATIENCE_COST);
		/* Each 16th window is a patient one. */
		assert_in_range(guest.interrupts, guest.completed * 9 / 10, guest.completed);
		assert_in_range(each(&guest), 0, prompt + prompt / 50);
	}
}

static void what_was_learned_is_learned_anew(void **state)
{
	struct guest guest = guest_of(true, 20000, 10000);

	(void)state;
	go_on(&guest, 20000);
	assert_true(guest.patience.cost <= PATIENCE_COST);
	guest.serial = false;
	guest.service = 500000;
	guest.jitter = 250000;
	go_on(&guest, 30000);
	assert_true(guest.patience.cost > PATIENCE_COST);
	guest.serial = true;
	guest.service = 20000;
	guest.jitter = 10000;
	go_on(&guest, 30000);
	assert_true(guest.patience.cost <= PATIENCE_COST);
}

static void none_is_held_for_longer_than_is_said(void **state)
{
	struct guest guest = guest_of(true, 3000000, 0); /* a quarter of them takes 24 ms */

	(void)state;
	go_on(&guest, 20000);
	/* 5 ms after the first. */
	assert_in_range(guest.longest, 3000000, PATIENCE_HOLD_MAX);
}

static void switched_off_it_holds_nothing(void **state)
{
	struct guest guest = guest_of(true, 20000, 0);
	struct patience before;

	(void)state;
	go_on(&guest, 20000);
	assert_in_range(guest.interrupts, 0, guest.completed / 2);
	guest.patience.off = 1; /* at any time */
	before = guest.patience;
	go_on(&guest, 20000);
	assert_int_equal(guest.interrupts, guest.completed);
	/* Nor learns anything, as there is no patience to be seen. */
	assert_int_equal(guest.patience.pairs, before.pairs);
	assert_int_equal(guest.patience.cost, before.cost);
	assert_int_equal(guest.patience.waited, before.waited);
}

static void few_requests_are_no_measure(void **state)
{
	struct guest guest = { .now = 1000000000, .depth = 4, .serial = true, .service = 20000 };

	(void)state;
	for (uint32_t i = 0; i < guest.depth; i++)
		send(&guest);
	go_on(&guest, 20000);
	assert_int_equal(guest.patience.pairs, 0);
	assert_int_equal(guest.patience.waited, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_device_loses_nothing),
		cmocka_unit_test(one_with_time_to_spare_is_asked_at_once),
		cmocka_unit_test(what_was_learned_is_learned_anew),
		cmocka_unit_test(none_is_held_for_longer_than_is_said),
		cmocka_unit_test(switched_off_it_holds_nothing),
		cmocka_unit_test(few_requests_are_no_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
