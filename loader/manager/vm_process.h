/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One VM of the manager's and the life of the process that serves it:
 *
 *	STARTING → SERVING → (dies) → WAITING → STARTING ...      SERVING → STOPPING → gone
 *
 * A process that dies is started again, at once when it had served for a while, later and later
 * when it had not. That of a VM which has a file and is off, so that its cgroup is not there, is
 * started when it is.
 */
#ifndef NVRING_VM_PROCESS_H
#define NVRING_VM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/vm_dir.h"

struct json_object;
struct manager;
struct rpc_later;
struct share_member;

enum vm_process_state {
	VM_STARTING, /* until it says it is ready, or an earlier process is found or ends */
	VM_SERVING,
	VM_STOPPING, /* it was asked to end; requests under way are finished first */
	VM_WAITING,  /* to be started again */
};

struct vm_process {
	struct manager *manager;
	struct vm_process *next;
	char name[VM_NAME_MAX + 1];
	struct vm_dir dir;
	struct json_object *options; /* it runs with these, disk_options_json() */
	struct json_object *changed; /* and is to have these at the next start, or NULL */
	char *file;		     /* the configuration file it comes from, NULL: a command */
	enum vm_process_state state;
	bool fresh;		/* by a command, and never served yet: is not kept when it cannot */
	bool failed;		/* it ended before it served */
	bool leaving;		/* it is to end for good */
	bool again;		/* an operator wants it started again */
	bool gone;		/* it ends as the VM's cgroup was removed */
	bool absent;		/* it waits until there is such a cgroup */
	int listen_fd;		/* where the front-end connects, -1: the process alone has it */
	int pidfd;		/* -1 without a process */
	pid_t pid;		/* 0 without */
	sd_event_source *exit;	/* of the process, or NULL */
	sd_event_source *timer; /* to start it, or to look for it */
	uint32_t restarts;	/* since it was attached */
	uint32_t failures;	/* early ends in a row */
	uint32_t looks;		/* for the process of an earlier manager, in a row */
	uint64_t serving_since; /* CLOCK_MONOTONIC, us; 0: it never has */
	char said[VM_DIR_WHY];	/* what it said last about itself */
	char cause[VM_DIR_WHY]; /* why it does not serve, or empty */
	struct share_member *share; /* of a drive, or NULL; share.c's */
	struct rpc_later *waiter;   /* who asked for what is going on, or NULL */
};

/* vm_process_state_name() - for people: also whether it failed to start, or is frozen */
const char *vm_process_state_name(const struct vm_process *vm);

/* vm_process_frozen() - whether its process is, with the VM's cgroup: it answers nobody */
bool vm_process_frozen(const struct vm_process *vm);

/* vm_process_listen() - have the socket where the front-end connects; 0 or -errno */
int vm_process_listen(struct vm_process *vm);

/* vm_process_start() - find or start its process soon, from the event loop; 0 or -errno */
int vm_process_start(struct vm_process *vm);

/**
 * vm_process_detach() - end it for good
 * @vm: the VM; it is gone at the earliest when the event loop runs again
 * @waiter: told when it is gone, or NULL
 */
void vm_process_detach(struct vm_process *vm, struct rpc_later *waiter);

/**
 * vm_process_restart() - end it and start it again, with changed settings where there are some
 * @vm: the VM
 * @waiter: told when it serves again, or NULL
 */
void vm_process_restart(struct vm_process *vm, struct rpc_later *waiter);

/* vm_process_said() - what came from it by sd_notify() */
void vm_process_said(struct vm_process *vm, const char *message);

/* vm_process_save() - write its settings; 0 or -errno */
int vm_process_save(const struct vm_process *vm);

/* vm_process_json() - all about it for `nvring list` */
struct json_object *vm_process_json(const struct vm_process *vm);

/* vm_process_free() - forget it; its process and its directory stay */
void vm_process_free(struct vm_process *vm);

#endif
