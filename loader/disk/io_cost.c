// SPDX-License-Identifier: GPL-2.0-only
#include "io_cost.h"

#include <string.h>

#include "base/util.h"
#include "io_line.h"

#define NS_PER_S   1e9
#define WEIGHT_MAX 10000

/* The number of "NAME=NUMBER", or @otherwise. Decimals are as the kernel writes them, with a point;
 * the daemon never sets a locale. */
static double number_of(const char *words, const char *name, double otherwise)
{
	const char *text = io_line_text(words, name);
	double number;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return otherwise;
	number = strtod(text, &end);
	return end == text ? otherwise : number;
}

bool io_cost_qos_line(const char *line, struct io_cost *ret_cost)
{
	struct io_cost cost = { 0 };
	const char *words = io_line_words(line, &cost.disk);
	double least, most;

	if (!words)
		return false;
	least = number_of(words, "min", 100) / 100;
	most = number_of(words, "max", 100) / 100;
	cost.enabled = number_of(words, "enable", 0) > 0;
	cost.capacity = least > 1 ? least : most > 0 && most < 1 ? most : 1;
	*ret_cost = cost;
	return true;
}

void io_cost_model_line(const char *line, struct io_cost *cost)
{
	static const struct {
		const char *bytes, *requests;
		enum limit_kind by_bytes, by_count;
	} rows[] = {
		{ "rbps", "rrandiops", LIMIT_READ_BYTES, LIMIT_READS },
		{ "wbps", "wrandiops", LIMIT_WRITE_BYTES, LIMIT_WRITES },
	};
	dev_t disk = 0;
	const char *words = io_line_words(line, &disk),
		   *model = words ? io_line_text(words, "model") : NULL;

	if (disk != cost->disk || !model || strncmp(model, "linear", strlen("linear")) != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double bytes = number_of(words, rows[i].bytes, 0);
		double requests = number_of(words, rows[i].requests, 0);
		double byte_ns = bytes > 0 ? NS_PER_S / bytes : 0;
		double page_ns =
			byte_ns * LIMIT_PAGE; /* which is in what a request is said to take */
		double request_ns = requests > 0 ? NS_PER_S / requests : 0;

		cost->ns[rows[i].by_bytes] = byte_ns;
		cost->ns[rows[i].by_count] = request_ns > page_ns ? request_ns - page_ns : 0;
	}
}

double io_cost_of(const struct io_cost *cost, const uint64_t totals[LIMIT_KINDS])
{
	double reads = (double)totals[LIMIT_READS], writes = (double)totals[LIMIT_WRITES];

	/* None is smaller than a page, as in limit_drive_cost(). */
	return reads * cost->ns[LIMIT_READS] + writes * cost->ns[LIMIT_WRITES] +
	       max((double)totals[LIMIT_READ_BYTES], reads * LIMIT_PAGE) *
		       cost->ns[LIMIT_READ_BYTES] +
	       max((double)totals[LIMIT_WRITE_BYTES], writes * LIMIT_PAGE) *
		       cost->ns[LIMIT_WRITE_BYTES];
}

void io_weight_line(const char *line, dev_t disk, uint32_t *weight)
{
	unsigned int number = 0;
	dev_t of = 0;
	const char *rest = io_line_words(line, &of);

	if (rest ? of != disk || sscanf(rest, "%u", &number) != 1
		 : sscanf(line, "default %u", &number) != 1)
		return;
	if (number >= 1 && number <= WEIGHT_MAX)
		*weight = number;
}
