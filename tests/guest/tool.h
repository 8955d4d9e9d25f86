/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs for guests have in common. */
#ifndef GUEST_TOOL_H
#define GUEST_TOOL_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TOOL_JOBS_MAX  64U
#define TOOL_SECOND_NS 1000000000ULL
#define TOOL_MIX       0x9E3779B97F4A7C15ULL /* odd, with its bits all over */

/* now() - CLOCK_MONOTONIC, ns */
static inline uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * TOOL_SECOND_NS + (uint64_t)time.tv_nsec;
}

/* next_random() - of a sequence that begins with any number but 0, such as TOOL_MIX */
static inline uint64_t next_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* stay_on() - keep this thread on a CPU; where there is none of that number it stays anywhere */
static inline void stay_on(uint32_t cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

/* number() - an argument from 1 to @most; anything else is misuse, and ends the program */
static inline uint32_t number(const char *text, uint32_t most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !value || value > most) {
		fprintf(stderr, "%s: %s is not a number from 1 to %u\n",
			program_invocation_short_name, text, most);
		exit(2);
	}
	return (uint32_t)value;
}

#endif
