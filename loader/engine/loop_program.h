/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loop engine's BPF program: verified once for a VM, and attached to the ring of each queue,
 * which tells it the queue's number (DIRECT_CQ_QUEUE). Control thread only, but for what says
 * otherwise.
 */
#ifndef NVRING_LOOP_PROGRAM_H
#define NVRING_LOOP_PROGRAM_H

#include <stdint.h>

#include "base/why.h"

struct loop_program;
struct vm;

/**
 * loop_program_open() - load it
 * @vm: the VM, with maps
 * @ret_program: set; free with loop_program_close()
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno.
 */
int loop_program_open(const struct vm *vm, struct loop_program **ret_program,
		      char ret_why[WHY_BYTES]);

/* loop_program_close() - rings that it is attached to keep it; @program may be NULL */
void loop_program_close(struct loop_program *program);

/**
 * loop_program_attach() - have a ring run it
 * @program: open
 * @ring_fd: of ring_open_loop(), of the calling process
 *
 * Any thread. Return: the link's descriptor, owned by the caller, or -errno.
 */
int loop_program_attach(const struct loop_program *program, int ring_fd);

/* loop_program_fd() - stays the program's */
int loop_program_fd(const struct loop_program *program);

#endif
