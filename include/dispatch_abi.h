/* SPDX-License-Identifier: GPL-2.0-only */
/* What vCPU dispatch (bpf/dispatch.bpf.c) is told of the front-end while it runs. */
#ifndef NVRING_DISPATCH_ABI_H
#define NVRING_DISPATCH_ABI_H

#include <linux/types.h>

#define DISPATCH_FRONT_SECTION ".data.front" /* the map's name, too */

struct dispatch_front {
	__u64 view;    /* its address of guest memory minus the daemon's, for all of it */
	__u32 process; /* whose vCPUs ring */
	__u32 reserved;
};

#endif
