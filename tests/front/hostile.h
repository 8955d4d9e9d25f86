/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver that keeps no rule: what it puts into its ring, its tables and its requests is garbage,
 * and its memory changes or goes away while the device looks.
 *
 * It harms nobody through the front door: the addresses it gives that are in guest memory are its
 * own, and so are the sectors that are on the disk. Whatever else it reaches is the device's fault.
 */
#ifndef NVRING_FRONT_HOSTILE_H
#define NVRING_FRONT_HOSTILE_H

#include "front.h"

#define HOSTILE_GPA   (1ULL << 32)
#define HOSTILE_BYTES (1ULL << 20) /* of the region that is the driver's */

struct hostile {
	struct front *front;
	struct front_queue *queue; /* in that region, as is all it uses */
	uint32_t region;
	struct front_options open;
	uint64_t sector, sectors; /* its own part of the disk */
	uint64_t capacity;	  /* sectors of the disk */
	uint64_t random;
	uint64_t attacks;
	uint64_t broken;     /* of these, after which the queue was stopped */
	uint64_t unreported; /* after which it should have been, and was not in time */
	uint64_t answered;   /* requests that came back */
	uint64_t accepted;   /* of these, which the device should have refused */
};

/* hostile_init() - the last region announced is to be its own; the queue is set up in it */
void hostile_init(struct hostile *hostile, struct front *front, uint32_t queue,
		  const struct front_options *open);

/* hostile_kinds() - how many kinds of attack there are */
uint32_t hostile_kinds(void);

/* hostile_attack() - one of a kind; where that broke the queue, and now and then, it is set up anew
 * as a reset of the device does */
void hostile_attack(struct hostile *hostile, uint32_t kind);

/* hostile_reset() - set the queue up anew */
void hostile_reset(struct hostile *hostile);

/* hostile_random() - a number */
uint64_t hostile_random(struct hostile *hostile);

#endif
