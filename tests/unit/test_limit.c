// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits over made-up time: queues that always have more to start, and look again when they may.
 */
#include "unit.h"

#include <pthread.h>

#include "limit.h"

#define SECOND 1000000000ULL

#define QUEUES_MAX 16

/* What a queue has waiting: requests of one kind and size, without end. */
struct load {
	struct limit_share share;
	int write;
	uint32_t bytes;
	uint64_t started;
};

struct vm {
	struct limits limits;
	uint64_t now;
	uint64_t late; /* how much later than it could a queue looks again, at most */
	uint64_t random;
	uint32_t queues;
	struct load load[QUEUES_MAX];
};

static void set(struct limits *limits, enum limit_kind kind, uint64_t per_second)
{
	limits->rate[kind] = per_second ? limit_rate(per_second) : 0;
	limits->paid[kind] = 0;
	limits->on = 1;
	limits->generation++;
}

static struct vm vm_of(uint32_t queues, int write, uint32_t bytes)
{
	struct vm vm = { .now = 5 * SECOND, .queues = queues, .random = 1234567 };

	for (uint32_t i = 0; i < queues; i++) {
		vm.load[i].share.chunk = LIMIT_CHUNK_NS;
		vm.load[i].write = write;
		vm.load[i].bytes = bytes;
	}
	return vm;
}

/* Start what a queue may, as an engine does: so many at a look. */
static void serve(struct vm *vm, struct load *load)
{
	uint32_t most = 64;

	if (limit_holds(&vm->limits, &load->share, vm->now))
		return;
	while (most-- && limit_start(&vm->limits, &load->share, vm->now, load->write, load->bytes))
		load->started++;
}

/* When a queue looks again: soon, or when the first one's turn has come. */
static uint64_t next_turn(struct vm *vm)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < vm->queues; i++) {
		uint64_t until = vm->load[i].share.until;

		if (!until)
			return vm->now + 1000;
		if (until < next)
			next = until;
	}
	return next + (vm->late ? unit_below(&vm->random, vm->late) : 0);
}

/* Let @ns go by; returns how many requests were started. */
static uint64_t run(struct vm *vm, uint64_t ns)
{
	uint64_t end = vm->now + ns, before = 0, after = 0;

	for (uint32_t i = 0; i < vm->queues; i++)
		before += vm->load[i].started;
	while (vm->now < end) {
		for (uint32_t i = 0; i < vm->queues; i++)
			serve(vm, &vm->load[i]);
		vm->now = next_turn(vm);
	}
	for (uint32_t i = 0; i < vm->queues; i++)
		after += vm->load[i].started;
	return after - before;
}

static void assert_near(uint64_t value, uint64_t wanted, double share)
{
	double low = (double)wanted * (1 - share), high = (double)wanted * (1 + share);

	if ((double)value < low || (double)value > high)
		fail_msg("%llu, not within %g%% of %llu", (unsigned long long)value, share * 100,
			 (unsigned long long)wanted);
}

static void the_rate_is_kept(void **state)
{
	static const uint64_t rates[] = { 1, 3, 99, 1000, 33333, 500000, 3000000 };
	static const uint32_t queues[] = { 1, 2, 16 };

	(void)state;
	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		for (size_t q = 0; q < sizeof(queues) / sizeof(queues[0]); q++) {
			struct vm vm = vm_of(queues[q], 0, 4096);
			uint64_t seconds = rates[r] < 1000 ? 1000 : rates[r] < 100000 ? 100 : 10;

			set(&vm.limits, LIMIT_READS, rates[r]);
			run(&vm, SECOND); /* what may be started at once is behind us */
			assert_near(run(&vm, seconds * SECOND), rates[r] * seconds, 0.01);
		}
	}
}

static void bytes_are_kept_whatever_the_size(void **state)
{
	static const uint32_t sizes[] = { 512, 4096, 131072, 1048576, 1U << 30 };
	static const uint64_t rates[] = { 1 << 20, 100ULL << 20, 10ULL << 30 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
			struct vm vm = vm_of(2, 1, sizes[s]);
			uint64_t a_second = rates[r] / sizes[s], seconds;

			seconds = a_second > 100000 ? 1 : a_second > 100 ? 20 : 300000;
			set(&vm.limits, LIMIT_WRITE_BYTES, rates[r]);
			run(&vm, SECOND);
			assert_near(run(&vm, seconds * SECOND), rates[r] * seconds / sizes[s],
				    0.01);
		}
	}
}

static void who_looks_late_loses_nothing(void **state)
{
	struct vm vm = vm_of(3, 0, 4096);

	(void)state;
	vm.late = LIMIT_BURST_NS - LIMIT_CHUNK_NS;
	set(&vm.limits, LIMIT_READS, 2000);
	run(&vm, SECOND);
	assert_near(run(&vm, 100 * SECOND), 200000, 0.01);
}

static void waits_are_few(void **state)
{
	struct vm vm = vm_of(1, 0, 4096);

	(void)state;
	set(&vm.limits, LIMIT_READS, 100000);
	run(&vm, 10 * SECOND);
	/* One for each LIMIT_CHUNK_NS. */
	assert_in_range(vm.load[0].share.held, 4000, 5100);
	assert_near(vm.load[0].share.held_ns, 10 * SECOND, 0.05);
}

static void after_a_pause_a_burst(void **state)
{
	struct vm vm = vm_of(1, 0, 4096);
	uint64_t days;

	(void)state;
	set(&vm.limits, LIMIT_READS, 10000);
	run(&vm, SECOND);
	for (days = 1; days <= 4096; days *= 2) {
		uint64_t before = vm.load[0].started;

		vm.now += days * 86400 * SECOND;
		do
			serve(&vm, &vm.load[0]);
		while (!vm.load[0].share.until);
		/* The burst, and what the queue had reserved, or reserves with the last of it. */
		assert_in_range(vm.load[0].started - before, 999, 1000 + 2 * 20);
		run(&vm, SECOND);
	}
}

static void a_large_one_passes_and_is_paid_for(void **state)
{
	struct vm vm = vm_of(1, 1, 100 << 20); /* 100 s each */
	uint64_t first;

	(void)state;
	set(&vm.limits, LIMIT_WRITE_BYTES, 1 << 20);
	assert_false(limit_holds(&vm.limits, &vm.load[0].share, vm.now));
	assert_true(limit_start(&vm.limits, &vm.load[0].share, vm.now, 1, 100 << 20));
	assert_false(limit_start(&vm.limits, &vm.load[0].share, vm.now, 1, 4096));
	first = vm.load[0].share.until - vm.now;
	assert_in_range(first, 100 * SECOND - LIMIT_BURST_NS - 1000, 100 * SECOND);
	vm.load[1].share.chunk = LIMIT_CHUNK_NS;
	/* A second queue waits behind the first one's turn. */
	assert_false(limit_holds(&vm.limits, &vm.load[1].share, vm.now));
	assert_false(limit_start(&vm.limits, &vm.load[1].share, vm.now, 1, 4096));
	assert_true(vm.load[1].share.until > vm.load[0].share.until);
}

static void queues_get_the_same(void **state)
{
	struct vm vm = vm_of(16, 0, 4096);
	uint64_t sum;

	(void)state;
	set(&vm.limits, LIMIT_READS, 20000);
	sum = run(&vm, 20 * SECOND);
	for (int i = 0; i < 16; i++)
		assert_near(vm.load[i].started, sum / 16, 0.02);
}

/* One queue of large requests, one of small ones: each gets its turns. */
static void none_starves_beside_a_greedy_one(void **state)
{
	struct vm vm = vm_of(2, 0, 4096);
	uint64_t small, large;

	(void)state;
	vm.load[1].bytes = 1 << 20;
	set(&vm.limits, LIMIT_READ_BYTES, 64 << 20);
	run(&vm, 100 * SECOND);
	small = vm.load[0].started * 4096;
	large = vm.load[1].started << 20;
	assert_near(small + large, 6400ULL << 20, 0.01);
	/* 1 MiB is 15.6 ms, and a turn of the other queue is 2 ms. */
	assert_in_range(small, (small + large) / 10, (small + large) / 8);
}

static void reads_and_writes_are_apart(void **state)
{
	struct vm vm = vm_of(2, 0, 4096);

	(void)state;
	vm.load[1].write = 1;
	set(&vm.limits, LIMIT_READS, 1000);
	set(&vm.limits, LIMIT_WRITE_BYTES, 8 << 20);
	run(&vm, 100 * SECOND);
	assert_near(vm.load[0].started, 100000, 0.01);
	assert_near(vm.load[1].started, 204800, 0.01);
}

static void the_tighter_one_counts(void **state)
{
	struct vm small = vm_of(2, 0, 512), large = vm_of(2, 0, 131072);

	(void)state;
	set(&small.limits, LIMIT_READS, 1000);
	set(&small.limits, LIMIT_READ_BYTES, 10 << 20);
	large.limits = small.limits;
	assert_near(run(&small, 100 * SECOND), 100000, 0.01);
	assert_near(run(&large, 100 * SECOND), 8000, 0.01);
}

static void a_change_is_followed_at_once(void **state)
{
	struct vm vm = vm_of(4, 0, 1 << 20);

	(void)state;
	set(&vm.limits, LIMIT_READ_BYTES, 1); /* 12 days each */
	run(&vm, 1);
	set(&vm.limits, LIMIT_READ_BYTES, 0);
	set(&vm.limits, LIMIT_READS, 500);
	run(&vm, SECOND);
	assert_near(run(&vm, 20 * SECOND), 10000, 0.01);
	set(&vm.limits, LIMIT_READS, 50);
	run(&vm, SECOND);
	assert_near(run(&vm, 100 * SECOND), 5000, 0.01);
}

static void debts_do_not_overflow(void **state)
{
	struct vm vm = vm_of(1, 1, 0);

	(void)state;
	vm.now = 1ULL << 61; /* 73 years */
	set(&vm.limits, LIMIT_WRITE_BYTES, 1);
	for (int i = 0; i < 1000000; i++)
		assert_true(limit_charge(&vm.limits, vm.now, 1, UINT32_MAX) >=
			    vm.now - LIMIT_BURST_NS);
	assert_int_equal(vm.limits.paid[LIMIT_WRITE_BYTES], vm.now + LIMIT_DEBT_MAX);
	assert_false(limit_holds(&vm.limits, &vm.load[0].share, vm.now));
	assert_false(limit_start(&vm.limits, &vm.load[0].share, vm.now, 1, UINT32_MAX));
	assert_true(vm.load[0].share.until > vm.now + LIMIT_DEBT_MAX / 2);
}

static void what_is_not_limited_waits_for_nothing(void **state)
{
	struct vm vm = vm_of(1, 1, 4096);

	(void)state;
	set(&vm.limits, LIMIT_READS, 1);
	set(&vm.limits, LIMIT_WRITES, 0);
	for (int i = 0; i < 100000; i++)
		serve(&vm, &vm.load[0]);
	assert_int_equal(vm.load[0].started, 6400000);
	assert_int_equal(vm.load[0].share.held, 0);
}

/* The drive's time by a model, of which the VM has @part. */
static void set_drive(struct limits *limits, double part)
{
	limits->drive[LIMIT_READS] = limit_rate_ns(900000 / part);
	limits->drive[LIMIT_READ_BYTES] = limit_rate_ns(100000.0 / 4096 / part);
	limits->drive[LIMIT_WRITES] = limit_rate_ns(1000000 / part);
	limits->drive[LIMIT_WRITE_BYTES] = limit_rate_ns(1000000.0 / 4096 / part);
	limits->on = 1;
}

static void the_drives_time_is_kept(void **state)
{
	static const struct {
		int write;
		uint32_t bytes;
		double ms; /* of the drive's time */
	} rows[] = { { 0, 4096, 1 }, { 0, 512, 1 },    { 0, 131072, 4.1 },
		     { 1, 4096, 2 }, { 1, 65536, 17 }, { 1, 1 << 20, 257 } };
	static const double parts[] = { 1, 0.5, 0.11, 0.003 };

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
			struct vm vm = vm_of(2, rows[r].write, rows[r].bytes);

			set_drive(&vm.limits, parts[p]);
			run(&vm, 100 * SECOND);
			assert_near(run(&vm, 20000 * SECOND),
				    (uint64_t)(20000e3 * parts[p] / rows[r].ms), 0.01);
		}
	}
}

static void reads_and_writes_share_the_drive(void **state)
{
	struct vm vm = vm_of(2, 0, 4096);

	(void)state;
	vm.load[1].write = 1;
	set_drive(&vm.limits, 0.25);
	run(&vm, 1000 * SECOND);
	assert_near(vm.load[0].started + 2 * vm.load[1].started, 250000, 0.01);
	/* Each takes more than LIMIT_CHUNK_NS, so that a turn is one request. */
	assert_near(vm.load[0].started, vm.load[1].started, 0.01);
}

/* As the manager does it; what is owed stays owed, and nobody gains by it. */
static void the_drives_time_changes_often(void **state)
{
	struct vm vm = vm_of(3, 0, 4096);
	uint64_t started = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		set_drive(&vm.limits, i % 2 ? 0.1 : 0.3);
		started += run(&vm, SECOND / 5);
	}
	assert_near(started, 200000, 0.02);
}

static void flushes_take_none(void **state)
{
	struct vm vm = vm_of(1, 1, 0);

	(void)state;
	set_drive(&vm.limits, 0.001);
	for (int i = 0; i < 1000; i++)
		serve(&vm, &vm.load[0]);
	assert_int_equal(vm.load[0].started, 64000);
	assert_int_equal(vm.limits.drive_until, 0);
}

static void who_waits_for_the_drive(void **state)
{
	struct vm vm = vm_of(1, 0, 4096);

	(void)state;
	set_drive(&vm.limits, 0.5);
	for (int i = 0; i < 1000; i++) { /* half of what it may */
		vm.now += 4000000;
		assert_false(limit_holds(&vm.limits, &vm.load[0].share, vm.now));
		assert_true(limit_start(&vm.limits, &vm.load[0].share, vm.now, 0, 4096));
		assert_int_equal(vm.limits.drive_until, 0);
	}
	run(&vm, SECOND);
	for (int i = 0; i < 1000; i++) { /* all of it */
		uint64_t before = vm.now;

		run(&vm, SECOND / 5);
		assert_true(vm.limits.drive_until > before);
	}
	/* One that is started in any case is owed, too. */
	vm.now += SECOND;
	vm.limits.drive_until = 0;
	assert_true(limit_charge(&vm.limits, vm.now, 1, 1 << 20) <= vm.now);
	assert_int_equal(vm.limits.drive_until, 0);
	assert_true(limit_charge(&vm.limits, vm.now, 1, 4096) > vm.now + SECOND / 3);
	assert_true(vm.limits.drive_until > vm.now + SECOND / 3);
	/* What io.max has it wait for is not the drive. */
	vm = vm_of(1, 0, 4096);
	set_drive(&vm.limits, 0.5);
	set(&vm.limits, LIMIT_READS, 400);
	run(&vm, 10 * SECOND);
	assert_true(vm.load[0].share.held > 1000);
	assert_int_equal(vm.limits.drive_until, 0);
}

static void costs_are_right(void **state)
{
	uint64_t random = unit_seed("costs");

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t rate = 1 + (unit_random(&random) >> (24 + unit_below(&random, 40)));
		uint32_t units = (uint32_t)(unit_random(&random) >> (32 + unit_below(&random, 32)));
		double wanted = (double)units * 1e9 / (double)rate;
		double cost = (double)limit_cost(limit_rate(rate), units);

		if (wanted < (double)LIMIT_DEBT_MAX)
			assert_true(cost <= wanted + 0.5 && cost >= wanted * (1 - 1e-6) - 0.5);
		cost = (double)limit_cost(limit_rate_ns(1e9 / (double)rate), units);
		if (wanted < (double)LIMIT_DEBT_MAX)
			assert_true(cost <= wanted + 0.5 && cost >= wanted * (1 - 1e-6) - 0.5);
	}
}

struct thread {
	pthread_t id;
	struct limits *limits;
	uint64_t started;
};

static void *start_all(void *argument)
{
	struct thread *thread = argument;
	struct limit_share share = { .chunk = LIMIT_CHUNK_NS };

	limit_holds(thread->limits, &share, SECOND);
	for (int i = 0; i < 500000; i++) /* each costs as much as a turn */
		if (limit_start(thread->limits, &share, SECOND, 0, 0))
			thread->started++;
		else
			share.left[LIMIT_READS] = 0;
	return NULL;
}

/* Threads at the same word at once: what it moved on by is what they reserved, no less. */
static void threads_lose_nothing(void **state)
{
	struct limits limits = { .on = 1, .generation = 1 };
	struct thread threads[4];

	(void)state;
	limits.rate[LIMIT_READS] = limit_rate(SECOND / LIMIT_CHUNK_NS);
	for (int i = 0; i < 4; i++) {
		threads[i] = (struct thread){ .limits = &limits };
		pthread_create(&threads[i].id, NULL, start_all, &threads[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i].id, NULL);
	assert_int_equal(limits.paid[LIMIT_READS], SECOND + 2000000ULL * LIMIT_CHUNK_NS);
	assert_int_equal(threads[0].started + threads[1].started + threads[2].started +
				 threads[3].started,
			 LIMIT_BURST_NS / LIMIT_CHUNK_NS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_are_right),
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(bytes_are_kept_whatever_the_size),
		cmocka_unit_test(who_looks_late_loses_nothing),
		cmocka_unit_test(waits_are_few),
		cmocka_unit_test(after_a_pause_a_burst),
		cmocka_unit_test(a_large_one_passes_and_is_paid_for),
		cmocka_unit_test(queues_get_the_same),
		cmocka_unit_test(none_starves_beside_a_greedy_one),
		cmocka_unit_test(reads_and_writes_are_apart),
		cmocka_unit_test(the_tighter_one_counts),
		cmocka_unit_test(a_change_is_followed_at_once),
		cmocka_unit_test(debts_do_not_overflow),
		cmocka_unit_test(what_is_not_limited_waits_for_nothing),
		cmocka_unit_test(threads_lose_nothing),
		cmocka_unit_test(the_drives_time_is_kept),
		cmocka_unit_test(reads_and_writes_share_the_drive),
		cmocka_unit_test(the_drives_time_changes_often),
		cmocka_unit_test(flushes_take_none),
		cmocka_unit_test(who_waits_for_the_drive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
