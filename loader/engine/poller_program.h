/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The poller's BPF program, as this process has it: descriptors. loader/load/poller_object.h has
 * the two forms it comes in. Control thread only.
 */
#ifndef NVRING_POLLER_PROGRAM_H
#define NVRING_POLLER_PROGRAM_H

#include <stdbool.h>

#include "load/loader.h"

struct vm;

struct poller_program {
	struct loader *loader;	   /* NULL before it is open */
	int fd[LOAD_POLLER_COUNT]; /* by enum load_poller_fd */
	bool joined;		   /* it runs by the hook that all VMs' share, */
	int link_fd;		   /* or by this, -1 while it does not */
	struct pins *pins;	   /* where they are shown, or NULL */
};

/**
 * poller_program_open() - have it loaded
 * @vm: its maps are made
 * @ret_program: set; free with poller_program_close()
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno.
 */
int poller_program_open(const struct vm *vm, struct poller_program *ret_program,
			char ret_why[WHY_BYTES]);

/* poller_program_attach() - it runs from now on, if it does not yet; 0 or -errno */
int poller_program_attach(struct poller_program *program, char ret_why[WHY_BYTES]);

/* poller_program_detach() - it runs no more, its maps are still there */
void poller_program_detach(struct poller_program *program);

/* poller_program_close() - @program may be closed already, or zeroed */
void poller_program_close(struct poller_program *program);

#endif
