/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits on a VM's requests: bytes and requests a second, of reads and of writes, as io.max of a
 * cgroup has them. The VM's queues share them, whatever thread and engine serves each.
 *
 * Each kind is one word: the time at which all that was started is paid for (the generic cell rate
 * algorithm, ITU-T I.371, a leaky bucket as a clock). Who starts something moves it on by what that
 * costs; so there is no refill, and an idle VM needs no timer. It may lie LIMIT_BURST_NS ahead of
 * the clock. Who finds it further ahead has to wait, but has moved it already: its turn is
 * reserved, those who come later wait behind it, and no queue starves another. Queues reserve some
 * milliseconds at a time, and wait once for all that fits into these. What costs more than that
 * starts, too, when its turn has come; then the next turn is as much later.
 *
 * What counts is what block/blk-throttle.c counts: DISCARD is a write of one sector, WRITE_ZEROES
 * one of all its bytes, FLUSH one of none.
 *
 * One clock more has the drive's time, where VMs share that by weight: a request takes of it what
 * it costs by the drive's model (block/blk-iocost.c), which is dearer the less of the drive is the
 * VM's.
 */
#ifndef NVRING_LIMIT_H
#define NVRING_LIMIT_H

#include "arch.h"

#define LIMIT_BURST_NS	      100000000ULL /* of the rate, that may be started at once after a pause */
#define LIMIT_CHUNK_NS	      2000000U	   /* of the rate, that a queue reserves at a time */
/* The same in the poller, whose thread does not sleep for some milliseconds after it was woken. */
#define LIMIT_CHUNK_POLLER_NS 20000000U
#define LIMIT_DEBT_MAX	      (1ULL << 60) /* ns, as good as for ever; nothing overflows */
#define LIMIT_TRIES	      16	   /* while others move the time on */
#define LIMIT_PAGE	      4096U /* bytes: a request costs at least that of the drive's time */

enum limit_kind {
	LIMIT_READ_BYTES,
	LIMIT_WRITE_BYTES,
	LIMIT_READS,
	LIMIT_WRITES,
	LIMIT_KINDS,
};

/* Clocks: one for each kind, and that of the drive's time, which all kinds move. */
#define LIMIT_DRIVE  LIMIT_KINDS
#define LIMIT_CLOCKS (LIMIT_KINDS + 1)

/* A VM's; in memory that BPF has, too, once a direct engine is wanted. */
struct limits {
	__u32 on;		  /* 1 while any kind is limited */
	__u32 generation;	  /* another one with each change; the drive's time aside */
	__u64 rate[LIMIT_KINDS];  /* limit_rate(); 0: not limited */
	__u64 drive[LIMIT_KINDS]; /* likewise: what each takes of LIMIT_DRIVE; 0: nothing */
	__u64 paid[LIMIT_CLOCKS]; /* CLOCK_MONOTONIC ns: what was started is paid for then */
	__u64 drive_until; /* CLOCK_MONOTONIC ns: somebody waited for LIMIT_DRIVE until then */
};

/* A queue's; one context at a time. */
struct limit_share {
	__u32 generation;	  /* of what it has reserved */
	__u32 chunk;		  /* ns of the rate that it reserves at a time: LIMIT_CHUNK_NS */
	__u64 until;		  /* CLOCK_MONOTONIC ns: nothing is started before; 0: it may be */
	__u64 since;		  /* the same when it was first held so */
	__u64 left[LIMIT_CLOCKS]; /* ns of what it has reserved */
	__u64 held;		  /* counter: how often the queue had to wait */
	__u64 held_ns;		  /* counter: how long, in all */
	/* Scratch, as BPF has no stack to spare: the request that is asked for. */
	__u32 write, bytes;
	__u64 drive_cost;
};

#ifndef __bpf__
/**
 * limit_rate() - a rate as limits.rate has it: the cost of one, in ns, as multiplier and shift
 * @per_second: bytes or requests, above 0
 *
 * Right to one part in a million up to 10^12 a second.
 */
NVR_INLINE __u64 limit_rate(__u64 per_second)
{
	__u32 shift = 0;

	while (shift < 32 && (1000000000ULL << (shift + 1)) / per_second < 1ULL << 32)
		shift++;
	return (__u64)shift << 32 | (1000000000ULL << shift) / per_second;
}

/* limit_rate_ns() - likewise, of what costs @ns, above 0; at most 4.2 s */
NVR_INLINE __u64 limit_rate_ns(double ns)
{
	__u32 shift = 0;

	if (ns >= 0xffffffff)
		return 0xffffffff;
	for (; shift < 32 && ns * 2 < 1ULL << 32; shift++)
		ns *= 2;
	return (__u64)shift << 32 | (__u64)ns;
}
#endif

/* limit_cost() - of so many bytes or requests, ns, to the nearest */
NVR_INLINE __u64 limit_cost(__u64 rate, __u32 units)
{
	__u32 shift = rate >> 32 & 63;
	__u64 cost = ((rate & 0xffffffff) * units + (1ULL << shift >> 1)) >> shift;

	return cost < LIMIT_DEBT_MAX ? cost : LIMIT_DEBT_MAX;
}

/* limit_reserve() - move the time on by @cost; returns where it was, or @now if that is later */
NVR_INLINE __u64 limit_reserve(__u64 *paid, __u64 now, __u64 cost)
{
	__u32 try;

	nvr_for(try, 0, LIMIT_TRIES) {
		__u64 seen = load_once(paid), from = seen > now ? seen : now, to = from + cost;

		if (to - now > LIMIT_DEBT_MAX)
			to = now + LIMIT_DEBT_MAX;
		if (__sync_val_compare_and_swap(paid, seen, to) == seen)
			return from;
	}
	/* Others did bring it up to date meanwhile. */
	return __sync_fetch_and_add(paid, cost);
}

/* limit_turn() - when what is reserved from then on may start */
NVR_INLINE __u64 limit_turn(__u64 from)
{
	return from > LIMIT_BURST_NS ? from - LIMIT_BURST_NS : 0;
}

/* limit_cover() - have @cost covered by what the queue has reserved; returns from when on it is */
NVR_INLINE __u64 limit_cover(struct limits *limits, struct limit_share *share, __u32 kind,
			     __u64 now, __u64 cost)
{
	__u64 more, from;

	if (share->left[kind] >= cost)
		return 0;
	more = cost - share->left[kind];
	if (more < share->chunk)
		more = share->chunk;
	from = limit_reserve(&limits->paid[kind], now, more);
	share->left[kind] += more;
	return limit_turn(from);
}

/* limit_drive_cost() - of the drive's time, ns; what moves no data takes none, as in the kernel */
NVR_INLINE __u64 limit_drive_cost(const struct limits *limits, int write, __u32 bytes)
{
	__u64 by_bytes = load_once(&limits->drive[write ? LIMIT_WRITE_BYTES : LIMIT_READ_BYTES]);
	__u64 by_count = load_once(&limits->drive[write ? LIMIT_WRITES : LIMIT_READS]);

	if (!bytes)
		return 0;
	return limit_cost(by_bytes, bytes > LIMIT_PAGE ? bytes : LIMIT_PAGE) +
	       limit_cost(by_count, 1);
}

/* limit_applies() - whether anything of the below is to be asked */
NVR_INLINE int limit_applies(const struct limits *limits, const struct limit_share *share)
{
	return load_once(&limits->on) || share->until;
}

/* limit_waits() - whether the queue waits for its turn, @now */
NVR_INLINE int limit_waits(const struct limits *limits, const struct limit_share *share, __u64 now)
{
	return now < share->until && share->generation == load_once(&limits->generation);
}

/**
 * limit_holds() - whether the queue still waits for its turn; if not, it waits no more
 * @limits: of the VM, and limit_applies()
 * @share: of the queue
 * @now: CLOCK_MONOTONIC, ns
 *
 * Return: 1 until share->until, or until the limits change; 0: ask limit_start().
 */
NVR_INLINE int limit_holds(const struct limits *limits, struct limit_share *share, __u64 now)
{
	__u32 generation = load_once(&limits->generation), kind;

	if (limit_waits(limits, share, now))
		return 1;
	if (share->until) {
		share->held_ns += now - share->since;
		share->until = 0;
	}
	if (share->generation == generation)
		return 0;
	share->generation = generation;
	for (kind = 0; kind < LIMIT_CLOCKS; kind++)
		share->left[kind] = 0;
	return 0;
}

/* limit_wait() - the queue starts nothing before @until; returns 0 */
NVR_INLINE int limit_wait(struct limit_share *share, __u64 now, __u64 until)
{
	share->until = until;
	share->since = now;
	share->held++;
	return 0;
}

/* limit_start_drive() - the first half of limit_start(): the drive's time */
NVR_INLINE int limit_start_drive(struct limits *limits, struct limit_share *share, __u64 now,
				 int write, __u32 bytes)
{
	__u64 from;

	share->write = (__u32)write;
	share->bytes = bytes;
	share->drive_cost = limit_drive_cost(limits, write, bytes);
	from = limit_cover(limits, share, LIMIT_DRIVE, now, share->drive_cost);
	if (from <= now)
		return 1;
	store_once(&limits->drive_until, from);
	return limit_wait(share, now, from);
}

/* limit_start_rest() - the other half, when the first said 1: all else */
NVR_INLINE int limit_start_rest(struct limits *limits, struct limit_share *share, __u64 now)
{
	__u32 by_bytes = share->write ? LIMIT_WRITE_BYTES : LIMIT_READ_BYTES;
	__u32 by_count = share->write ? LIMIT_WRITES : LIMIT_READS;
	__u64 bytes_cost = limit_cost(load_once(&limits->rate[by_bytes]), share->bytes);
	__u64 count_cost = limit_cost(load_once(&limits->rate[by_count]), 1);
	__u64 from = limit_cover(limits, share, by_bytes, now, bytes_cost);
	__u64 other = limit_cover(limits, share, by_count, now, count_cost);

	if (other > from)
		from = other;
	if (from > now)
		return limit_wait(share, now, from);
	share->left[by_bytes] -= bytes_cost;
	share->left[by_count] -= count_cost;
	share->left[LIMIT_DRIVE] -= share->drive_cost;
	return 1;
}

/**
 * limit_start() - whether the queue may start a request, which it then does
 * @limits: of the VM
 * @share: of the queue; limit_holds() said no
 * @now: CLOCK_MONOTONIC, ns
 * @write: 1 for what counts as one, 0 for reads
 * @bytes: that count
 *
 * Return: 1, or 0: it has to wait until share->until, and is asked for again then.
 */
NVR_INLINE int limit_start(struct limits *limits, struct limit_share *share, __u64 now, int write,
			   __u32 bytes)
{
	return limit_start_drive(limits, share, now, write, bytes) &&
	       limit_start_rest(limits, share, now);
}

/**
 * limit_charge() - a request is started in any case: those to come wait for it
 * @limits: of the VM
 * @now: CLOCK_MONOTONIC, ns
 * @write: as limit_start()
 * @bytes: likewise
 *
 * Return: CLOCK_MONOTONIC ns until which the queue it came from should start nothing; may have
 * passed.
 */
NVR_INLINE __u64 limit_charge(struct limits *limits, __u64 now, int write, __u32 bytes)
{
	__u32 by_bytes = write ? LIMIT_WRITE_BYTES : LIMIT_READ_BYTES;
	__u32 by_count = write ? LIMIT_WRITES : LIMIT_READS;
	__u64 from, other, drive;

	from = limit_reserve(&limits->paid[by_bytes], now,
			     limit_cost(load_once(&limits->rate[by_bytes]), bytes));
	other = limit_reserve(&limits->paid[by_count], now,
			      limit_cost(load_once(&limits->rate[by_count]), 1));
	drive = limit_reserve(&limits->paid[LIMIT_DRIVE], now,
			      limit_drive_cost(limits, write, bytes));
	if (other > from)
		from = other;
	if (drive <= from)
		return limit_turn(from);
	if (limit_turn(drive) > now)
		store_once(&limits->drive_until, limit_turn(drive));
	return limit_turn(drive);
}

/* limit_owes() - the queue is to start nothing before @until, as limit_charge() said */
NVR_INLINE void limit_owes(struct limit_share *share, __u64 now, __u64 until)
{
	if (until <= now || until <= share->until)
		return;
	if (!share->until) {
		share->since = now;
		share->held++;
	}
	share->until = until;
}

#endif
