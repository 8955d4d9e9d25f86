// SPDX-License-Identifier: GPL-2.0-only
#include "place.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "vcpu.h"

#define NEAR_STEPS 16

bool place_choose(const cpu_set_t *allowed, const cpu_set_t *taken, cpu_set_t *ret_set)
{
	cpu_set_t both;

	CPU_AND(&both, allowed, taken);
	CPU_XOR(ret_set, allowed, &both);
	if (CPU_COUNT(ret_set))
		return CPU_COUNT(&both) > 0;
	*ret_set = *allowed;
	return false;
}

/* Whether @now is what we set, or the part of it that a cpuset left. */
static bool is_ours(const cpu_set_t *now, const cpu_set_t *set, const cpu_set_t *allowed)
{
	cpu_set_t left;

	CPU_AND(&left, set, allowed);
	return CPU_EQUAL(now, set) || (CPU_COUNT(&left) && CPU_EQUAL(now, &left));
}

bool place_is_free(const struct place *place, const cpu_set_t *now, const cpu_set_t *allowed)
{
	cpu_set_t within;

	CPU_AND(&within, now, allowed);
	return CPU_EQUAL(&within, allowed) || is_ours(now, &place->set, allowed) ||
	       is_ours(now, &place->last, allowed);
}

/* Those where a vCPU was seen lately: one that is about to come back is no reason to move twice. */
static void taken_cpus(struct place *place, const struct vcpus *vcpus, cpu_set_t *ret_now,
		       cpu_set_t *ret_lately)
{
	CPU_ZERO(ret_now);
	CPU_ZERO(ret_lately);
	for (uint32_t i = 0; i < vcpus->count; i++) {
		int cpu = vcpus->list[i].cpu;

		if (cpu < 0 || cpu >= CPU_SETSIZE)
			continue;
		CPU_SET(cpu, ret_now);
		place->seen[cpu] = PLACE_MEMORY;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!place->seen[cpu])
			continue;
		CPU_SET(cpu, ret_lately);
		place->seen[cpu]--;
	}
}

/* Every thread but the main one. Kernel threads of our rings are among them. */
static void apply(struct place *place, const cpu_set_t *allowed)
{
	struct dirent *entry;
	char path[64];
	cpu_set_t now;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)getpid());
	dir = opendir(path);
	place->left_alone = 0;
	while (dir && (entry = readdir(dir))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread <= 0 || thread == getpid() ||
		    sched_getaffinity(thread, sizeof(now), &now) || CPU_EQUAL(&now, &place->set))
			continue;
		/* One that ends meanwhile, or that the kernel keeps where it is, is no matter. */
		if (!place_is_free(place, &now, allowed))
			place->left_alone++;
		else if (sched_setaffinity(thread, sizeof(place->set), &place->set))
			log_debug("thread %d stays where it is: %m", (int)thread);
	}
	if (dir)
		closedir(dir);
}

static void set_to(struct place *place, const cpu_set_t *set, bool in_force)
{
	char text[128];

	if (!CPU_EQUAL(set, &place->set)) {
		place->last = place->set;
		place->set = *set;
	}
	if (!in_force && !place->in_force)
		return;
	place->moves++;
	place->in_force = in_force;
	place_text(set, text, sizeof(text));
	log_debug("placement: CPUs %s", text);
}

/* From what is best to what is better than nothing. */
static bool choose(struct place *place, const struct drive_irqs *irqs, const cpu_set_t *allowed,
		   const cpu_set_t *now, const cpu_set_t *lately, cpu_set_t *ret_set)
{
	cpu_set_t both;

	/* Interrupts seldom move, and there may be many. */
	if (!(place->steps++ % NEAR_STEPS) || !CPU_EQUAL(lately, &place->near_to)) {
		place->near_to = *lately;
		drive_irqs_near(irqs, lately, &place->near);
	}
	CPU_OR(&both, lately, &place->near);
	return place_choose(allowed, &both, ret_set) || place_choose(allowed, lately, ret_set) ||
	       place_choose(allowed, now, ret_set);
}

void place_step(struct place *place, const struct vcpus *vcpus, const struct drive_irqs *irqs)
{
	cpu_set_t allowed, now, lately, set;
	bool was = place->in_force, in_force;

	if (sched_getaffinity(getpid(), sizeof(allowed), &allowed))
		return;
	taken_cpus(place, vcpus, &now, &lately);
	in_force = choose(place, irqs, &allowed, &now, &lately, &set);
	if (in_force != place->in_force || !CPU_EQUAL(&set, &place->set))
		set_to(place, &set, in_force);
	/* Threads come and go, so also where nothing changed. */
	if (was || in_force)
		apply(place, &allowed);
}

void place_end(struct place *place)
{
	cpu_set_t allowed;

	memset(place->seen, 0, sizeof(place->seen));
	if (!place->in_force || sched_getaffinity(getpid(), sizeof(allowed), &allowed))
		return;
	set_to(place, &allowed, false);
	apply(place, &allowed);
}

void place_text(const cpu_set_t *set, char *ret_text, size_t size)
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE && used + 16 < size; cpu++) {
		int end = cpu;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (end + 1 < CPU_SETSIZE && CPU_ISSET(end + 1, set))
			end++;
		used += (size_t)snprintf(ret_text + used, size - used, "%s%d", used ? "," : "",
					 cpu);
		if (end > cpu && used + 8 < size)
			used += (size_t)snprintf(ret_text + used, size - used, "-%d", end);
		cpu = end;
	}
}
