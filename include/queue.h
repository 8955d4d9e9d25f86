/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One virtqueue's state, the same for every engine.
 *
 * Owner: whichever engine serves the queue; one context at a time.
 */
#ifndef NVRING_QUEUE_H
#define NVRING_QUEUE_H

#include "limit.h"

#define QUEUE_SIZE_MAX 1024 /* entries; larger rings are refused at SET_VRING_NUM */

/* queue_state.flags */
#define QUEUE_EVENT_IDX (1U << 0) /* VIRTIO_F_EVENT_IDX negotiated */
#define QUEUE_INDIRECT	(1U << 1) /* VIRTIO_F_INDIRECT_DESC negotiated */
#define QUEUE_BROKEN	(1U << 2) /* the ring made no sense; served again only after a restart */

/* Why a queue was stopped: queue_state.broken. */
enum queue_fault {
	QUEUE_FAULT_NONE,
	QUEUE_FAULT_AVAIL_JUMP,	  /* avail->idx is ahead by more than the queue size */
	QUEUE_FAULT_HEAD_RANGE,	  /* avail entry names no descriptor */
	QUEUE_FAULT_HEAD_BUSY,	  /* avail entry names a request already in flight */
	QUEUE_FAULT_CHAIN_RANGE,  /* next names no descriptor */
	QUEUE_FAULT_CHAIN_LOOP,	  /* chain longer than the queue */
	QUEUE_FAULT_CHAIN_ORDER,  /* readable descriptor after a writable one */
	QUEUE_FAULT_INDIRECT,	  /* indirect not negotiated, nested, chained or of a bad length */
	QUEUE_FAULT_INDIRECT_MEM, /* indirect table outside guest memory */
	QUEUE_FAULT_NO_HEADER,	  /* fewer than 16 readable bytes */
	QUEUE_FAULT_NO_STATUS,	  /* no writable byte for the status, or it is outside memory */
	QUEUE_FAULT_MEMORY_GONE,  /* guest memory was cut short under us (SIGBUS) */
	QUEUE_FAULT_COUNT,
};

struct queue_state {
	__u16 size;	  /* entries, power of two, 1..QUEUE_SIZE_MAX */
	__u16 last_avail; /* next avail entry to take, free-running */
	__u16 used_idx;	  /* next used entry to fill, free-running, ahead of the ring's until
			     published */
	__u16 published;  /* used_idx as the driver sees it */
	__u16 signalled;  /* used_idx at the last notification decision */
	__u16 fault;	  /* enum queue_fault */
	__u32 flags;	  /* QUEUE_* */
	__u32 in_flight;  /* requests taken and not completed */
	__u32 kicks_off;  /* 1 once the driver was told that no doorbell is needed */
	struct limit_share limit;
};

#endif
