/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where KVM notes that a vCPU of the front-end's is halted: kernel addresses, by VCPU_HALTED_MAX's
 * numbers; 0: not known. What looks at vCPUs writes them (vcpu.bpf.c), before a queue is told of
 * one.
 */
#ifndef NVRING_HALTED_AT_H
#define NVRING_HALTED_AT_H

#include "vcpu_layout.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VCPU_HALTED_MAX);
	__type(key, __u32);
	__type(value, __u64);
} nvr_halted_at SEC(".maps");

/* halted_at() - the flag of a vCPU by its number plus one; 0 where nobody is to look */
static __always_inline int halted_at(__u32 vcpu)
{
	__u32 index = (vcpu - 1) % VCPU_HALTED_MAX;
	__u64 *at = vcpu ? bpf_map_lookup_elem(&nvr_halted_at, &index) : (void *)0;
	__u8 flag = 0;

	if (at && *at)
		bpf_probe_read_kernel(&flag, sizeof(flag), (void *)*at);
	return flag;
}

#endif
