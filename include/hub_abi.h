/* SPDX-License-Identifier: GPL-2.0-only */
/* What processes of different versions have in common: bpf/hub.bpf.c. It cannot change. */
#ifndef NVRING_HUB_ABI_H
#define NVRING_HUB_ABI_H

#include <linux/types.h>

#define HUB_SLOTS 4096U

/* Who has a slot: a pid, and the inode of the PID namespace in which it is that. */
struct hub_owner {
	__u32 pid;
	__u32 reserved;
	__u64 pid_namespace;
};

#endif
