// SPDX-License-Identifier: GPL-2.0-only
/* What `nvring top` and `nvring metrics` make of a daemon's status, true or strange. */
#include "unit.h"

#include <json.h>

#include "cmd/metrics.h"
#include "cmd/top.h"
#include "engine/latency.h"

/* A status with one queue that completed so many reads, of 4,096 bytes and 10 us each. */
static struct sample *sample_of(const char *name, uint64_t now_ns, uint64_t pid, uint64_t reads)
{
	struct json_object *status, *latency, *delay, *queue;
	struct histogram histogram = { 0 }, kick = { 0 }, interrupt = { 0 };
	struct sample *sample;
	char text[2048];

	snprintf(text, sizeof(text),
		 "{\"name\":\"\",\"now_ns\":%llu,\"pid\":%llu,\"connected\":true,"
		 "\"limits\":{\"riops\":400,\"wbps\":1048576,\"share\":22.2222},\"placement\":{"
		 "\"cpus\":\"2-3,7\"},"
		 "\"vcpus\":[{\"vcpu\":0,\"state\":\"guest\",\"cpu\":0},1,"
		 "{\"vcpu\":1,\"state\":\"halted\",\"cpu\":12}],\"queues\":[{\"queue\":0,"
		 "\"vcpu\":1,\"running\":true,\"engine\":\"poller\",\"why\":\"it was asked for\","
		 "\"in_flight\":3,\"limit\":{\"held_ms\":%llu},\"counters\":{\"completed\":%llu,"
		 "\"read\":%llu,\"kicks\":%llu,\"interrupts\":%llu,\"held\":%llu,"
		 "\"patient\":%llu,\"halted\":%llu}}]}",
		 (unsigned long long)now_ns, (unsigned long long)pid,
		 (unsigned long long)now_ns / 4000000, (unsigned long long)reads,
		 (unsigned long long)reads * 4096, (unsigned long long)reads / 2,
		 (unsigned long long)reads / 4, (unsigned long long)reads,
		 (unsigned long long)reads / 5, (unsigned long long)reads / 10);
	status = json_tokener_parse(text);
	assert_non_null(status);
	json_object_object_add(status, "name", json_object_new_string(name));
	for (uint64_t i = 0; i < reads; i++)
		histogram_add(&histogram, 10000);
	for (uint64_t i = 0; i < reads / 2; i++)
		histogram_add(&kick, 3000);
	for (uint64_t i = 0; i < reads / 4; i++)
		histogram_add(&interrupt, 1000);
	latency = json_object_new_object();
	json_object_object_add(latency, "read", latency_json(&histogram));
	queue = json_object_array_get_idx(json_object_object_get(status, "queues"), 0);
	json_object_object_add(queue, "latency", latency);
	delay = json_object_new_object();
	json_object_object_add(delay, "kick", latency_json(&kick));
	json_object_object_add(delay, "interrupt", latency_json(&interrupt));
	json_object_object_add(queue, "delay", delay);
	sample = sample_parse(status, "fallback");
	json_object_put(status);
	assert_non_null(sample);
	return sample;
}

/* Whether a view of two samples has all of these texts, up to NULL. */
static void view_shows(bool steering, struct sample *before, struct sample *now,
		       const char *const *wanted)
{
	char control[] = "control";
	struct top_vm vm = { .control = control, .before = before, .now = now };
	struct top top = { .vms = &vm, .count = 1, .queues = true, .steering = steering };
	char *text = top_text(&top);

	assert_non_null(text);
	for (; *wanted; wanted++) {
		if (!strstr(text, *wanted))
			fail_msg("no \"%s\" in:\n%s", *wanted, text);
	}
	free(text);
	free(before);
	free(now);
}

static void shows(struct sample *before, struct sample *now, const char *const *wanted)
{
	view_shows(false, before, now, wanted);
}

static void rates_are_those_between_samples(void **state)
{
	/* 5,000 in 2 s; a doorbell for two of them, an interrupt for four; 10 us are in the bucket
	 * up to 10,239 ns. */
	static const char *const wanted[] = {
		"vm1                all poller   2.5k  10.2M      0  10.2us  10.2us  10.2us      3 "
		"  0.500   0.250   3.1us   1.0us",
		"riops=400 wbps=1048576 share=22.2%\n",
		"limited 25% of the time; it was asked for\n",
		NULL,
	};

	(void)state;
	shows(sample_of("vm1", 1000000000, 7, 1000), sample_of("vm1", 3000000000, 7, 6000), wanted);
}

/* In 80 columns. */
static void steering_is_shown_by_queue(void **state)
{
	static const char *const wanted[] = {
		"VM         QUEUE   IOPS VCPU STATE     CPU HELD/s LONG/s WOKE/s INTR/IO  "
		"PLACED\n",
		"vm1          all   2.5k    - -           -   2.5k    500    250   0.250  "
		"2-3,7\n",
		"               0   2.5k    1 halted     12   2.5k    500    250   0.250\n",
		NULL,
	};

	(void)state;
	view_shows(true, sample_of("vm1", 1000000000, 7, 1000),
		   sample_of("vm1", 3000000000, 7, 6000), wanted);
}

static void nothing_done_is_shown_as_nothing(void **state)
{
	static const char *const wanted[] = { " 0      0      0       -       -       - ", NULL };

	(void)state;
	shows(sample_of("vm1", 1000000000, 7, 10), sample_of("vm1", 3000000000, 7, 10), wanted);
}

static void another_process_has_no_rates_yet(void **state)
{
	static const char *const wanted[] = { "vm1              is seen for the first time\n",
					      NULL };

	(void)state;
	shows(sample_of("vm1", 1000000000, 7, 1000), sample_of("vm1", 3000000000, 8, 6000), wanted);
	shows(NULL, sample_of("vm1", 3000000000, 8, 6000), wanted);
	/* Nor has one whose counters went back. */
	shows(sample_of("vm1", 1000000000, 7, 1000), sample_of("vm1", 3000000000, 7, 900), wanted);
}

static void what_does_not_answer_is_said(void **state)
{
	static const char *const wanted[] = { "control          no answer\n", NULL };

	(void)state;
	shows(sample_of("vm1", 1000000000, 7, 1000), NULL, wanted);
}

static void names_do_nothing_to_the_terminal(void **state)
{
	static const char *const wanted[] = { "a?[31mb", NULL };

	(void)state;
	shows(sample_of("a\033[31mb", 1000000000, 7, 0), sample_of("a\033[31mb", 3000000000, 7, 0),
	      wanted);
}

static void a_name_may_be_missing(void **state)
{
	static const char *const wanted[] = { "fallback ", NULL };

	(void)state;
	shows(sample_of("", 1000000000, 7, 0), sample_of("", 3000000000, 7, 0), wanted);
}

static void strange_answers_are_empty(void **state)
{
	static const char *const answers[] = { "{}",
					       "[]",
					       "1",
					       "\"x\"",
					       "{\"queues\":{}}",
					       "{\"vcpus\":[1,{}],\"queues\":[{\"vcpu\":[]}]}",
					       ("{\"queues\":[1,[],{\"latency\":{\"read\":{"
						"\"buckets\":[1,[2],[3,\"x\"]]}}}]}") };

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct json_object *answer = json_tokener_parse(answers[i]);
		struct sample *sample = sample_parse(answer, "vm");

		json_object_put(answer);
		assert_non_null(sample);
		assert_string_equal(sample->name, "vm");
		for (uint32_t n = 0; n < sample->queue_count; n++)
			assert_int_equal(histogram_total(&sample->queues[n].read), 0);
		free(sample);
	}
}

static void metrics_quote_and_count(void **state)
{
	static const char *const wanted[] = {
		"nvring_completed_total{vm=\"a\\\"b\\\\c\",queue=\"0\"} 6\n",
		"nvring_limited_seconds_total{vm=\"a\\\"b\\\\c\",queue=\"0\"} 0.750000000\n",
		"nvring_queue_engine{vm=\"a\\\"b\\\\c\",queue=\"0\",engine=\"poller\"} 1\n",
		"operation=\"read\",le=\"0.000008191\"} 0\n",
		"operation=\"read\",le=\"0.000016383\"} 6\n",
		"_sum{vm=\"a\\\"b\\\\c\",operation=\"read\"} 0.000060000\n",
		"_count{vm=\"a\\\"b\\\\c\",operation=\"write\"} 0\n",
		"nvring_kick_duration_seconds_bucket{vm=\"a\\\"b\\\\c\",le=\"0.000004095\"} 3\n",
		"nvring_interrupt_duration_seconds_count{vm=\"a\\\"b\\\\c\"} 1\n",
	};
	struct sample *sample = sample_of("a\"b\\c", 3000000000, 7, 6);
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	metrics_print(out, &sample, 1);
	fclose(out);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail_msg("no \"%s\" in:\n%s", wanted[i], text);
	free(text);
	free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_those_between_samples),
		cmocka_unit_test(steering_is_shown_by_queue),
		cmocka_unit_test(nothing_done_is_shown_as_nothing),
		cmocka_unit_test(another_process_has_no_rates_yet),
		cmocka_unit_test(what_does_not_answer_is_said),
		cmocka_unit_test(names_do_nothing_to_the_terminal),
		cmocka_unit_test(a_name_may_be_missing),
		cmocka_unit_test(strange_answers_are_empty),
		cmocka_unit_test(metrics_quote_and_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
