// SPDX-License-Identifier: GPL-2.0-only
#include "thread.h"

#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "log.h"

void thread_name(const char *format, ...)
{
	char name[16];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	prctl(PR_SET_NAME, name);
}

void thread_pin(pthread_t thread, int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(thread, sizeof(set), &set))
		log_warn("a thread cannot run on CPU %d, check --cpu-list against the cpuset", cpu);
}
