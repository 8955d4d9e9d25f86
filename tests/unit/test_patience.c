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

#include "coalesce.h"

#define DEPTH_MAX 256
#define NEVER	  UINT64_MAX

struct guest {
	struct coalesce coalesce;
	struct queue_state state; /* in_flight, and what is published and signalled */
	uint32_t depth;
	uint64_t now, service, jitter; /* ns: of each request, and what comes on top, at most */
	uint64_t bursts; /* ns, or 0: so often, by chance, it is fast for a fifth of that */
	uint64_t burst_at;
	uint64_t free_at; /* serial: when the last one is done */
	bool serial;
	uint64_t done_at[DEPTH_MAX];	   /* of those in flight */
	uint64_t interrupt_ns, request_ns; /* what an interrupt costs its vCPU, and a request */
	uint32_t told, handling;	   /* completions: while others are handled, and those */
	uint64_t handled_at;		   /* when they are, NEVER: none is */
	uint64_t every; /* ns, or 0: requests come so often, by chance, whatever completes */
	uint64_t arrives_at;
	uint64_t owed_at, longest, completed, interrupts, first;
	uint64_t waited; /* requests × ns, until the driver takes them */
};

static uint64_t by_chance(uint64_t mean)
{
	return (uint64_t)rand() % (2 * mean);
}

static void send(struct guest *guest)
{
	uint64_t takes = guest->service + (guest->jitter ? (uint64_t)rand() % guest->jitter : 0);

	if (guest->bursts && guest->now > guest->burst_at) {
		takes /= 3;
		if (guest->now > guest->burst_at + guest->bursts / 5)
			guest->burst_at = guest->now + by_chance(guest->bursts);
	}
	assert_true(guest->state.in_flight < DEPTH_MAX);
	if (guest->serial) {
		guest->free_at =
			(guest->free_at > guest->now ? guest->free_at : guest->now) + takes;
		guest->done_at[guest->state.in_flight++] = guest->free_at;
	} else {
		guest->done_at[guest->state.in_flight++] = guest->now + takes;
	}
}

static uint32_t owed(const struct guest *guest)
{
	return (uint16_t)(guest->state.published - guest->state.signalled);
}

static uint32_t unseen(const struct guest *guest)
{
	return owed(guest) + guest->told + guest->handling;
}

/* The driver begins with what it was told of. */
static void handle(struct guest *guest)
{
	guest->handling = guest->told;
	guest->told = 0;
	guest->handled_at = guest->now + guest->interrupt_ns + guest->handling * guest->request_ns;
}

/* It took all that, and sends as many. */
static void handled(struct guest *guest)
{
	for (; guest->handling; guest->handling--)
		if (!guest->every)
			send(guest);
	guest->handled_at = NEVER;
	if (guest->told)
		handle(guest);
}

static void tell(struct guest *guest)
{
	if (guest->now - guest->owed_at > guest->longest)
		guest->longest = guest->now - guest->owed_at;
	guest->interrupts++;
	guest->told += owed(guest);
	guest->state.signalled = guest->state.published;
	if (guest->handled_at == NEVER)
		handle(guest);
	if (guest->handled_at == guest->now)
		handled(guest);
}

/* Of an engine: the vCPU is halted. */
static void turn(struct guest *guest)
{
	if (!owed(guest))
		return;
	if (!coalesce_applies(&guest->coalesce, &guest->state, unseen(guest))) {
		coalesce_rest(&guest->coalesce);
		tell(guest);
	} else if (coalesce_ask(&guest->coalesce, &guest->state, guest->now, unseen(guest)) !=
		   COALESCE_LONG) {
		coalesce_not(&guest->coalesce);
		tell(guest);
	}
}

static void go_to(struct guest *guest, uint64_t when)
{
	guest->waited += (when - guest->now) * (guest->state.in_flight + unseen(guest));
	guest->now = when;
}

/* What comes next: a completion, the end of an interrupt's handling, a request by itself, or the
 * time when what is held has to go. */
static void step(struct guest *guest)
{
	uint64_t held = owed(guest) ? guest->coalesce.moderation.until_ns : NEVER;
	uint64_t arrives = guest->every ? guest->arrives_at : NEVER, done = NEVER, until;
	uint32_t next = 0;

	for (uint32_t i = 0; i < guest->state.in_flight; i++)
		if (guest->done_at[i] < done) {
			next = i;
			done = guest->done_at[i];
		}
	until = guest->handled_at < held ? guest->handled_at : held;
	if (arrives < until)
		until = arrives;
	if (done <= until) {
		go_to(guest, done);
		guest->done_at[next] = guest->done_at[--guest->state.in_flight];
		if (!owed(guest))
			guest->owed_at = guest->now;
		guest->state.published++;
		guest->completed++;
		turn(guest);
		return;
	}
	go_to(guest, until);
	if (until == arrives) {
		guest->arrives_at += by_chance(guest->every);
		send(guest);
	} else if (until == held) {
		turn(guest);
	} else {
		handled(guest);
	}
}

#define AT_LEAST_NS 1000000000U

/* So many more requests, and so long; what is counted begins anew. */
static void go_on(struct guest *guest, uint64_t count)
{
	guest->completed = guest->interrupts = guest->longest = guest->waited = 0;
	guest->first = guest->now;
	while (guest->completed < count || guest->now - guest->first < AT_LEAST_NS)
		step(guest);
}

/* ps that a request took */
static uint64_t each(const struct guest *guest)
{
	return (guest->now - guest->first) * 1000 / guest->completed;
}

/* ns that a request took, until the driver had it back */
static uint64_t latency(const struct guest *guest)
{
	return guest->waited / guest->completed;
}

static struct guest guest_of(bool serial, uint64_t service, uint64_t jitter)
{
	struct guest guest = { .now = 1000000000,
			       .depth = 32,
			       .serial = serial,
			       .service = service,
			       .jitter = jitter,
			       .handled_at = NEVER };

	srand(1);
	for (uint32_t i = 0; i < guest.depth; i++)
		send(&guest);
	return guest;
}

/* A guest that has learned, and as many requests since; what each takes without patience, in ps. */
static uint64_t learn(bool serial, uint64_t service, struct guest *ret_guest)
{
	struct guest prompt = guest_of(serial, service, service / 2);

	prompt.coalesce.patience.off = 1;
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
		assert_in_range(guest.coalesce.patience.cost + 1024, 1024 - PATIENCE_COST,
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

		assert_true(guest.coalesce.patience.cost > PATIENCE_COST);
		/* Each 32nd window is a patient one, and more of them at first. */
		assert_in_range(guest.interrupts, guest.completed * 95 / 100, guest.completed);
		assert_in_range(each(&guest), 0, prompt + prompt / 50);
	}
}

/* As in an emulated machine: an interrupt takes as long as a request. */
static void a_slow_guest_gains_by_it(void **state)
{
	/* ns of a request, of an interrupt */
	static const uint64_t times[][2] = { { 20000, 15000 },
					     { 20000, 40000 },
					     { 500000, 400000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct guest prompt = guest_of(true, times[i][0], times[i][0] / 2), guest = prompt;

		prompt.interrupt_ns = guest.interrupt_ns = times[i][1];
		prompt.request_ns = guest.request_ns = 500;
		prompt.coalesce.patience.off = 1;
		go_on(&prompt, 20000);
		go_on(&guest, 20000);
		go_on(&guest, 20000);
		assert_in_range(guest.coalesce.patience.cost + 1024, 0, 1024 + PATIENCE_COST);
		assert_in_range(guest.interrupts, 0, guest.completed / 3);
		assert_in_range(each(&guest), 0, each(&prompt) + each(&prompt) / 100);
	}
}

/* A throttle or a cache that fills: comparisons are of two loads now and then. */
static void bursts_of_the_device_do_not_decide(void **state)
{
	struct guest guest = guest_of(true, 400000, 200000);

	(void)state;
	guest.bursts = 700000000;
	go_on(&guest, 40000);
	for (int i = 0; i < 100; i++) {
		go_on(&guest, 2000);
		assert_in_range(guest.coalesce.patience.cost + 1024, 0, 1024 + PATIENCE_COST);
	}
}

static void requests_at_times_of_their_own_are_not_held(void **state)
{
	/* ns of a request, and how often they come */
	static const uint64_t times[][2] = { { 100000, 3000 }, { 1000000, 40000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct guest prompt = guest_of(false, times[i][0], times[i][0] / 2), guest;

		prompt.every = times[i][1];
		prompt.arrives_at = prompt.now;
		guest = prompt;
		prompt.coalesce.patience.off = 1;
		go_on(&prompt, 20000);
		go_on(&guest, 20000);
		go_on(&guest, 20000);
		assert_true(guest.coalesce.patience.cost > PATIENCE_COST);
		assert_in_range(latency(&guest), 0, latency(&prompt) + latency(&prompt) / 25);
	}
}

static void what_was_learned_is_learned_anew(void **state)
{
	struct guest guest = guest_of(true, 20000, 10000);

	(void)state;
	go_on(&guest, 20000);
	assert_true(guest.coalesce.patience.cost <= PATIENCE_COST);
	guest.serial = false;
	guest.service = 500000;
	guest.jitter = 250000;
	go_on(&guest, 30000);
	assert_true(guest.coalesce.patience.cost > PATIENCE_COST);
	guest.serial = true;
	guest.service = 20000;
	guest.jitter = 10000;
	go_on(&guest, 30000);
	assert_true(guest.coalesce.patience.cost <= PATIENCE_COST);
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
	guest.coalesce.patience.off = 1; /* at any time */
	before = guest.coalesce.patience;
	go_on(&guest, 20000);
	assert_int_equal(guest.interrupts, guest.completed);
	/* Nor learns anything, as there is no patience to be seen. */
	assert_int_equal(guest.coalesce.patience.pairs, before.pairs);
	assert_int_equal(guest.coalesce.patience.cost, before.cost);
	assert_int_equal(guest.coalesce.patience.waited, before.waited);
}

static void few_requests_are_no_measure(void **state)
{
	struct guest guest = { .now = 1000000000, .depth = 4, .serial = true, .service = 20000 };

	(void)state;
	for (uint32_t i = 0; i < guest.depth; i++)
		send(&guest);
	go_on(&guest, 20000);
	assert_int_equal(guest.coalesce.patience.pairs, 0);
	assert_int_equal(guest.coalesce.patience.waited, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_device_loses_nothing),
		cmocka_unit_test(a_slow_guest_gains_by_it),
		cmocka_unit_test(bursts_of_the_device_do_not_decide),
		cmocka_unit_test(requests_at_times_of_their_own_are_not_held),
		cmocka_unit_test(one_with_time_to_spare_is_asked_at_once),
		cmocka_unit_test(what_was_learned_is_learned_anew),
		cmocka_unit_test(none_is_held_for_longer_than_is_said),
		cmocka_unit_test(switched_off_it_holds_nothing),
		cmocka_unit_test(few_requests_are_no_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
