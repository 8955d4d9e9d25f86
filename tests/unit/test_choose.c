// SPDX-License-Identifier: GPL-2.0-only
/* --engine auto's decisions, on made-up loads: what is better is found, and nothing flaps. */
#include "unit.h"

#include "engine/choose.h"

#define SECOND_NS 1000000000ULL

static uint64_t seed; /* of all worlds */

/* What a load is like on each engine: requests/s, and CPU time of one. */
struct world {
	double rate[ENGINE_AUTO];
	double cost_ns[ENGINE_AUTO];
	double noise;		  /* share that rates and costs are off, at most */
	double (*factor)(double); /* of the rate, by seconds since the start; NULL for 1 */
	uint64_t seed;

	struct choose choose;
	struct choose_sample sample;
	enum engine engine;
	double other_s; /* on another engine than the current one */
	uint32_t trials, moves, switches;
};

static double off(struct world *world)
{
	double random = (double)unit_below(&world->seed, 2000001) / 1e6 - 1;

	return 1 + random * world->noise;
}

static void start(struct world *world, enum engine first)
{
	choose_init(&world->choose, first, "it is believed best");
	world->engine = first;
	world->seed = seed;
	world->sample.now_ns = 5 * SECOND_NS;
}

/* Let it run for so many seconds. */
static void run(struct world *world, double seconds)
{
	uint64_t end = world->sample.now_ns + (uint64_t)(seconds * 1e9);

	while (world->sample.now_ns < end) {
		enum engine before = world->engine, current = world->choose.current;
		uint64_t ns = choose_delay_ns(&world->choose);
		double s = (double)ns / 1e9, factor = 1;
		double requests;

		if (world->factor)
			factor = world->factor((double)world->sample.now_ns / 1e9);
		requests = world->rate[before] * factor * s * off(world);
		world->sample.now_ns += ns;
		world->sample.completed += (uint64_t)requests;
		world->sample.cpu_ns += (uint64_t)(requests * world->cost_ns[before] * off(world));
		world->engine = choose_step(&world->choose, &world->sample);
		assert_int_equal(world->engine, choose_engine(&world->choose));
		if (before != current)
			world->other_s += s;
		world->switches += world->engine != before;
		world->trials += before == current && world->engine != before &&
				 world->choose.phase == CHOOSE_TRY;
		world->moves += world->choose.current != current;
	}
}

static void more_requests_win(void **state)
{
	struct world world = {
		.rate = { [ENGINE_WORKER] = 300e3, [ENGINE_POLLER] = 400e3 },
		.cost_ns = { [ENGINE_WORKER] = 3000, [ENGINE_POLLER] = 5000 },
		.noise = 0.03,
	};

	(void)state;
	start(&world, ENGINE_WORKER);
	choose_allow(&world.choose, ENGINE_POLLER);
	run(&world, 9);
	assert_int_equal(world.switches, 0);
	run(&world, 5);
	assert_int_equal(world.choose.current, ENGINE_POLLER);
	assert_int_equal(world.engine, ENGINE_POLLER);
	assert_non_null(strstr(world.choose.reason, "requests/s against the worker's"));
	run(&world, 7200);
	assert_int_equal(world.moves, 1);
	assert_int_equal(world.choose.current, ENGINE_POLLER);
}

static void less_cpu_wins_at_the_same_rate(void **state)
{
	struct world world = {
		.rate = { [ENGINE_WORKER] = 20e3, [ENGINE_LOOP] = 20e3 },
		.cost_ns = { [ENGINE_WORKER] = 20e3, [ENGINE_LOOP] = 9e3 },
		.noise = 0.02,
	};

	(void)state;
	start(&world, ENGINE_WORKER);
	choose_allow(&world.choose, ENGINE_LOOP);
	run(&world, 15);
	assert_int_equal(world.choose.current, ENGINE_LOOP);
	assert_non_null(strstr(world.choose.reason, "us of CPU each, and the worker is worse"));
	run(&world, 7200);
	assert_int_equal(world.moves, 1);
}

/* Neither fewer requests for less CPU, nor a little more of them. */
static void hardly_better_loses(void **state)
{
	struct world cheap = {
		.rate = { [ENGINE_WORKER] = 100e3, [ENGINE_POLLER] = 80e3 },
		.cost_ns = { [ENGINE_WORKER] = 8000, [ENGINE_POLLER] = 2000 },
		.noise = 0.02,
	};
	struct world little = {
		.rate = { [ENGINE_WORKER] = 100e3, [ENGINE_POLLER] = 106e3 },
		.cost_ns = { [ENGINE_WORKER] = 8000, [ENGINE_POLLER] = 7500 },
		.noise = 0.02,
	};

	(void)state;
	start(&cheap, ENGINE_WORKER);
	choose_allow(&cheap.choose, ENGINE_POLLER);
	run(&cheap, 7200);
	assert_int_equal(cheap.moves, 0);
	assert_true(cheap.trials > 1);
	start(&little, ENGINE_WORKER);
	choose_allow(&little.choose, ENGINE_POLLER);
	run(&little, 7200);
	assert_int_equal(little.moves, 0);
	assert_non_null(strstr(little.choose.reason, "the poller is no better"));
}

/* A trial costs little, and less and less: a worse engine has less than a thousandth of a day. */
static void trials_are_rare(void **state)
{
	struct world world = {
		.rate = { [ENGINE_WORKER] = 100e3, [ENGINE_POLLER] = 70e3, [ENGINE_LOOP] = 75e3 },
		.cost_ns = { 8000, 8000, 8000 },
		.noise = 0.05,
	};

	(void)state;
	start(&world, ENGINE_WORKER);
	choose_allow(&world.choose, ENGINE_POLLER);
	choose_allow(&world.choose, ENGINE_LOOP);
	run(&world, 60);
	assert_true(world.trials >= 2 && world.trials <= 3);
	run(&world, 86400 - 60);
	assert_int_equal(world.moves, 0);
	assert_int_equal(world.switches, 2 * world.trials);
	assert_true(world.trials < 150);
	assert_true(world.other_s < 86.4);
}

/* One that is far behind is given up after a tick. */
static void hopeless_ones_are_short(void **state)
{
	struct world slow = {
		.rate = { [ENGINE_WORKER] = 100e3, [ENGINE_POLLER] = 20e3 },
		.cost_ns = { [ENGINE_WORKER] = 8000, [ENGINE_POLLER] = 8000 },
	};
	struct world dear = {
		.rate = { [ENGINE_WORKER] = 10e3, [ENGINE_POLLER] = 10e3 },
		.cost_ns = { [ENGINE_WORKER] = 20e3, [ENGINE_POLLER] = 90e3 },
	};

	(void)state;
	start(&slow, ENGINE_WORKER);
	choose_allow(&slow.choose, ENGINE_POLLER);
	run(&slow, 18);
	assert_int_equal(slow.trials, 1);
	assert_true(slow.other_s < 0.25);
	assert_non_null(strstr(slow.choose.reason, "100 k requests/s against the poller's 20 k"));
	start(&dear, ENGINE_WORKER);
	choose_allow(&dear.choose, ENGINE_POLLER);
	run(&dear, 18);
	assert_int_equal(dear.trials, 1);
	assert_true(dear.other_s < 0.25);
	assert_non_null(
		strstr(dear.choose.reason, "20.00 us of CPU each, and the poller is worse"));
}

static void idle_is_left_alone(void **state)
{
	struct world world = {
		.rate = { [ENGINE_WORKER] = 4000, [ENGINE_POLLER] = 9000 },
		.cost_ns = { [ENGINE_WORKER] = 20e3, [ENGINE_POLLER] = 1000 },
	};

	(void)state;
	start(&world, ENGINE_WORKER);
	choose_allow(&world.choose, ENGINE_POLLER);
	run(&world, 3600);
	assert_int_equal(world.switches, 0);
	assert_int_equal(choose_delay_ns(&world.choose), CHOOSE_IDLE_NS);
	world.rate[ENGINE_WORKER] = 0;
	run(&world, 3600);
	assert_int_equal(world.switches, 0);
}

static double steps(double s)
{
	return (uint64_t)(s * 4) % 2 ? 1 : 3;
}

static double grows(double s)
{
	return s < 17.3 ? 1 : 2;
}

static double waves(double s)
{
	return (uint64_t)(s / 3.3) % 2 ? 1 : 1.4;
}

/* The same engine twice, so to speak: whatever the load does, it is never better. */
static void changing_loads_prove_nothing(void **state)
{
	double (*const factors[])(double) = { steps, grows, waves, NULL };
	const double noises[] = { 0, 0.1, 0.2, 0.5, 1 };
	uint32_t moves = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++)
		for (size_t n = 0; n < sizeof(noises) / sizeof(noises[0]); n++) {
			struct world world = {
				.rate = { 100e3, 100e3, 100e3 },
				.cost_ns = { 5000, 5000, 5000 },
				.noise = noises[n],
				.factor = factors[i],
			};

			start(&world, ENGINE_WORKER);
			choose_allow(&world.choose, ENGINE_POLLER);
			choose_allow(&world.choose, ENGINE_LOOP);
			run(&world, 20000);
			assert_true(world.trials < 40);
			assert_true(!world.moves || noises[n] > 0);
			moves += world.moves;
		}
	/* Of two equal ones the other may be taken where chance rules. */
	assert_true(moves <= 2);
}

/* Two engines as good as each other, with noise: at most one of them is taken, and kept. */
static void noise_does_not_flap(void **state)
{
	uint32_t moves = 0;

	(void)state;
	for (uint64_t i = 1; i <= 50; i++) {
		struct world world = {
			.rate = { [ENGINE_WORKER] = 100e3, [ENGINE_POLLER] = 110e3 },
			.cost_ns = { [ENGINE_WORKER] = 5000, [ENGINE_POLLER] = 5000 },
			.noise = 0.1,
		};

		start(&world, ENGINE_WORKER);
		world.seed = seed * (2 * i + 1);
		choose_allow(&world.choose, ENGINE_POLLER);
		run(&world, 86400);
		assert_true(world.moves <= 1);
		moves += world.moves;
	}
	print_message("# moved in %u of 50\n", moves);
}

/* When the load's nature changes, the other engine is found again, later. */
static void another_load_another_engine(void **state)
{
	struct world world = {
		.rate = { [ENGINE_WORKER] = 100e3, [ENGINE_LOOP] = 200e3 },
		.cost_ns = { [ENGINE_WORKER] = 5000, [ENGINE_LOOP] = 5000 },
		.noise = 0.05,
	};

	(void)state;
	start(&world, ENGINE_LOOP);
	run(&world, 600);
	assert_int_equal(world.choose.current, ENGINE_LOOP);
	world.rate[ENGINE_WORKER] = 300e3;
	run(&world, 2.0 * CHOOSE_WAIT_MAX_NS / 1e9);
	assert_int_equal(world.choose.current, ENGINE_WORKER);
	assert_int_equal(world.moves, 1);
}

static void what_failed_is_dropped(void **state)
{
	struct world world = {
		.rate = { 100e3, 200e3, 150e3 },
		.cost_ns = { 5000, 5000, 5000 },
	};

	(void)state;
	start(&world, ENGINE_WORKER);
	choose_allow(&world.choose, ENGINE_POLLER);
	run(&world, 10);
	while (world.engine == ENGINE_WORKER)
		run(&world, 0.1);
	assert_int_equal(world.engine, ENGINE_POLLER);
	choose_drop(&world.choose, ENGINE_POLLER, "no poller: refused");
	world.engine = choose_engine(&world.choose);
	assert_int_equal(world.engine, ENGINE_WORKER);
	assert_string_equal(world.choose.reason, "it is believed best");
	world.switches = 0;
	run(&world, 3600);
	assert_int_equal(world.switches, 0);
	/* The one it began with fails: the worker, and why. */
	start(&world, ENGINE_LOOP);
	choose_drop(&world.choose, ENGINE_LOOP, "no loop: refused");
	assert_int_equal(choose_engine(&world.choose), ENGINE_WORKER);
	assert_string_equal(world.choose.reason, "no loop: refused");
}

/* A front-end that comes and goes all the time does not get a trial each time. */
static void restarts_count_as_trials(void **state)
{
	struct world world = {
		.rate = { [ENGINE_WORKER] = 100e3, [ENGINE_POLLER] = 99e3 },
		.cost_ns = { 5000, 5000, 5000 },
	};

	(void)state;
	start(&world, ENGINE_WORKER);
	choose_allow(&world.choose, ENGINE_POLLER);
	for (int i = 0; i < 2000; i++) {
		run(&world, 0.1);
		if (world.engine != ENGINE_POLLER)
			continue;
		choose_restart(&world.choose);
		world.engine = choose_engine(&world.choose);
		assert_int_equal(world.engine, ENGINE_WORKER);
	}
	assert_in_range(world.trials, 3, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_requests_win),
		cmocka_unit_test(less_cpu_wins_at_the_same_rate),
		cmocka_unit_test(hardly_better_loses),
		cmocka_unit_test(trials_are_rare),
		cmocka_unit_test(hopeless_ones_are_short),
		cmocka_unit_test(idle_is_left_alone),
		cmocka_unit_test(changing_loads_prove_nothing),
		cmocka_unit_test(noise_does_not_flap),
		cmocka_unit_test(another_load_another_engine),
		cmocka_unit_test(what_failed_is_dropped),
		cmocka_unit_test(restarts_count_as_trials),
	};

	seed = unit_seed("choose");
	return cmocka_run_group_tests_name("choose", tests, NULL, NULL);
}
