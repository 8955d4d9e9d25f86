// SPDX-License-Identifier: GPL-2.0-only
/* Latency histograms: every value in its bucket, in user space and in BPF, and percentiles. */
#include "unit.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "histogram.h"

#include "tests/unit/histogram.skel.h"

#define RANDOM_CASES 20000

/* Values of all sizes alike. */
static uint64_t some_ns(uint64_t *random)
{
	return unit_random(random) >> unit_below(random, 64);
}

static void buckets_stand_in_a_row(void **state)
{
	(void)state;
	assert_int_equal(histogram_low(0), 0);
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		assert_int_equal(histogram_bucket(histogram_low(i)), i);
		assert_int_equal(histogram_bucket(histogram_high(i)), i);
		assert_int_equal(histogram_high(i) + 1, histogram_low(i + 1));
		/* An eighth of the value at most. */
		assert_true(histogram_high(i) - histogram_low(i) <= histogram_low(i) / 8);
	}
	assert_int_equal(histogram_high(HISTOGRAM_BUCKETS - 1) + 1, HISTOGRAM_LIMIT);
}

static void too_much_is_in_the_last_one(void **state)
{
	(void)state;
	assert_int_equal(histogram_bucket(HISTOGRAM_LIMIT), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void percentiles_are_those_of_the_values(void **state)
{
	static const uint32_t shares[] = { 1, 100, 500, 900, 990, 999, 1000 };
	static uint64_t values[9973];
	static struct histogram histogram;
	uint64_t random = unit_seed(__func__), sum = 0;
	const size_t count = sizeof(values) / sizeof(values[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		values[i] = some_ns(&random) % HISTOGRAM_LIMIT;
		sum += values[i];
		histogram_add(&histogram, values[i]);
	}
	qsort(values, count, sizeof(values[0]), compare);
	assert_int_equal(histogram_total(&histogram), count);
	assert_int_equal(histogram.sum_ns, sum);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		uint64_t exact = values[(count * shares[i] + 999) / 1000 - 1];
		uint64_t found = histogram_percentile(&histogram, shares[i]);

		assert_true(found >= exact && found - exact <= exact / 8);
	}
}

static void of_nothing_there_are_none(void **state)
{
	static const struct histogram histogram;

	(void)state;
	assert_int_equal(histogram_percentile(&histogram, 999), 0);
}

static uint64_t bucket_by_bpf(int program, uint64_t ns)
{
	struct {
		uint64_t ns, bucket;
	} probe = { .ns = ns };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &probe, .ctx_size_in = sizeof(probe));

	assert_int_equal(bpf_prog_test_run_opts(program, &opts), 0);
	return probe.bucket;
}

static void bpf_finds_the_same_buckets(void **state)
{
	uint64_t random = unit_seed(__func__);
	struct histogram_bpf *skeleton;
	int program;

	(void)state;
	libbpf_set_print(NULL);
	skeleton = histogram_bpf__open_and_load();
	if (!skeleton && (errno == EPERM || errno == EACCES || errno == ENOSYS)) {
		print_message("# the kernel has no BPF for us: %s\n", strerror(errno));
		skip();
	}
	assert_non_null(skeleton);
	program = bpf_program__fd(skeleton->progs.nvr_bucket);
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		assert_int_equal(bucket_by_bpf(program, histogram_low(i)), i);
		assert_int_equal(bucket_by_bpf(program, histogram_high(i)), i);
	}
	assert_int_equal(bucket_by_bpf(program, UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	for (int i = 0; i < RANDOM_CASES; i++) {
		uint64_t ns = some_ns(&random);

		assert_int_equal(bucket_by_bpf(program, ns), histogram_bucket(ns));
	}
	histogram_bpf__destroy(skeleton);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_stand_in_a_row),
		cmocka_unit_test(too_much_is_in_the_last_one),
		cmocka_unit_test(percentiles_are_those_of_the_values),
		cmocka_unit_test(of_nothing_there_are_none),
		cmocka_unit_test(bpf_finds_the_same_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
