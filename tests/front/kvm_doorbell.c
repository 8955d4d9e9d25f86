// SPDX-License-Identifier: GPL-2.0-only
#include "kvm_doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define GUEST_CODE 0x1000 /* where the guest's first page is */
#define GUEST_PORT 0x2000 /* and its second: the port to write to */
#define PORT_BASE  0x4000 /* of queue 0; each has two bytes */
#define FLAGS_NONE 2	  /* RFLAGS: the bit that is always set; no interrupts */

struct kvm_doorbell {
	int vm, vcpu;
	struct kvm_run *run;
	size_t run_bytes;
	char *pages; /* two: emulators are slow when code shares its page with what changes */
};

/* Real mode: load the port's number, write to it, stop; and again from the start. */
static const unsigned char code[] = {
	0x8b, 0x16, GUEST_PORT & 0xff, GUEST_PORT >> 8, /* mov dx, [] */
	0xef,						/* out dx, ax */
	0xf4,						/* hlt */
	0xeb, 0xf8,					/* jmp code */
};

static int must(int result, const char *what)
{
	if (result < 0)
		die("%s: %s", what, strerror(errno));
	return result;
}

static void *must_map(size_t bytes, int flags, int fd, off_t offset, void *at, const char *what)
{
	void *memory = mmap(at, bytes, PROT_READ | PROT_WRITE, flags, fd, offset);

	if (memory == MAP_FAILED)
		die("%s: %s", what, strerror(errno));
	return memory;
}

static void start_vcpu(struct kvm_doorbell *doorbell, int kvm)
{
	struct kvm_userspace_memory_region region = { .guest_phys_addr = GUEST_CODE,
						      .memory_size = 2 * PAGE_BYTES };
	struct kvm_regs regs = { .rip = GUEST_CODE, .rflags = FLAGS_NONE };
	struct kvm_sregs sregs;

	doorbell->vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	doorbell->pages =
		must_map(2 * PAGE_BYTES, MAP_SHARED | MAP_ANONYMOUS, -1, 0, NULL, "guest");
	memcpy(doorbell->pages, code, sizeof(code));
	region.userspace_addr = (uintptr_t)doorbell->pages;
	must(ioctl(doorbell->vm, KVM_SET_USER_MEMORY_REGION, &region),
	     "KVM_SET_USER_MEMORY_REGION");
	doorbell->vcpu = must(ioctl(doorbell->vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	doorbell->run_bytes =
		(size_t)must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	doorbell->run =
		must_map(doorbell->run_bytes, MAP_SHARED, doorbell->vcpu, 0, NULL, "kvm_run");
	must(ioctl(doorbell->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	must(ioctl(doorbell->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(doorbell->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

void kvm_doorbell_open(struct front *front, int paged_in)
{
	const int flags = MAP_SHARED | MAP_FIXED_NOREPLACE | (paged_in ? MAP_POPULATE : 0);
	struct kvm_doorbell *doorbell = calloc(1, sizeof(*doorbell));
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");

	if (!doorbell)
		die("no memory");
	start_vcpu(doorbell, kvm);
	close(kvm);
	for (uint32_t i = 0; i < front->regions; i++) {
		const struct front_region *region = &front->region[i];

		must_map(region->size, flags, region->fd, (off_t)region->offset,
			 (void *)(FRONT_USER_BASE + region->gpa), "guest memory");
	}
	for (uint32_t i = 0; i < front->queue_count; i++) {
		struct kvm_ioeventfd event = { .addr = PORT_BASE + 2 * i,
					       .len = 2,
					       .fd = front->queue[i].kick_fd,
					       .flags = KVM_IOEVENTFD_FLAG_PIO };

		must(ioctl(doorbell->vm, KVM_IOEVENTFD, &event), "KVM_IOEVENTFD");
	}
	front->doorbell = doorbell;
}

void kvm_doorbell_ring(struct kvm_doorbell *doorbell, uint32_t index)
{
	uint16_t port = (uint16_t)(PORT_BASE + 2 * index);
	int ret;

	memcpy(doorbell->pages + PAGE_BYTES, &port, sizeof(port));
	do
		ret = ioctl(doorbell->vcpu, KVM_RUN, 0);
	while (ret < 0 && errno == EINTR);
	must(ret, "KVM_RUN");
	if (doorbell->run->exit_reason != KVM_EXIT_HLT)
		die("queue %u: the vCPU left with exit reason %u, not having rung", index,
		    doorbell->run->exit_reason);
}

void kvm_doorbell_close(struct front *front)
{
	struct kvm_doorbell *doorbell = front->doorbell;

	if (!doorbell)
		return;
	munmap(doorbell->run, doorbell->run_bytes);
	close(doorbell->vcpu);
	close(doorbell->vm);
	munmap(doorbell->pages, 2 * PAGE_BYTES);
	for (uint32_t i = 0; i < front->regions; i++)
		munmap((void *)(FRONT_USER_BASE + front->region[i].gpa), front->region[i].size);
	free(doorbell);
	front->doorbell = NULL;
}
