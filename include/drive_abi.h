/* SPDX-License-Identifier: GPL-2.0-only */
/* What bpf/drive.bpf.c tells of NVMe drives, while somebody watches them (nvring drives). */
#ifndef NVRING_DRIVE_ABI_H
#define NVRING_DRIVE_ABI_H

#include "histogram.h"

#define DRIVE_QUEUES 4096U /* of all drives together; what comes to others is not counted */

/* A queue of the driver's: nvme0, queue 1. Queue 0 is for administration. */
struct drive_key {
	__u32 drive, queue;
};

/* Its commands that are over, and how long each took: from the driver's set-up of it until its
 * completion, on whatever CPU. */
struct drive_times {
	struct histogram read, write;
	struct histogram other; /* flushes, DISCARD, administration, what others send */
};

#endif
