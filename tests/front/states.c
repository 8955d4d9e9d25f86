// SPDX-License-Identifier: GPL-2.0-only
/*
 * states SOCKET CPU CPU: a front-end whose vCPUs are in known states, until its standard input
 * ends:
 *
 *     vCPU 0 is halted, 1 runs alone on the first CPU, 2 and 3 share the second, so that one of
 * them is preempted at any time, 4 was never run.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "front.h"

#define PAGE_BYTES 4096
#define GUEST_HALT 0x1000
#define GUEST_SPIN 0x1010
#define FLAGS_NONE 2 /* RFLAGS: the bit that is always set; no interrupts */
#define VCPUS	   5

static const unsigned char halt[] = { 0xf4, 0xeb, 0xfd }; /* hlt; jmp */
static const unsigned char spin[] = { 0xeb, 0xfe };	  /* jmp */

struct state {
	uint64_t start; /* 0: it does not run */
	int cpu, fd;	/* cpu -1: anywhere */
	pthread_t thread;
};

static int must(int result, const char *what)
{
	if (result < 0)
		die("%s: %s", what, strerror(errno));
	return result;
}

static void *run(void *argument)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	struct state *state = argument;
	struct kvm_regs regs = { .rip = state->start, .rflags = FLAGS_NONE };
	struct kvm_sregs sregs;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)state->cpu, &cpus);
	if (state->cpu >= 0)
		must(sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
	must(ioctl(state->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	must(ioctl(state->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(state->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	must(ioctl(state->fd, KVM_SET_MP_STATE, &runnable), "KVM_SET_MP_STATE");
	must(ioctl(state->fd, KVM_RUN, 0), "KVM_RUN");
	die("a vCPU came back");
}

static int make_vm(void)
{
	struct kvm_userspace_memory_region region = { .guest_phys_addr = GUEST_HALT,
						      .memory_size = PAGE_BYTES };
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	char *page =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		die("guest: %s", strerror(errno));
	memcpy(page, halt, sizeof(halt));
	memcpy(page + (GUEST_SPIN - GUEST_HALT), spin, sizeof(spin));
	region.userspace_addr = (uintptr_t)page;
	/* Without a local APIC in the kernel a halt would leave it. */
	must(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	close(kvm);
	return vm;
}

int main(int argc, char **argv)
{
	static struct front front;
	static struct state states[VCPUS];
	char byte;
	int vm;

	if (argc != 4)
		die("usage: states SOCKET CPU CPU");
	vm = make_vm();
	states[0] = (struct state){ .start = GUEST_HALT, .cpu = -1 };
	states[1] = (struct state){ .start = GUEST_SPIN, .cpu = atoi(argv[2]) };
	states[2] = states[3] = (struct state){ .start = GUEST_SPIN, .cpu = atoi(argv[3]) };
	for (int i = 0; i < VCPUS; i++) {
		states[i].fd = must(ioctl(vm, KVM_CREATE_VCPU, i), "KVM_CREATE_VCPU");
		if (states[i].start && pthread_create(&states[i].thread, NULL, run, &states[i]))
			die("no thread");
	}
	front_connect(&front, argv[1]);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(0);
}
