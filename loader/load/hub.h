/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hook that all processes' pollers share (bpf/hub.bpf.c). It is pinned in bpffs: the first
 * process that needs it makes it, the last one that leaves removes it. Processes change it with
 * the folder locked (flock).
 */
#ifndef NVRING_LOADER_HUB_H
#define NVRING_LOADER_HUB_H

#include <sys/types.h>

struct hub;

/**
 * hub_join() - have a program run for a process's completions
 * @pid: the process
 * @program_fd: for tp_btf/io_uring_complete; a process has one at a time
 * @ret_hub: set; free with hub_leave()
 *
 * Return: 0 or -errno, where there is no bpffs, it is not ours to change, or the kernel is Linux 7
 * or newer; attach the program by itself then.
 */
int hub_join(pid_t pid, int program_fd, struct hub **ret_hub);

/* hub_sweep() - remove the hook when all who shared it were killed */
void hub_sweep(void);

/* hub_leave() - it runs no more; @hub may be NULL */
void hub_leave(struct hub *hub);

#endif
