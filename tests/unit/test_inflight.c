// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-flight tracking across a death at every point: the memory is recorded after each store that
 * include/inflight.h makes, in the order it makes them, and recovery is tried on every record.
 */
#include "unit.h"

#include "arch.h"

static void stored(void);

#undef store_once
#undef store_release
#define store_once(p, v)                                 \
	do {                                             \
		*(volatile __typeof__(*(p)) *)(p) = (v); \
		stored();                                \
	} while (0)
#define store_release(p, v) store_once(p, v)

#include "inflight.h"

#define SIZE   16
#define STEPS  128 /* one operation's stores; death_at_every_store() has the most */
#define ROUNDS 400

/* Memory that outlives the daemon, and what the driver saw by then. */
struct snapshot {
	struct inflight_queue inflight;
	__u16 used_idx;
};

struct life {
	struct snapshot now;
	__u16 pushed[SIZE]; /* batch under way */
	__u16 count;
	__u16 used_idx; /* ahead of the ring's until published */
	__u64 counter;
};

static struct life *living; /* whose stores are recorded */
static struct snapshot *steps;
static uint32_t step_count;

static void stored(void)
{
	if (!living)
		return;
	assert_true(step_count < STEPS);
	steps[step_count++] = living->now;
}

static void take(struct life *life, __u16 head)
{
	living = life;
	inflight_take(&life->now.inflight, head, life->counter++);
	living = NULL;
}

static void put(struct life *life, __u16 head)
{
	living = life;
	inflight_put(&life->now.inflight, head);
	living = NULL;
	life->pushed[life->count++] = head;
	life->used_idx++;
}

/* The used ring's index is what the driver sees: also a store to die behind. */
static void publish(struct life *life)
{
	living = life;
	life->now.used_idx = life->used_idx;
	stored();
	inflight_publish(&life->now.inflight, life->pushed, life->count, life->used_idx);
	living = NULL;
	life->count = 0;
}

/* What must be in flight at a step: taken and not seen by the driver. Kept by
 * the test alone. */
struct truth {
	__u16 head[SIZE]; /* oldest first */
	__u16 count;
};

static void truth_add(struct truth *truth, __u16 head)
{
	truth->head[truth->count++] = head;
}

static void truth_remove(struct truth *truth, __u16 head)
{
	__u16 to = 0;

	for (__u16 i = 0; i < truth->count; i++)
		if (truth->head[i] != head)
			truth->head[to++] = truth->head[i];
	truth->count = to;
}

/* Recover from a copy of a step, and a second time, as when that process dies
 * at once, too. */
static void recovers(const struct snapshot *step, const struct truth *truth, const char *where)
{
	struct snapshot copy = *step;
	__u16 heads[SIZE];
	__u64 counter;

	for (int again = 0; again < 2; again++) {
		__u16 count =
			inflight_recover(&copy.inflight, SIZE, copy.used_idx, heads, &counter);

		if (count != truth->count)
			fail_msg("%s: %u in flight, not %u", where, count, truth->count);
		for (__u16 i = 0; i < count; i++)
			if (heads[i] != truth->head[i])
				fail_msg("%s: head %u comes as number %u, not %u", where, heads[i],
					 i, truth->head[i]);
		assert_int_equal(copy.inflight.used_idx, copy.used_idx);
		for (__u16 i = 0; i < count; i++)
			assert_true(copy.inflight.desc[heads[i]].counter < counter);
	}
}

static int setup(void **state)
{
	(void)state;
	steps = calloc(STEPS, sizeof(*steps));
	step_count = 0;
	return steps ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(steps);
	return 0;
}

static struct life *new_life(__u16 used_idx)
{
	struct life *life = calloc(1, sizeof(*life));

	assert_non_null(life);
	life->now.inflight.used_idx = used_idx;
	life->now.used_idx = used_idx;
	life->used_idx = used_idx;
	return life;
}

static void nothing_in_flight(void **state)
{
	struct life *life = new_life(7);
	struct truth none = { 0 };

	(void)state;
	recovers(&life->now, &none, "a fresh area");
	free(life);
}

/*
 * A death at every store of: take, take, give both back out of order, publish.
 * Between the two stores of a take the request counts as not taken, so the
 * avail ring has it still.
 */
static void death_at_every_store(void **state)
{
	struct life *life = new_life(0xffff);
	struct truth truth = { 0 };
	uint32_t at = 0;

	(void)state;
	take(life, 3);
	take(life, 9);
	put(life, 9);
	put(life, 3);
	publish(life);
	assert_int_equal(step_count, 12);
	recovers(&steps[at++], &truth, "counter of 3 written");
	truth_add(&truth, 3);
	recovers(&steps[at++], &truth, "3 taken");
	recovers(&steps[at++], &truth, "counter of 9 written");
	truth_add(&truth, 9);
	recovers(&steps[at++], &truth, "9 taken");
	recovers(&steps[at++], &truth, "link of 9 written");
	recovers(&steps[at++], &truth, "9 pushed");
	recovers(&steps[at++], &truth, "link of 3 written");
	recovers(&steps[at++], &truth, "3 pushed");
	truth.count = 0; /* the driver has seen both */
	recovers(&steps[at++], &truth, "published");
	recovers(&steps[at++], &truth, "9 cleared");
	recovers(&steps[at++], &truth, "3 cleared");
	recovers(&steps[at++], &truth, "used index written");
	assert_int_equal(at, step_count);
	free(life);
}

/*
 * One random operation, recovered from at each of its stores. A take counts from its last store
 * on: before that the avail ring has the head still. Return: false when nothing was to be done.
 */
static bool random_step(struct life *life, struct truth *truth, struct truth *ret_before,
			uint64_t *random)
{
	__u16 head = (__u16)unit_below(random, SIZE);
	uint64_t what = unit_below(random, 4);
	bool busy = false, pushed = false;

	step_count = 0;
	*ret_before = *truth;
	for (__u16 i = 0; i < truth->count; i++)
		busy |= truth->head[i] == head;
	for (__u16 i = 0; i < life->count; i++)
		pushed |= life->pushed[i] == head;
	if (what < 2 && !busy) {
		take(life, head);
		truth_add(truth, head);
	} else if (what < 3 && busy && !pushed) {
		put(life, head);
	} else if (life->count) {
		for (__u16 i = 0; i < life->count; i++)
			truth_remove(truth, life->pushed[i]);
		*ret_before = *truth; /* true from the first store on, which is used->idx */
		publish(life);
	}
	for (uint32_t at = 0; at < step_count; at++)
		recovers(&steps[at], at + 1 < step_count ? ret_before : truth, "random life");
	return step_count;
}

/* Go on as the successor of a process that died at one of the last operation's stores. */
static void succeed(struct life *life, struct truth *truth, const struct truth *before,
		    uint64_t *random)
{
	uint32_t at = (uint32_t)unit_below(random, step_count);
	struct life next = { .now = steps[at], .used_idx = steps[at].used_idx };

	if (at + 1 < step_count)
		*truth = *before;
	assert_int_equal(inflight_recover(&next.now.inflight, SIZE, next.used_idx, truth->head,
					  &next.counter),
			 truth->count);
	*life = next;
}

static void random_lives(void **state)
{
	uint64_t random = 0x9e3779b97f4a7c15;
	uint32_t recovered = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct life *life = new_life((__u16)unit_random(&random));
		struct truth truth = { 0 }, before;

		for (int i = 0; i < 100; i++) {
			if (!random_step(life, &truth, &before, &random))
				continue;
			recovered += step_count;
			if (!unit_below(&random, 20))
				succeed(life, &truth, &before, &random);
		}
		free(life);
	}
	assert_true(recovered > ROUNDS * 50);
}

/* The memory is the front-end's: whatever is in it, heads stay below the size
 * and end. */
static void garbage_is_bounded(void **state)
{
	uint64_t random = 0x2545f4914f6cdd1d;
	struct inflight_queue *garbage = calloc(1, sizeof(*garbage));
	__u16 heads[SIZE];
	__u64 counter;

	(void)state;
	assert_non_null(garbage);
	for (int round = 0; round < 10000; round++) {
		bool seen[SIZE] = { 0 };
		__u16 count;

		for (size_t i = 0; i < offsetof(struct inflight_queue, desc[SIZE]); i++)
			((__u8 *)garbage)[i] = (__u8)unit_random(&random);
		for (int i = 0; i < SIZE; i++)
			garbage->desc[i].inflight &= 1;
		count = inflight_recover(garbage, SIZE, (__u16)unit_random(&random), heads,
					 &counter);
		assert_true(count <= SIZE);
		for (__u16 i = 0; i < count; i++) {
			assert_true(heads[i] < SIZE);
			assert_false(seen[heads[i]]);
			seen[heads[i]] = true;
		}
	}
	free(garbage);
}

static void layout_is_the_specifications(void **state)
{
	(void)state;
	assert_int_equal(inflight_queue_bytes(1), 64);
	assert_int_equal(inflight_queue_bytes(3), 64);
	assert_int_equal(inflight_queue_bytes(4), 128);
	assert_int_equal(inflight_queue_bytes(128), 2112);
	assert_int_equal(inflight_queue_bytes(QUEUE_SIZE_MAX), sizeof(struct inflight_largest));
}

static void without_an_area_nothing_happens(void **state)
{
	const __u16 heads[] = { 1 };

	(void)state;
	inflight_take(NULL, 1, 0);
	inflight_put(NULL, 1);
	inflight_publish(NULL, heads, 1, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_in_flight),
		TEST(death_at_every_store),
		TEST(random_lives),
		TEST(garbage_is_bounded),
		TEST(layout_is_the_specifications),
		TEST(without_an_area_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
