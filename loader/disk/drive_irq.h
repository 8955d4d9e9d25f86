/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which CPU an NVMe drive interrupts for commands that a CPU gave it. Each CPU has its own queue
 * and interrupt where the drive has enough; else CPUs share one, which interrupts one of them.
 */
#ifndef NVRING_DRIVE_IRQ_H
#define NVRING_DRIVE_IRQ_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

#define DRIVE_QUEUES_MAX 256

struct drive_irqs {
	uint32_t count;		       /* of the drive's queues; 0: nothing is known of them */
	int irq[DRIVE_QUEUES_MAX];     /* by queue; 0: it has none */
	int16_t queue_of[CPU_SETSIZE]; /* by CPU; -1: none */
};

/**
 * drive_irqs_find() - from sysfs
 * @disk: number of the whole disk; 0 for none
 * @ret_irqs: filled; empty for what is no drive on PCI, or behind multipath
 */
void drive_irqs_find(dev_t disk, struct drive_irqs *ret_irqs);

/* drive_irq_cpu() - the CPU that an interrupt goes to now, -1 when that is not known */
int drive_irq_cpu(int irq);

/* drive_irqs_near() - the CPUs whose commands make the drive interrupt one of @taken, now */
void drive_irqs_near(const struct drive_irqs *irqs, const cpu_set_t *taken, cpu_set_t *ret_near);

#endif
