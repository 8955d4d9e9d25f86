// SPDX-License-Identifier: GPL-2.0-only
#include "short_text.h"

#include <stdio.h>

#include "base/util.h"

const char *short_number(double value, char ret_text[NUMBER_BYTES])
{
	static const char units[] = " kMGTP";
	size_t unit = 0;

	for (; value >= 999.5 && unit < sizeof(units) - 2; unit++)
		value /= 1000;
	snprintf(ret_text, NUMBER_BYTES, "%.*f%.*s", unit && value < 99.95 ? 1 : 0, value, unit > 0,
		 &units[unit]);
	return ret_text;
}

const char *short_time(uint64_t ns, char ret_text[NUMBER_BYTES])
{
	static const char *const units[] = { "us", "ms", "s" };
	double value = (double)ns / 1000;
	size_t unit = 0;

	for (; value >= 999.5 && unit < ARRAY_SIZE(units) - 1; unit++)
		value /= 1000;
	snprintf(ret_text, NUMBER_BYTES, "%.*f%s", value < 99.95 ? 1 : 0, value, units[unit]);
	return ret_text;
}

const char *short_percentile(const struct histogram *histogram, uint32_t per_mille,
			     char ret_text[NUMBER_BYTES])
{
	return histogram_total(histogram)
		       ? short_time(histogram_percentile(histogram, per_mille), ret_text)
		       : "-";
}

const char *short_index(int index, char ret_text[NUMBER_BYTES])
{
	snprintf(ret_text, NUMBER_BYTES, index < 0 ? "-" : "%d", index);
	return ret_text;
}
