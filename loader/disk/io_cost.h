/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What I/O costs a drive, as the kernel's block/blk-iocost.c has it, and the weights by which
 * cgroups share that: io.cost.qos and io.cost.model of the root cgroup, io.weight of the others,
 * Documentation/admin-guide/cgroup-v2.rst.
 */
#ifndef NVRING_IO_COST_H
#define NVRING_IO_COST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "limit.h"

#define IO_WEIGHT_DEFAULT 100

/*
 * The linear model. The kernel tells sequential I/O from random I/O; all of ours costs as random
 * I/O does: several VMs at a time look random to the drive, and to NVMe they are next to the same.
 */
struct io_cost {
	dev_t disk;
	bool enabled;	 /* by io.cost.qos; without it nothing is limited */
	double capacity; /* what the drive may do, as a part of what the model says: 1, within min
			    and max */
	double ns[LIMIT_KINDS]; /* what a byte, a request takes of the drive's time; 0: no model */
};

/**
 * io_cost_qos_line() - take one line into account
 * @line: of io.cost.qos
 * @ret_cost: filled with the disk, whether it is enabled, its capacity; no model
 *
 * The kernel moves its rate between min and max by latencies, which needs its own I/O; we hold it
 * at 100 %, or at the nearer of the two when they exclude that.
 * Return: false when it is no such line.
 */
bool io_cost_qos_line(const char *line, struct io_cost *ret_cost);

/* io_cost_model_line() - of io.cost.model; those of other disks, and models not linear, are not for
 * @cost */
void io_cost_model_line(const char *line, struct io_cost *cost);

/* io_cost_of() - ns of the drive's time that so many bytes and requests take, by enum limit_kind */
double io_cost_of(const struct io_cost *cost, const uint64_t totals[LIMIT_KINDS]);

/**
 * io_weight_line() - take one line into account
 * @line: of io.weight
 * @disk: number of the whole disk
 * @weight: 1..10000, what was read so far; a line of the disk overrides "default", which comes
 * first
 */
void io_weight_line(const char *line, dev_t disk, uint32_t *weight);

#endif
