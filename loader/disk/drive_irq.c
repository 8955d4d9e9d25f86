// SPDX-License-Identifier: GPL-2.0-only
#include "drive_irq.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/sysfs.h"

#define LIST_BYTES 4096

/* In sysfs: a namespace with its queues, and the drive's function on PCI. */
struct places {
	char block[PATH_MAX / 2], pci[PATH_MAX / 2];
};

/* "nvme0", not what lies on it. */
static bool is_controller(const char *name)
{
	unsigned int number;
	int end = 0;

	return sscanf(name, "nvme%u%n", &number, &end) == 1 && end && !name[end];
}

/* "nvme0c0n1": a namespace by the way of one controller. All of them have the same queues. */
static bool is_path(const char *name)
{
	unsigned int number;

	return sscanf(name, "nvme%uc%un%u", &number, &number, &number) == 3;
}

/* How many names of a folder are so; the last of them is added to @path. */
static uint32_t descend(char *path, size_t size, bool (*is)(const char *name))
{
	size_t end = strlen(path);
	struct dirent *entry;
	uint32_t count = 0;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		if (!is(entry->d_name))
			continue;
		snprintf(path + end, size - end, "/%s", entry->d_name);
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

/* With the driver's multipath there is a device above the paths; of several, any may be taken. */
static bool find_places(dev_t disk, struct places *ret_places)
{
	/* cppcheck takes an array's address for a look into it. */
	// cppcheck-suppress ctuuninitvar
	char *block = ret_places->block, *pci = ret_places->pci;
	size_t size = sizeof(ret_places->block);

	snprintf(block, size, "/sys/dev/block/%u:%u", major(disk), minor(disk));
	snprintf(pci, size, "/sys/dev/block/%u:%u/mq", major(disk), minor(disk));
	if (!access(pci, F_OK)) {
		snprintf(pci, size, "/sys/dev/block/%u:%u/device/device", major(disk), minor(disk));
		return true;
	}
	snprintf(block, size, "/sys/dev/block/%u:%u/device", major(disk), minor(disk));
	if (descend(block, size, is_controller) != 1)
		return false;
	snprintf(pci, size, "%.*s/device", (int)size - 16, block);
	return descend(block, size, is_path) > 0;
}

/* "0, 1, 5": the CPUs of a queue, as the block layer lists them. */
static void take_cpus(struct drive_irqs *irqs, int16_t queue, char *list)
{
	for (char *rest = list, *cpu; (cpu = strsep(&rest, ","));) {
		long number = strtol(cpu, NULL, 10);

		if (number >= 0 && number < CPU_SETSIZE)
			irqs->queue_of[number] = queue;
	}
}

/* The drive's queue that an interrupt is for, by its folder's name, "nvme0q1": 0 is the admin's. */
static int queue_of_irq(int irq)
{
	unsigned int queue = 0, controller;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/irq/%d", irq);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "nvme%uq%u", &controller, &queue) == 2)
			break;
	if (dir)
		closedir(dir);
	return (int)queue;
}

static void find_irqs(const struct places *places, struct drive_irqs *irqs)
{
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/msi_irqs", places->pci);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		int irq = (int)strtol(entry->d_name, NULL, 10);
		int queue = irq > 0 ? queue_of_irq(irq) : 0;

		if (queue > 0 && queue <= DRIVE_QUEUES_MAX)
			irqs->irq[queue - 1] = irq;
	}
	if (dir)
		closedir(dir);
}

void drive_irqs_find(dev_t disk, struct drive_irqs *ret_irqs)
{
	struct places places;
	char list[LIST_BYTES];

	memset(ret_irqs, 0, sizeof(*ret_irqs));
	memset(ret_irqs->queue_of, -1, sizeof(ret_irqs->queue_of));
	if (!disk || !find_places(disk, &places))
		return;
	/* The driver's queue N is the block layer's N - 1. */
	while (ret_irqs->count < DRIVE_QUEUES_MAX &&
	       !sysfs_read(list, sizeof(list), "%s/mq/%u/cpu_list", places.block, ret_irqs->count))
		take_cpus(ret_irqs, (int16_t)ret_irqs->count++, list);
	find_irqs(&places, ret_irqs);
}

int drive_irq_cpu(int irq)
{
	uint64_t cpu = sysfs_number(CPU_SETSIZE, "/proc/irq/%d/effective_affinity_list", irq);

	return cpu < CPU_SETSIZE ? (int)cpu : -1;
}

void drive_irqs_near(const struct drive_irqs *irqs, const cpu_set_t *taken, cpu_set_t *ret_near)
{
	bool near[DRIVE_QUEUES_MAX] = { false };

	CPU_ZERO(ret_near);
	for (uint32_t i = 0; i < irqs->count; i++) {
		int cpu = irqs->irq[i] ? drive_irq_cpu(irqs->irq[i]) : -1;

		near[i] = cpu >= 0 && CPU_ISSET(cpu, taken);
	}
	for (int cpu = 0; cpu < CPU_SETSIZE && irqs->count; cpu++)
		if (irqs->queue_of[cpu] >= 0 && near[irqs->queue_of[cpu]])
			CPU_SET(cpu, ret_near);
}
