/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system calls that serving a VM takes, and no others (seccomp).
 *
 * A refused call fails, with a line in the kernel's log (audit), rather than that it kills: a
 * library that tries something new must not take the guest's disk away. What is not known here
 * fails with ENOSYS, as on a kernel that is too old, which libraries bear; what is known and has
 * other arguments than ours, with EPERM.
 *
 * io_uring's requests are no system calls: of those, Landlock keeps away files, and a network
 * namespace without a network the network.
 */
#ifndef NVRING_SYSCALL_FILTER_H
#define NVRING_SYSCALL_FILTER_H

/* Of bpf(), whatever CAP_SYS_ADMIN would allow, which passthrough keeps. */
enum bpf_calls {
	BPF_CALLS_NONE,
	BPF_CALLS_USE, /* maps, programs and links that another process loaded and handed over */
	BPF_CALLS_LOAD,
};

/**
 * syscall_filter_install() - for this thread and those it starts, for good
 * @bpf: which calls of bpf()
 *
 * After PR_SET_NO_NEW_PRIVS. Return: 0; -ENOSYS or -EINVAL where the kernel has no seccomp, or
 * -errno.
 */
int syscall_filter_install(enum bpf_calls bpf);

#endif
