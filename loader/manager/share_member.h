/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that shares a drive with others (share.h): its process is asked what it did, and told what
 * it may, in one request (serve/rpc_vm.h, "share"), whose answer comes when it comes. One that does
 * not answer, as it is frozen, does nothing either.
 */
#ifndef NVRING_SHARE_MEMBER_H
#define NVRING_SHARE_MEMBER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "disk/io_cost.h"

#define SHARE_STILL 5 /* ticks without I/O, after which a VM is idle */

struct rpc_ask;
struct vm_process;

struct share_member {
	struct vm_process *vm;
	pid_t pid;	     /* the process that the below is about; 0: none */
	char *folder;	     /* of the VM's cgroup, or NULL */
	struct io_cost cost; /* of its drive; cost.disk is 0 where it is none of those */
	bool old;	     /* the process knows of no shares */
	struct rpc_ask *ask; /* NULL while there is nobody to ask */
	uint64_t at_ns;	     /* of the last report, CLOCK_MONOTONIC; 0: there is none yet */
	uint64_t totals[LIMIT_KINDS]; /* which it had */
	double use;	/* of the drive's time, by the model, smoothed; 1: all of it */
	bool waited;	/* it had used its share up, and would have done more */
	double part;	/* of the drive's capacity, as it was last told; 0: no limit */
	uint32_t still; /* ticks, or looks, without I/O */
	int node;	/* in the tree */
};

/* share_member_active() - whether it did anything in the last second */
bool share_member_active(const struct share_member *member);

/* share_member_demand() - what it would do next, if it could; a part of the drive's capacity */
double share_member_demand(const struct share_member *member);

/**
 * share_member_find() - look whose process it is now, and which disk that serves
 * @vm: of the manager's; vm->share is made when it is NULL, and stays that without memory
 *
 * To be called now and then, as is share_member_join(): processes come and go.
 */
void share_member_find(struct vm_process *vm);

/**
 * share_member_join() - be able to ask its process
 * @member: from share_member_find()
 * @cost: of its disk; NULL: it is not to be asked any more, nor is it limited
 */
void share_member_join(struct share_member *member, const struct io_cost *cost);

/**
 * share_member_ask() - have its process told and asked
 * @member: joined
 * @part: of the drive's capacity, up to 1, until the next time or for two seconds; 0: no limit
 */
void share_member_ask(struct share_member *member, double part);

/* share_member_free() - with its VM, or when nobody shares; @member may be NULL */
void share_member_free(struct share_member *member);

#endif
