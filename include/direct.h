/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the direct engines (BPF) and the daemon share of a queue. It lives in a BPF map that the
 * daemon has mapped.
 *
 * BPF serves the queue in whatever context an event runs it; direct_queue.lock keeps these apart.
 * What BPF cannot do it hands to a worker by head index (handed[]), and takes back what the worker
 * finished (returned[]), so that one side alone writes the used ring.
 */
#ifndef NVRING_DIRECT_H
#define NVRING_DIRECT_H

#include "coalesce.h"
#include "inflight.h"
#include "plain.h"
#include "request.h"
#include "spin.h"
#include "stats.h"
#include "vring_window.h"

/* Rings of the direct engines: 128-byte SQEs and 32-byte CQEs, whatever the disk. */
#define DIRECT_SQ_ENTRIES 256U
#define DIRECT_CQ_ENTRIES 512U
#define DIRECT_SQE_BYTES  128U
#define DIRECT_CQE_BYTES  32U
#define DIRECT_PAGE	  4096U
#define DIRECT_SQ_BYTES	  (DIRECT_SQ_ENTRIES * DIRECT_SQE_BYTES)
#define DIRECT_CQ_BYTES	  (DIRECT_PAGE + DIRECT_CQ_ENTRIES * DIRECT_CQE_BYTES) /* with indices */
#define DIRECT_CQ_QUEUE	  (DIRECT_CQ_BYTES - 4) /* loop: the queue's number; the kernel uses less */

/* Fewer than CQEs: each has one, and kicks come in between. Only when BPF misses one event after
 * another does the CQ overflow (poller_revive()). */
#define DIRECT_IN_FLIGHT_MAX 256U

/* Requests whose segments or ranges the kernel reads until they complete. */
#define DIRECT_POOL 32U

/* Fixed files of a direct ring beside SQE_FILE_DEVICE. */
#define DIRECT_FILE_ZERO  1 /* /dev/zero */
#define DIRECT_FILE_KICK  2
#define DIRECT_FILE_CALL  3
#define DIRECT_FILE_COUNT 4

/* direct_queue.lock */
#define DIRECT_HELD  (1U << 0)
#define DIRECT_AGAIN (1U << 1) /* something came while it was held */

enum direct_mode {
	DIRECT_OFF,   /* completions are dropped: nothing of the queue's is under way */
	DIRECT_ON,    /* serves */
	DIRECT_DRAIN, /* completes, takes nothing new */
};

#define DIRECT_RETURN_DROPPED 0x8000U /* in returned[]: not to be given back, the queue broke */

enum direct_slot_state {
	DIRECT_SLOT_FREE,
	DIRECT_SLOT_SENT,   /* its command is under way */
	DIRECT_SLOT_HANDED, /* the worker has it */
};

/* One for each head. */
struct direct_slot {
	__u64 started; /* direct_queue.now when it was taken */
	__u32 used_len;
	__s32 expect; /* cqe->res of success */
	__u32 bytes;  /* payload, for the counters */
	__u8 state;   /* enum direct_slot_state */
	__u8 type;    /* VIRTIO_BLK_T_*, which all fit */
	__u8 pool;    /* 1 + index of the pool's entry it holds, or 0 */
	__u8 paid;    /* it is within the limits: BPF asked */
};

/* Byte offsets of the ring's words from its start, as io_uring_setup() told. */
struct direct_ring {
	__u32 sq_head;
	__u32 sq_tail;
	__u32 sq_flags;
	__u32 cq_head;
	__u32 cq_tail;
	__u32 cq_flags;
	__u32 cqes;
	__u32 reserved;
};

struct direct_queue {
	__u32 lock;	      /* DIRECT_HELD, DIRECT_AGAIN */
	__u32 mode;	      /* enum direct_mode; set by the daemon */
	__u32 cq_seen;	      /* poller: CQEs before this index are in the ring */
	__u32 cq_next;	      /* next one to take */
	__u32 kick_armed;     /* 1 while the kick poll is */
	__u32 tracked;	      /* 1 when requests are tracked in the in-flight map */
	__u32 notify_at;      /* cq_seen when an interrupt was last wanted */
	__u32 foreign;	      /* 1 after a completion in another thread, until the next sweep */
	__u32 attention;      /* 1 once the worker was called, until it comes */
	__u32 reported;	      /* the worker was told of the broken queue */
	__u32 index;	      /* the queue's number */
	__u32 pause;	      /* loop: the daemon wants its thread back */
	__u32 has_call;	      /* interrupts by SQE: loop, and poller where it is no eventfd */
	__u32 wanted;	      /* the guest wants an interrupt it did not get yet */
	__u32 poller;	      /* 1 while the poller serves the queue, and not the loop */
	__u32 look_armed;     /* poller: a NOP runs that brings BPF back at once */
	__u32 kicker;	      /* thread that rang the doorbell when it was last looked at, or 0 */
	__u32 vcpu;	      /* that rings: KVM's number plus one; 0: not to be looked at */
	struct spin spin;     /* before it asks for doorbells; the poller looks for the budget */
	__u64 idle_since;     /* CLOCK_MONOTONIC, 0 while there is work */
	__u64 slept_at;	      /* loop: the same when it began to wait, 0 when it did not */
	__u64 now;	      /* CLOCK_MONOTONIC of the run under way, 0 until it is read */
	__u64 kicked_at;      /* the same of a doorbell in this run, 0: none came */
	__u64 owed_at;	      /* of the oldest completion the driver was not told of, 0: none */
	__u64 told_at;	      /* owed_at of the interrupt that this run sends */
	__u32 told;	      /* this run sends one */
	__u32 begun;	      /* state.last_avail when the run began */
	__u32 sweep_armed;    /* poller: a TIMEOUT runs that brings BPF in any case */
	__u32 sweep_busy;     /* poller: there were runs between the last two */
	__u64 sweep_runs;     /* poller: runs at the last one */
	__s64 sweep_delay[2]; /* struct __kernel_timespec */
	__u64 debt_until; /* CLOCK_MONOTONIC ns: nothing is started before, for what the worker did
			   */
	__u32 turn_armed; /* a TIMEOUT runs that brings BPF when the queue's turn may have come */
	__u32 hold_armed; /* likewise when an interrupt that is held has to go */
	__s64 turn_delay[2]; /* struct __kernel_timespec */
	__s64 hold_delay[2]; /* likewise */
	__u64 one;	     /* what is written to an eventfd */
	__u32 sq_tail;	     /* next SQE to write, ahead of the ring's until the run ends */
	__u32 sq_room; /* SQEs that may be written; in memory, not a variable, for the verifier */
	__u32 pool_count;
	__u32 batch_count;
	/* Two rings of heads with one writer and one reader each. */
	__u32 handed_tail, handed_head;	    /* BPF to worker */
	__u32 returned_tail, returned_head; /* and back */

	struct queue_state state;
	struct vring_window window;
	struct direct_ring ring;
	struct coalesce coalesce;
	__u64 inflight_counter;
	__u64 self; /* address in the daemon */

	__u8 pool_free[DIRECT_POOL];
	__u16 handed[QUEUE_SIZE_MAX];
	__u16 returned[QUEUE_SIZE_MAX];
	__u16 batch[QUEUE_SIZE_MAX]; /* heads pushed and not published */
	struct direct_slot slot[QUEUE_SIZE_MAX];
	struct vring_desc first;  /* scratch: the first descriptor of the request to start */
	struct plain plain;	  /* scratch */
	struct chain_table table; /* scratch */
	struct request pool[DIRECT_POOL];
};

/* One VM's part; constant while a queue is served, but for disk.flags and limits. */
struct direct_vm {
	struct disk disk;
	struct guest_memory memory;
	struct limits limits;
};

/* A poller's ring. The kernel uses this memory as SQEs and as rings (IORING_SETUP_NO_MMAP). */
struct direct_sq {
	__u8 byte[DIRECT_SQ_BYTES];
};

struct direct_cq {
	__u8 byte[DIRECT_CQ_BYTES]; /* the rings' indices first */
};

struct direct_ring_memory {
	struct direct_sq sq;
	struct direct_cq cq;
};

#define DIRECT_QUEUES_MAX 256

/* Of maps to track in. */
#define DIRECT_INFLIGHT_FLAGS (BPF_F_MMAPABLE | BPF_F_INNER_MAP)

/* Record of the ring buffer that calls the worker. */
struct direct_call {
	__u32 queue;
	__u32 reserved;
};

#endif
