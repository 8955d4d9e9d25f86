/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BPF build of the request code is given, and what it makes of it: the value of a map. */
#ifndef NVRING_UNIT_REQUEST_PROBE_H
#define NVRING_UNIT_REQUEST_PROBE_H

#include "plain.h"
#include "vring_window.h"

struct request_probe {
	__s32 result; /* of request_parse(), or plain_parse() */
	__s32 step;   /* of command_next(), where the request is pending */
	struct queue_state queue;
	struct vring_window window;
	struct disk disk;
	struct guest_memory memory;
	struct chain_table table;
	struct request request;
	struct vring_desc first; /* plain_parse() is given this */
	struct plain plain;
	__u8 region[VRING_REGION_BYTES]; /* the vring */
};

#endif
