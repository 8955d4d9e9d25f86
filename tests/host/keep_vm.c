// SPDX-License-Identifier: GPL-2.0-only
/*
 * keep_vm: an empty KVM VM, for as long as the test host lives.
 *
 * With its first VM and its last KVM patches the scheduler's own code (preempt_notifier_key,
 * virt/kvm/kvm_main.c), by way of an int3. QEMU translates code while another of its threads
 * writes to it, and may so keep the int3 and run it once it is gone (see tests/host/run): one such
 * patch in some thousand stops the test host. While there is a VM, none is the first or the last.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
		perror("keep_vm: /dev/kvm");
		return 1;
	}
	if (daemon(0, 0)) /* who started it may go on */
		return 1;
	for (;;)
		pause();
}
