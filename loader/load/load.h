/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be loaded into the kernel for a VM, and what comes back. Programs and maps are always
 * ours, whoever asks: no request has code in it.
 */
#ifndef NVRING_LOAD_H
#define NVRING_LOAD_H

#include <stdint.h>
#include <sys/types.h>

#include "base/why.h"

#define LOAD_FDS_MAX	6
#define LOAD_VALUES_MAX 3

/* Fixed before there is a front-end. */
struct load_terms {
	uint32_t queues; /* 1..DIRECT_QUEUES_MAX */
	pid_t pid;	 /* of the VM's process, which these are for */
	uint32_t tgid;	 /* the same as BPF sees it: bpf_own_tgid() */
	int stats_fd;	 /* the map its queues are counted in, or -1; stays the caller's */
	int cgroup_fd;	 /* the VM's, or -1; likewise */
};

enum load_what {
	LOAD_DIRECT,	   /* the direct engines' maps: enum load_direct_fd */
	LOAD_INFLIGHT,	   /* a map to track in, for a front-end: one descriptor */
	LOAD_PAGES,	   /* bpf/guest_pages.bpf.c: enum load_pages_fd */
	LOAD_LOOP,	   /* the loop's program: one descriptor, enum load_loop_value */
	LOAD_LOOP_OPS,	   /* a struct_ops map for one ring that is to run it: one descriptor */
	LOAD_POLLER,	   /* the poller's program: enum load_poller_fd */
	LOAD_POLLER_VRING, /* task storage for the vring of queue @argument: one descriptor */
	LOAD_POLLER_JOIN,  /* it runs by the hook that all VMs' share: no descriptor */
	LOAD_POLLER_LEAVE, /* and no more */
	LOAD_DISPATCH,	   /* vCPU dispatch for it, attached: enum load_dispatch_fd */
	LOAD_VCPUS,	   /* an iterator over the vCPUs of process @argument: one descriptor */
	LOAD_KICKER,	   /* who of process @argument, as BPF sees it, rings: one descriptor */
	LOAD_KINDS
};

enum load_direct_fd {
	LOAD_DIRECT_QUEUES,
	LOAD_DIRECT_VM,
	LOAD_DIRECT_INFLIGHTS,
	LOAD_DIRECT_CALLS,
	LOAD_DIRECT_PAGES,
	LOAD_DIRECT_COUNT
};

enum load_pages_fd { LOAD_PAGES_FIND, LOAD_PAGES_TRY, LOAD_PAGES_COUNT };

/* Of the value of a LOAD_LOOP_OPS map. */
enum load_loop_value { LOAD_LOOP_BYTES, LOAD_LOOP_STEP_AT, LOAD_LOOP_RING_AT };

enum load_poller_fd {
	LOAD_POLLER_PROGRAM,
	LOAD_POLLER_RINGS,
	LOAD_POLLER_VRINGS,  /* the vring by pointers: maps of LOAD_POLLER_VRING, by queue; or -1 */
	LOAD_POLLER_SHADOWS, /* by helpers: struct vring_shadow, by queue; or -1 */
	LOAD_POLLER_COUNT
};

enum load_dispatch_fd {
	LOAD_DISPATCH_PROGRAM,
	LOAD_DISPATCH_LINK,
	LOAD_DISPATCH_DOORBELLS,
	LOAD_DISPATCH_FRONT, /* struct dispatch_front */
	LOAD_DISPATCH_COUNT
};

struct load_reply {
	int fd[LOAD_FDS_MAX]; /* the caller's; -1: none */
	uint32_t value[LOAD_VALUES_MAX];
	char why[WHY_BYTES]; /* where it failed */
};

/* load_reply_init() - nothing is in it */
void load_reply_init(struct load_reply *reply);

/* load_reply_take() - one of its descriptors becomes the caller's variable */
int load_reply_take(struct load_reply *reply, uint32_t index);

/* load_reply_take_all() - the first @count of them do */
void load_reply_take_all(struct load_reply *reply, int *ret_fds, uint32_t count);

/* load_reply_refuse() - fill in why it failed; returns @err */
int load_reply_refuse(const struct load_reply *reply, int err, char ret_why[WHY_BYTES]);

/* load_reply_close() - descriptors that were not taken are closed */
void load_reply_close(struct load_reply *reply);

#endif
