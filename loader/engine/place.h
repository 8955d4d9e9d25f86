/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Placement: on which CPUs the threads that serve a VM run. A drive interrupts the CPU that gave it
 * the command, so where they are is where its interrupts are.
 *
 * They are kept off the CPUs of the VM's vCPUs, and where there is a choice off those that share
 * one's queue of the drive and so its interrupt, too. They are left alone where somebody has pinned
 * them: what is narrower than the process's own affinity, and not of our doing, is somebody's
 * choice. The main thread, which serves nothing, keeps its affinity: it tells what the process is
 * allowed, by taskset as by cpusets.
 */
#ifndef NVRING_PLACE_H
#define NVRING_PLACE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "disk/drive_irq.h"

struct vcpus;

#define PLACE_MEMORY 5 /* steps for which a CPU counts as a vCPU's that was seen there */

struct place {
	bool in_force;		   /* threads are kept off some CPUs */
	cpu_set_t set, last;	   /* where they may run, and might before */
	uint8_t seen[CPU_SETSIZE]; /* steps left */
	cpu_set_t near, near_to;   /* CPUs whose commands interrupt near_to: drive_irqs_near() */
	uint32_t steps;
	uint64_t moves;	     /* changes of the set so far */
	uint64_t left_alone; /* threads that somebody else has pinned, at the last step */
};

/**
 * place_step() - look where the vCPUs are, and have our threads elsewhere
 * @place: zeroed at first
 * @vcpus: just looked at
 * @irqs: of the drive
 *
 * Control thread, once a second or so. Where vCPUs are everywhere, threads run as they like.
 */
void place_step(struct place *place, const struct vcpus *vcpus, const struct drive_irqs *irqs);

/* place_end() - our threads may run wherever the process may */
void place_end(struct place *place);

/**
 * place_choose() - the CPUs to run on
 * @allowed: those the process may use
 * @taken: those of vCPUs
 * @ret_set: filled: allowed and not taken; or @allowed, when that is none
 *
 * Return: whether some are left out.
 */
bool place_choose(const cpu_set_t *allowed, const cpu_set_t *taken, cpu_set_t *ret_set);

/**
 * place_is_free() - whether a thread's affinity is nobody's choice
 * @place: what was ours
 * @now: the thread's
 * @allowed: the process's
 */
bool place_is_free(const struct place *place, const cpu_set_t *now, const cpu_set_t *allowed);

/* place_text() - the set as "0,2-3", cut at @size */
void place_text(const cpu_set_t *set, char *ret_text, size_t size);

#endif
