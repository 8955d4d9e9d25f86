/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steering, the slow part: every one to four seconds, while a VM does I/O, look at its vCPUs
 * (vcpu.h), learn which of them rings which queue, tell BPF where to look when it decides about
 * interrupts (bpf/direct_complete.h), and keep threads off their CPUs (place.h). Without it
 * everything works. Control thread only.
 */
#ifndef NVRING_STEER_H
#define NVRING_STEER_H

#include <json.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

struct vhost_queue;
struct vm;

/* steer_open() - for vm->steer, which is NULL before; 0 or -errno */
int steer_open(sd_event *event, struct vm *vm);

/* steer_close() - may be called without steer_open() */
void steer_close(struct vm *vm);

/* steer_front_changed() - a front-end has connected, or left */
void steer_front_changed(struct vm *vm);

/* Switches, from now on. */
void steer_set_wake_halted(struct vm *vm, bool on);
void steer_set_placement(struct vm *vm, bool on);

/* steer_add_json() - "vcpus" as they are now, or "vcpus_why" not; switches and "placement" */
void steer_add_json(struct vm *vm, struct json_object *object);

/* steer_vcpu() - the number of the vCPU that rings a queue's doorbell; -1: not known */
int steer_vcpu(const struct vhost_queue *queue);

#endif
