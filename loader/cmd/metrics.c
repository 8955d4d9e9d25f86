// SPDX-License-Identifier: GPL-2.0-only
#include "metrics.h"

#include <inttypes.h>

#include "base/util.h"

/* Of the histogram that is written: powers of two from a microsecond on, less the nanosecond that
 * belongs to the next bucket. */
#define BOUND_FIRST 10
#define BOUND_LAST  34

/* A counter of each queue. */
struct family {
	const char *name, *help;
	size_t offset; /* in struct sample_queue */
	bool is_ms;    /* to be told in seconds */
};

#define COUNTER(name, help, member) \
	{ "nvring_" name, help, offsetof(struct sample_queue, member), false }

static const struct family counters[] = {
	COUNTER("requests_total", "Requests taken from the guest.", counters.requests),
	COUNTER("completed_total", "Requests given back to the guest.", counters.completed),
	COUNTER("errors_total", "Requests given back with an error.", counters.errors),
	COUNTER("read_bytes_total", "Payload of successful reads.", counters.bytes_read),
	COUNTER("written_bytes_total", "Payload of successful writes.", counters.bytes_written),
	COUNTER("doorbells_total", "Doorbells that the guest rang.", counters.kicks),
	COUNTER("interrupts_total", "Interrupts sent to the guest.", counters.interrupts),
	COUNTER("held_interrupts_total", "Interrupts held back for several completions.",
		counters.held),
	COUNTER("patient_interrupts_total", "Of these, for long, as that costs no time.",
		counters.patient),
	COUNTER("halted_interrupts_total", "Interrupts not held, as the vCPU was halted.",
		counters.halted),
	COUNTER("commands_total", "Commands sent to the device.", counters.commands),
	COUNTER("retries_total", "Commands sent again after a passing error.", counters.retries),
	{ "nvring_limited_seconds_total", "Time a queue waited for the VM's limits.",
	  offsetof(struct sample_queue, limited_ms), true },
	COUNTER("engine_switches_total", "Moves of a queue to another engine.", switches),
};

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* vm="NAME", as a label is to be quoted. */
static void vm_label(FILE *out, const struct sample *sample)
{
	fputs("vm=\"", out);
	for (const char *c = sample->name; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', out);
		fputc(*c, out);
	}
	fputc('"', out);
}

static void queue_labels(FILE *out, const struct sample *sample, const struct sample_queue *queue)
{
	fputc('{', out);
	vm_label(out, sample);
	fprintf(out, ",queue=\"%" PRIu64 "\"", queue->index);
}

static void print_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
}

static void print_counter(FILE *out, const struct family *family, struct sample *const *samples,
			  size_t count)
{
	head(out, family->name, "counter", family->help);
	for (size_t i = 0; i < count; i++) {
		for (uint32_t n = 0; n < samples[i]->queue_count; n++) {
			const struct sample_queue *queue = &samples[i]->queues[n];
			uint64_t value = *(const uint64_t *)((const char *)queue + family->offset);

			fputs(family->name, out);
			queue_labels(out, samples[i], queue);
			fputs("} ", out);
			if (family->is_ms)
				print_seconds(out, value * 1000000);
			else
				fprintf(out, "%" PRIu64, value);
			fputc('\n', out);
		}
	}
}

static void print_queues(FILE *out, struct sample *const *samples, size_t count)
{
	head(out, "nvring_in_flight", "gauge", "Requests under way.");
	for (size_t i = 0; i < count; i++) {
		for (uint32_t n = 0; n < samples[i]->queue_count; n++) {
			fputs("nvring_in_flight", out);
			queue_labels(out, samples[i], &samples[i]->queues[n]);
			fprintf(out, "} %" PRIu64 "\n", samples[i]->queues[n].in_flight);
		}
	}
	head(out, "nvring_queue_engine", "gauge", "1 for the engine that serves a queue.");
	for (size_t i = 0; i < count; i++) {
		for (uint32_t n = 0; n < samples[i]->queue_count; n++) {
			if (!samples[i]->queues[n].running)
				continue;
			fputs("nvring_queue_engine", out);
			queue_labels(out, samples[i], &samples[i]->queues[n]);
			fprintf(out, ",engine=\"%s\"} 1\n", samples[i]->queues[n].engine);
		}
	}
}

static void print_vms(FILE *out, struct sample *const *samples, size_t count)
{
	head(out, "nvring_connected", "gauge", "1 while a front-end is connected.");
	for (size_t i = 0; i < count; i++) {
		fputs("nvring_connected{", out);
		vm_label(out, samples[i]);
		fprintf(out, "} %d\n", samples[i]->connected);
	}
	head(out, "nvring_disk_bytes", "gauge", "Size of the guest's disk.");
	for (size_t i = 0; i < count; i++) {
		fputs("nvring_disk_bytes{", out);
		vm_label(out, samples[i]);
		fprintf(out, "} %" PRIu64 "\n", samples[i]->bytes);
	}
	head(out, "nvring_share_ratio", "gauge",
	     "Part of the drive's time that the VM may use, by weight; 1 while it is not limited.");
	for (size_t i = 0; i < count; i++) {
		fputs("nvring_share_ratio{", out);
		vm_label(out, samples[i]);
		fprintf(out, "} %.6g\n", samples[i]->share);
	}
}

/* A histogram of a VM's. @operation: of requests, or NULL. */
struct series {
	const char *name;
	const struct sample *sample;
	const char *operation;
};

static void print_line(FILE *out, const struct series *series, const char *suffix)
{
	fprintf(out, "%s_%s{", series->name, suffix);
	vm_label(out, series->sample);
	if (series->operation)
		fprintf(out, ",operation=\"%s\"", series->operation);
}

static void print_histogram(FILE *out, const struct series *series,
			    const struct histogram *histogram)
{
	uint64_t total = histogram_total(histogram), seen = 0;
	uint32_t bucket = 0;

	for (uint32_t bound = BOUND_FIRST; bound < BOUND_LAST; bound++) {
		uint64_t limit = (1ULL << bound) - 1;

		for (; histogram_high(bucket) <= limit; bucket++)
			seen += histogram_counts(histogram)[bucket];
		print_line(out, series, "bucket");
		fputs(",le=\"", out);
		print_seconds(out, limit);
		fprintf(out, "\"} %" PRIu64 "\n", seen);
	}
	print_line(out, series, "bucket");
	fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", total);
	print_line(out, series, "sum");
	fputs("} ", out);
	print_seconds(out, histogram->sum_ns);
	fputc('\n', out);
	print_line(out, series, "count");
	fprintf(out, "} %" PRIu64 "\n", total);
}

/* Of all queues of each VM: a histogram, in struct sample_queue. */
struct duration {
	const char *name, *operation, *help; /* help: of the first of a name */
	size_t offset;
};

static const struct duration durations[] = {
	{ "nvring_request_duration_seconds", "read",
	  "Time from the avail ring to the used ring, all queues of a VM.",
	  offsetof(struct sample_queue, read) },
	{ "nvring_request_duration_seconds", "write", NULL, offsetof(struct sample_queue, write) },
	{ "nvring_request_duration_seconds", "other", NULL, offsetof(struct sample_queue, other) },
	{ "nvring_kick_duration_seconds", NULL,
	  "Time from a doorbell to when what it announced was submitted.",
	  offsetof(struct sample_queue, kick) },
	{ "nvring_interrupt_duration_seconds", NULL,
	  "Time from a completion to the interrupt for it, of the oldest that it is for.",
	  offsetof(struct sample_queue, interrupt) },
};

static void print_durations(FILE *out, struct sample *const *samples, size_t count)
{
	static struct sample_queue sum;

	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		const struct duration *duration = &durations[i];

		if (duration->help)
			head(out, duration->name, "histogram", duration->help);
		for (size_t n = 0; n < count; n++) {
			const struct series series = { duration->name, samples[n],
						       duration->operation };

			sample_sum(samples[n], &sum);
			print_histogram(
				out, &series,
				(const struct histogram *)((const char *)&sum + duration->offset));
		}
	}
}

void metrics_print(FILE *out, struct sample *const *samples, size_t count)
{
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		print_counter(out, &counters[i], samples, count);
	print_queues(out, samples, count);
	print_vms(out, samples, count);
	print_durations(out, samples, count);
}
