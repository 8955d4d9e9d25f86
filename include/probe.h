/* SPDX-License-Identifier: GPL-2.0-only */
/* What bpf/probe.bpf.c and loader/cmd/feature_bpf.c tell each other. */
#ifndef NVRING_PROBE_H
#define NVRING_PROBE_H

#include <linux/types.h>

#define PROBE_USER_DATA 0x6e7672696e67ULL /* of the request whose completion is looked for */
#define PROBE_REFUSAL	88		  /* errno no kernel path gives a NOP command: ENOTSOCK */

/* Argument of the programs run by BPF_PROG_TEST_RUN. */
struct probe_args {
	__u64 address; /* in the calling process */
	__u64 value;
};

/* What a __uptr points to; the front of a page. */
struct probe_page {
	__u64 word;
};

#endif
