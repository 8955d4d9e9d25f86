/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Doorbells as a guest rings them: a vCPU writes to a port, and KVM signals the queue's eventfd
 * (KVM_IOEVENTFD) in that vCPU's context. The guest is three instructions; all else of it is the
 * test's own code. So a test has doorbells that go through KVM, on any number of queues, without
 * booting anything.
 */
#ifndef NVRING_KVM_DOORBELL_H
#define NVRING_KVM_DOORBELL_H

#include "front.h"

/**
 * kvm_doorbell_open() - have a vCPU ring the doorbells of a front-end's queues
 * @front: started; its memory is mapped at its user addresses from now on, as a VMM has it
 * @paged_in: and it is there, as a guest that reaches its memory makes it be: nothing else here
 * does
 *
 * Ends the program where KVM cannot be had. One thread at a time may ring.
 */
void kvm_doorbell_open(struct front *front, int paged_in);

/* kvm_doorbell_ring() - VM entry, the port write of queue @index, VM exit */
void kvm_doorbell_ring(struct kvm_doorbell *doorbell, uint32_t index);

/* kvm_doorbell_close() - nothing when there is none */
void kvm_doorbell_close(struct front *front);

#endif
