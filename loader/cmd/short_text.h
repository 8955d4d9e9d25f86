/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers for people, in narrow columns. */
#ifndef NVRING_SHORT_TEXT_H
#define NVRING_SHORT_TEXT_H

#include <stdint.h>

#include "histogram.h"

#define NUMBER_BYTES 16

/* short_number() - "123", "12.3k", "456M": three digits and a unit; returns @ret_text */
const char *short_number(double value, char ret_text[NUMBER_BYTES]);

/* short_time() - "8.1us", "123us", "4.5ms"; returns @ret_text */
const char *short_time(uint64_t ns, char ret_text[NUMBER_BYTES]);

/* short_percentile() - what so many of a thousand took at most, "-" when there are none */
const char *short_percentile(const struct histogram *histogram, uint32_t per_mille,
			     char ret_text[NUMBER_BYTES]);

/* short_index() - "3", or "-" when it is below 0: none; returns @ret_text */
const char *short_index(int index, char ret_text[NUMBER_BYTES]);

#endif
