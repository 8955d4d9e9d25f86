// SPDX-License-Identifier: GPL-2.0-only
#include "latency.h"

#include <string.h>

#include "base/json_add.h"

static struct json_object *buckets_json(const struct histogram *histogram)
{
	struct json_object *buckets = json_object_new_array();

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t count = histogram_counts(histogram)[i];
		struct json_object *bucket;

		if (!count)
			continue;
		bucket = json_object_new_array_ext(2);
		json_object_array_add(bucket, json_object_new_uint64(histogram_high(i)));
		json_object_array_add(bucket, json_object_new_uint64(count));
		json_object_array_add(buckets, bucket);
	}
	return buckets;
}

struct json_object *latency_json(const struct histogram *histogram)
{
	struct json_object *object = json_object_new_object();
	struct histogram still = { .sum_ns = load_once(&histogram->sum_ns) };

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram_counts(&still)[i] = load_once(&histogram_counts(histogram)[i]);
	json_add_number(object, "count", histogram_total(&still));
	json_add_number(object, "sum_ns", still.sum_ns);
	json_add_number(object, "p50_ns", histogram_percentile(&still, 500));
	json_add_number(object, "p99_ns", histogram_percentile(&still, 990));
	json_add_number(object, "p999_ns", histogram_percentile(&still, 999));
	json_object_object_add(object, "buckets", buckets_json(&still));
	return object;
}

void latency_parse(struct json_object *object, struct histogram *ret_histogram)
{
	struct json_object *buckets = json_object_object_get(object, "buckets");
	size_t count = json_object_is_type(buckets, json_type_array)
			       ? json_object_array_length(buckets)
			       : 0;

	memset(ret_histogram, 0, sizeof(*ret_histogram));
	ret_histogram->sum_ns = json_object_get_uint64(json_object_object_get(object, "sum_ns"));
	for (size_t i = 0; i < count; i++) {
		struct json_object *bucket = json_object_array_get_idx(buckets, i);
		uint64_t high;

		if (!json_object_is_type(bucket, json_type_array) ||
		    json_object_array_length(bucket) != 2)
			continue;
		high = json_object_get_uint64(json_object_array_get_idx(bucket, 0));
		histogram_counts(ret_histogram)[histogram_bucket(high)] +=
			json_object_get_uint64(json_object_array_get_idx(bucket, 1));
	}
}
