/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver that knows every byte of its part of the disk: it keeps requests in flight, writes each
 * block with what was never there before, and compares what it reads.
 *
 * Several threads may drive one queue, as vCPUs do: the ring is under a lock, the doorbell is not.
 */
#ifndef NVRING_FRONT_VERIFY_H
#define NVRING_FRONT_VERIFY_H

#include <pthread.h>

#include "daemon.h"
#include "front.h"

#define VERIFY_BLOCK 4096U

struct verify_options {
	uint64_t sector; /* its part of the disk starts here, a multiple of a block */
	uint64_t offset; /* and the disk here in the image, bytes */
	uint32_t blocks; /* of VERIFY_BLOCK; more than @depth */
	uint32_t depth;	 /* requests in flight, up to the queue size */
	uint32_t rate;	 /* requests a second, caught up on for half a second; 0: all it can */
	bool odd; /* flushes, IDs, pieces, odd addresses and doorbells nobody asked for, too */
};

struct verify_slot {
	struct front_request request;
	uint32_t block;
	uint32_t type;
	uint32_t skew; /* bytes the data are moved by */
};

struct verify {
	struct verify_options options;
	struct front_queue *queue;
	pthread_mutex_t lock;
	uint32_t *version; /* of each block; 0 is what a fresh image has */
	bool *busy;	   /* a request is under way there */
	struct verify_slot *slots;
	uint16_t *free;
	uint32_t free_count;
	uint16_t slot_of[1024]; /* by head */
	uint64_t random;
	double next;		      /* with a rate: front_now() when the next may be sent */
	bool stop;		      /* sends no more */
	uint64_t done, wrong, failed; /* requests; with other bytes; with another status than OK */
};

/* verify_part() - the sector where so many blocks begin that no driver had before */
uint64_t verify_part(uint32_t blocks);

/* verify_init() - a driver for a queue whose descriptors are all free */
void verify_init(struct verify *verify, struct front_queue *queue,
		 const struct verify_options *options);

/* verify_free() - after the last request came back */
void verify_free(struct verify *verify);

/* verify_turn() - take what came back and send what is free to be sent; whether there was any */
bool verify_turn(struct verify *verify);

/**
 * verify_wait() - sleep until one of @count drivers has an interrupt, or @ms are over
 *
 * Ends the program when that is long past with requests under way: none may be lost, nor an
 * interrupt.
 */
void verify_wait(struct verify *verify, uint32_t count, int ms);

/* verify_finish() - send no more and take back what is under way */
void verify_finish(struct verify *verify, uint32_t count);

/* verify_image() - blocks of the image, read past the daemon, that are not what they should be */
uint32_t verify_image(const struct verify *verify, struct daemon *daemon);

/* verify_good() - nothing was wrong so far, and there were at least @least requests */
bool verify_good(const struct verify *verify, uint64_t least);

#endif
