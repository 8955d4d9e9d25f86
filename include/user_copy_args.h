/* SPDX-License-Identifier: GPL-2.0-only */
/* What bpf/user_copy.bpf.c and loader/engine/user_copy.c tell each other. */
#ifndef NVRING_USER_COPY_ARGS_H
#define NVRING_USER_COPY_ARGS_H

#include <linux/types.h>

#define USER_COPY_ROUND 2000U /* copies in one run of a program */

/* Argument of the programs, and what the reading one found. */
struct user_copy_args {
	__u64 address; /* of eight bytes in the calling process */
	__u32 halves;  /* 1: copy four bytes at a time */
	__u32 changes; /* between one copy and the next */
	__u32 torn;    /* copies that were a mixture of two values */
	__u32 reserved;
};

#endif
