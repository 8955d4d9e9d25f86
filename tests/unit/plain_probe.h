/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BPF build of plain_parse() is given, and what it makes of it: the value of a map. */
#ifndef NVRING_UNIT_PLAIN_PROBE_H
#define NVRING_UNIT_PLAIN_PROBE_H

#include "plain.h"

struct plain_probe {
	__s32 result; /* of plain_parse() */
	__u32 reserved;
	struct disk disk;
	struct guest_memory memory;
	struct vring_desc first;
	struct plain plain;
};

#endif
