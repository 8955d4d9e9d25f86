/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vCPUs of a front-end: where each is and what it does, as KVM has it (include/vcpu_layout.h).
 * Looking costs those who look, and nobody else.
 */
#ifndef NVRING_VCPU_H
#define NVRING_VCPU_H

#include <stdint.h>
#include <sys/types.h>

#include "load/loader.h"

#define VCPU_COUNT_MAX 256 /* those beyond are not seen */
#define VCPU_STATE_MAX 16

struct pins;

struct vcpu {
	uint32_t id;		    /* KVM's number */
	uint32_t thread;	    /* that ran it last, in the first PID namespace; 0: none did */
	uint32_t process;	    /* the front-end's, likewise */
	int cpu;		    /* where it runs or ran last; below 0: nowhere yet */
	char state[VCPU_STATE_MAX]; /* "guest", "host", "halted" or "preempted" */
};

struct vcpus {
	int link_fd; /* of the iterator */
	struct pins *pins;
	uint32_t count; /* at the last look */
	struct vcpu list[VCPU_COUNT_MAX];
};

/**
 * vcpus_open() - be able to look
 * @loader: of the VM
 * @pid: the front-end's process
 * @pins: people find what we read there as "vcpus"; may be NULL
 * @ret_vcpus: set; free with vcpus_close()
 * @ret_why: why not, where it fails
 *
 * Return: 0 or -errno: KVM is not loaded, or the kernel refuses.
 */
int vcpus_open(struct loader *loader, pid_t pid, struct pins *pins, struct vcpus **ret_vcpus,
	       char ret_why[WHY_BYTES]);

/* vcpus_close() - may be NULL */
void vcpus_close(struct vcpus *vcpus);

/* vcpus_look() - fill the list anew; 0 or -errno, which leaves it empty */
int vcpus_look(struct vcpus *vcpus);

/* vcpus_find() - the one that a thread runs, or NULL */
const struct vcpu *vcpus_find(const struct vcpus *vcpus, uint32_t thread);

#endif
