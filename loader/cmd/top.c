// SPDX-License-Identifier: GPL-2.0-only
#include "top.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "short_text.h"

/* What a line shows: what happened in some time. */
struct row {
	const char *vm, *queue, *engine, *why, *placed;
	struct sample_queue did; /* since the sample before */
	double seconds;
};

/* What a VM's last sample was; it is the caller's. */
static struct sample *take_last(struct top *top, const char *control)
{
	for (size_t i = 0; i < top->count; i++)
		if (!strcmp(top->vms[i].control, control))
			return steal_pointer(&top->vms[i].now);
	return NULL;
}

static void free_vms(struct top_vm *vms, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(vms[i].control);
		free(vms[i].before);
		free(vms[i].now);
	}
	free(vms);
}

int top_sample(struct top *top, char *const *paths, size_t count)
{
	struct top_vm *vms = calloc(count + 1, sizeof(*vms));

	if (!vms)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		vms[i].control = strdup(paths[i]);
		if (!vms[i].control) {
			free_vms(vms, i);
			return -ENOMEM;
		}
		vms[i].before = take_last(top, paths[i]);
		vms[i].now = sample_take(paths[i]);
	}
	free_vms(top->vms, top->count);
	top->vms = vms;
	top->count = count;
	return 0;
}

/* What so many of a thousand took at most. */
static void print_percentile(FILE *out, const struct histogram *histogram, uint32_t share)
{
	char text[NUMBER_BYTES];

	fprintf(out, " %7s", short_percentile(histogram, share, text));
}

static void print_latencies(FILE *out, const struct sample_queue *did)
{
	static const uint32_t shares[] = { 500, 990, 999 };
	struct histogram all = did->read;

	histogram_merge(&all, &did->write);
	histogram_merge(&all, &did->other);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		print_percentile(out, &all, shares[i]);
}

/* "0.125", what there was for each request. */
static void print_share(FILE *out, uint64_t count, uint64_t completed)
{
	if (completed)
		fprintf(out, " %7.3f", (double)count / (double)completed);
	else
		fprintf(out, " %7s", "-");
}

static void print_steering(FILE *out, const struct row *row)
{
	const struct sample_queue *did = &row->did;
	double seconds = row->seconds > 0 ? row->seconds : 1;
	char text[6][NUMBER_BYTES];

	fprintf(out, "%-10.10s %5s %6s %4s %-9s %3s %6s %6s %6s", row->vm, row->queue,
		short_number((double)did->counters.completed / seconds, text[0]),
		short_index(did->vcpu, text[1]), *did->state ? did->state : "-",
		short_index(did->cpu, text[2]),
		short_number((double)did->counters.held / seconds, text[3]),
		short_number((double)did->counters.patient / seconds, text[4]),
		short_number((double)did->counters.halted / seconds, text[5]));
	print_share(out, did->counters.interrupts, did->counters.completed);
	fprintf(out, "%s%s\n", *row->placed ? "  " : "", row->placed);
}

static void print_row(FILE *out, const struct row *row)
{
	const struct queue_counters *c = &row->did.counters;
	double seconds = row->seconds > 0 ? row->seconds : 1;
	char iops[NUMBER_BYTES], read[NUMBER_BYTES], written[NUMBER_BYTES], held[NUMBER_BYTES];

	fprintf(out, "%-16.16s %5s %-6s %6s %6s %6s", row->vm, row->queue, row->engine,
		short_number((double)c->completed / seconds, iops),
		short_number((double)c->bytes_read / seconds, read),
		short_number((double)c->bytes_written / seconds, written));
	print_latencies(out, &row->did);
	fprintf(out, " %6" PRIu64, row->did.in_flight);
	print_share(out, c->kicks, c->completed);
	print_share(out, c->interrupts, c->completed);
	print_percentile(out, &row->did.kick, 990);
	print_percentile(out, &row->did.interrupt, 990);
	fprintf(out, " %6s%s%s\n", short_number((double)row->did.counters.held / seconds, held),
		*row->why ? "  " : "", row->why);
}

static void print_heads(FILE *out, bool steering)
{
	if (steering) {
		fprintf(out, "%-10s %5s %6s %4s %-9s %3s %6s %6s %6s %7s  %s\n", "VM", "QUEUE",
			"IOPS", "VCPU", "STATE", "CPU", "HELD/s", "LONG/s", "WOKE/s", "INTR/IO",
			"PLACED");
		return;
	}
	fprintf(out, "%-16s %5s %-6s %6s %6s %6s %7s %7s %7s %6s %7s %7s %7s %7s %6s  %s\n", "VM",
		"QUEUE", "ENGINE", "IOPS", "READ/s", "WRIT/s", "P50", "P99", "P99.9", "FLIGHT",
		"KICK/IO", "INTR/IO", "KICK99", "INTR99", "HELD/s", "WHY");
}

static void print_line(FILE *out, const struct top *top, const struct row *row)
{
	if (top->steering)
		print_steering(out, row);
	else
		print_row(out, row);
}

/* Requests done between the samples, for the order. */
static uint64_t completed(const struct top_vm *vm)
{
	uint64_t sum = 0;

	if (!vm->before || !vm->now)
		return 0;
	for (uint32_t i = 0; i < vm->now->queue_count; i++)
		sum += vm->now->queues[i].counters.completed;
	for (uint32_t i = 0; i < vm->before->queue_count; i++)
		sum -= vm->before->queues[i].counters.completed;
	return sum;
}

static int by_name(const void *a, const void *b)
{
	const struct top_vm *x = a, *y = b;

	return strcmp(x->now ? x->now->name : x->control, y->now ? y->now->name : y->control);
}

static int by_rate(const void *a, const void *b)
{
	uint64_t x = completed(a), y = completed(b);

	return x == y ? by_name(a, b) : x < y ? 1 : -1;
}

static void print_queues(FILE *out, const struct top *top, const struct top_vm *vm, double seconds)
{
	for (uint32_t i = 0; i < vm->now->queue_count; i++) {
		const struct sample_queue *queue = &vm->now->queues[i];
		struct row row = { .did = *queue, .seconds = seconds, .vm = "", .placed = "" };
		char number[NUMBER_BYTES], why[STATS_WHY_BYTES + 32];

		if (!queue->running || !sample_since(&row.did, &vm->before->queues[i]))
			continue;
		snprintf(number, sizeof(number), "%" PRIu64, queue->index);
		row.queue = number;
		row.engine = queue->engine;
		row.why = queue->why;
		if (row.did.limited_ms) {
			snprintf(why, sizeof(why), "limited %.0f%% of the time; %s",
				 min((double)row.did.limited_ms / seconds / 10, 100.0), queue->why);
			row.why = why;
		}
		print_line(out, top, &row);
	}
}

/* The engine of all queues that run, or "mixed". */
static const char *engine_of(const struct sample *sample)
{
	const char *engine = "-";

	for (uint32_t i = 0; i < sample->queue_count; i++) {
		if (!sample->queues[i].running)
			continue;
		if (*engine != '-' && strcmp(engine, sample->queues[i].engine) != 0)
			return "mixed";
		engine = sample->queues[i].engine;
	}
	return engine;
}

static void print_vm(FILE *out, const struct top *top, const struct top_vm *vm)
{
	const struct sample *now = vm->now, *before = vm->before;
	struct row row = { .queue = "all", .why = now ? now->limits : "" };
	struct sample_queue earlier;

	if (!now) {
		fprintf(out, "%-16s no answer\n", vm->control);
		return;
	}
	sample_sum(now, &row.did);
	if (before)
		sample_sum(before, &earlier);
	if (!before || before->pid != now->pid || before->queue_count != now->queue_count ||
	    !sample_since(&row.did, &earlier)) {
		fprintf(out, "%-16.16s is seen for the first time\n", now->name);
		return;
	}
	row.vm = now->name;
	row.engine = engine_of(now);
	row.seconds = (double)(now->now_ns - before->now_ns) / 1e9;
	if (!now->connected)
		row.why = "no front-end is connected";
	row.placed = now->placed;
	print_line(out, top, &row);
	if (top->queues)
		print_queues(out, top, vm, row.seconds);
}

static void print_title(FILE *out, const struct top *top)
{
	time_t now = time(NULL);
	struct tm broken_down;
	char text[NUMBER_BYTES];

	localtime_r(&now, &broken_down);
	strftime(text, sizeof(text), "%H:%M:%S", &broken_down);
	fprintf(out,
		"nvring top  %s  %zu VM%s  keys: q quit, n by name, i by IOPS, u queues, s "
		"steering\n",
		text, top->count, top->count == 1 ? "" : "s");
}

char *top_text(struct top *top)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	qsort(top->vms, top->count, sizeof(top->vms[0]), top->by_name ? by_name : by_rate);
	print_title(out, top);
	print_heads(out, top->steering);
	for (size_t i = 0; i < top->count; i++)
		print_vm(out, top, &top->vms[i]);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
