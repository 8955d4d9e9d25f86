/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What KVM itself keeps of a vCPU, in struct kvm_vcpu: read where it is needed, so that no hook
 * runs on anybody's way into or out of a guest, and nothing can be missed. Source:
 * include/linux/kvm_host.h.
 *
 * The memory may be another's by the time it is read, once a VM is gone: such a read is harmless
 * (bpf_probe_read_kernel), and what it says is a hint in any case.
 */
#ifndef NVRING_VCPU_LAYOUT_H
#define NVRING_VCPU_LAYOUT_H

#include <linux/types.h>

/* Byte offsets in struct kvm_vcpu. */
struct vcpu_layout {
	__u32 id;	 /* int vcpu_id */
	__u32 cpu;	 /* int: where it runs, or ran */
	__u32 mode;	 /* int: enum vcpu_mode, OUTSIDE_GUEST_MODE or more */
	__u32 thread;	 /* struct pid *: who ran it last */
	__u32 preempted; /* bool: could run, but the host runs something else */
	__u32 halted;	 /* u64 stat.generic.blocking: sleeps until an interrupt comes */
};

/* Where the flag "halted" of each is, is kept by KVM's number of it: BPF's own map nvr_halted_at,
 * as addresses of the kernel's are nobody else's. What is beyond shares its place with another. */
#define VCPU_HALTED_MAX 256U /* a power of two */

#define VCPU_FILE "kvm-vcpu:" /* and its number: the name of a vCPU's file */

#endif
