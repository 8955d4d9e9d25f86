/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Latency histograms: eight buckets for each power of two, so that a value is known to an eighth of
 * itself, from a nanosecond to 17 seconds in fixed memory, with integers only.
 *
 * One context at a time adds; user space reads while it does (load_once), and each number is one
 * that was true.
 */
#ifndef NVRING_HISTOGRAM_H
#define NVRING_HISTOGRAM_H

#include "arch.h"

#define HISTOGRAM_SUB_BITS 3U		/* 8 buckets a power of two */
#define HISTOGRAM_BUCKETS  256U		/* a power of two, for the verifier */
#define HISTOGRAM_LIMIT	   (1ULL << 34) /* ns; this and more is in the last bucket */

/*
 * The buckets stand in a row. They have names by powers of two, rounded, for `bpftool map dump`:
 * from_1us is 1,024 to 2,047 ns, in eight parts.
 */
struct histogram {
	__u64 sum_ns;
	__u64 below_8ns[8];
	__u64 from_8ns[8];
	__u64 from_16ns[8];
	__u64 from_32ns[8];
	__u64 from_64ns[8];
	__u64 from_128ns[8];
	__u64 from_256ns[8];
	__u64 from_512ns[8];
	__u64 from_1us[8];
	__u64 from_2us[8];
	__u64 from_4us[8];
	__u64 from_8us[8];
	__u64 from_16us[8];
	__u64 from_32us[8];
	__u64 from_65us[8];
	__u64 from_131us[8];
	__u64 from_262us[8];
	__u64 from_524us[8];
	__u64 from_1ms[8];
	__u64 from_2ms[8];
	__u64 from_4ms[8];
	__u64 from_8ms[8];
	__u64 from_16ms[8];
	__u64 from_33ms[8];
	__u64 from_67ms[8];
	__u64 from_134ms[8];
	__u64 from_268ms[8];
	__u64 from_536ms[8];
	__u64 from_1s[8];
	__u64 from_2s[8];
	__u64 from_4s[8];
	__u64 from_8s[8];
};

_Static_assert(sizeof(struct histogram) == (1 + HISTOGRAM_BUCKETS) * sizeof(__u64), "in a row");

/* histogram_counts() - [HISTOGRAM_BUCKETS] */
NVR_INLINE __u64 *histogram_counts(const struct histogram *histogram)
{
	return (__u64 *)histogram + 1;
}

/* histogram_shift() - bits of @ns below its first four; @ns is at least 8 and below the limit */
NVR_INLINE __u32 histogram_shift(__u64 ns)
{
#ifdef __bpf__
	__u32 shift = 0; /* there is no instruction for it */

	if (ns >> 19) {
		ns >>= 16;
		shift += 16;
	}
	if (ns >> 11) {
		ns >>= 8;
		shift += 8;
	}
	if (ns >> 7) {
		ns >>= 4;
		shift += 4;
	}
	if (ns >> 5) {
		ns >>= 2;
		shift += 2;
	}
	return shift + (ns >> 4 ? 1 : 0);
#else
	return 60U - (__u32)__builtin_clzll(ns);
#endif
}

/* histogram_bucket() - where a value counts: 0..HISTOGRAM_BUCKETS - 1 */
NVR_INLINE __u32 histogram_bucket(__u64 ns)
{
	__u32 shift;

	if (ns < 1U << HISTOGRAM_SUB_BITS)
		return (__u32)ns;
	if (ns >= HISTOGRAM_LIMIT)
		return HISTOGRAM_BUCKETS - 1;
	shift = histogram_shift(ns);
	return (shift << HISTOGRAM_SUB_BITS) + (__u32)(ns >> shift);
}

/* histogram_add() - count a value */
NVR_INLINE void histogram_add(struct histogram *histogram, __u64 ns)
{
	histogram->sum_ns += ns;
	histogram_counts(histogram)[histogram_bucket(ns) & (HISTOGRAM_BUCKETS - 1)]++;
}

#ifndef __bpf__

/* histogram_low() - the smallest value of a bucket, ns */
NVR_INLINE __u64 histogram_low(__u32 bucket)
{
	__u32 shift = bucket >> HISTOGRAM_SUB_BITS;

	if (!shift)
		return bucket;
	shift--;
	return (bucket - ((__u64)shift << HISTOGRAM_SUB_BITS)) << shift;
}

/* histogram_high() - the largest value of a bucket, ns; of the last one: that it has in full */
NVR_INLINE __u64 histogram_high(__u32 bucket)
{
	return histogram_low(bucket + 1) - 1;
}

/* histogram_total() - how many values were counted */
NVR_INLINE __u64 histogram_total(const struct histogram *histogram)
{
	__u64 total = 0;

	for (__u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += load_once(&histogram_counts(histogram)[i]);
	return total;
}

/* histogram_merge() - add all values of another one */
NVR_INLINE void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	histogram->sum_ns += other->sum_ns;
	for (__u32 i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram_counts(histogram)[i] += histogram_counts(other)[i];
}

/* histogram_subtract() - leave what came since @before; 0 when that is no earlier state of it */
NVR_INLINE int histogram_subtract(struct histogram *histogram, const struct histogram *before)
{
	if (histogram->sum_ns < before->sum_ns)
		return 0;
	histogram->sum_ns -= before->sum_ns;
	for (__u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram_counts(histogram)[i] < histogram_counts(before)[i])
			return 0;
		histogram_counts(histogram)[i] -= histogram_counts(before)[i];
	}
	return 1;
}

/**
 * histogram_percentile() - a value that so many of the values do not exceed
 * @histogram: not changing
 * @per_mille: share, 1..1000: 500 is the median
 *
 * Return: ns, the largest value of the bucket in which it lies: up to an eighth too much. 0 when
 * there are no values.
 */
NVR_INLINE __u64 histogram_percentile(const struct histogram *histogram, __u32 per_mille)
{
	__u64 total = histogram_total(histogram), seen = 0;
	__u64 rank = total / 1000 * per_mille + (total % 1000 * per_mille + 999) / 1000;

	for (__u32 i = 0; i < HISTOGRAM_BUCKETS && total; i++) {
		seen += histogram_counts(histogram)[i];
		if (seen >= rank)
			return histogram_high(i);
	}
	return 0;
}

#endif

#endif
