/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trials behind the rows of `nvring features`.
 *
 * Each returns 1 when it worked, 0 when the thing does not exist here, or -errno when the kernel
 * said no; and may put a few words into @detail, which is empty at the start.
 */
#ifndef NVRING_FEATURE_PROBE_H
#define NVRING_FEATURE_PROBE_H

#include <stddef.h>
#include <stdint.h>

/* feature_ring.c: io_uring */
int probe_io_uring(char *detail, size_t size);
int probe_defer_taskrun(char *detail, size_t size);
int probe_big_entries(char *detail, size_t size);
int probe_uring_cmd(char *detail, size_t size);
int probe_user_rings(char *detail, size_t size);
int probe_sqpoll(char *detail, size_t size);
int probe_region(char *detail, size_t size);

/* feature_bpf.c: BPF */
int probe_btf_vmlinux(char *detail, size_t size);
int probe_btf_kvm(char *detail, size_t size);
int probe_btf_nvme(char *detail, size_t size);
int probe_bpf(char *detail, size_t size);
int probe_tp_complete(char *detail, size_t size);
int probe_fentry_kick(char *detail, size_t size);
int probe_read_user(char *detail, size_t size);
int probe_write_user(char *detail, size_t size);
int probe_whole_copy(char *detail, size_t size);
int probe_uptr(char *detail, size_t size);
int probe_bpf_loop(char *detail, size_t size);
int probe_bpf_lsm(char *detail, size_t size);

/* feature_machine.c: policy and devices */
int probe_no_lockdown(char *detail, size_t size);
int probe_kvm(char *detail, size_t size);
int probe_nvme(char *detail, size_t size);

/**
 * probe_ring_loop() - a ring as the loop engine has it
 *
 * Return: its fd, or -errno.
 */
int probe_ring_loop(void);

/**
 * probe_ring_wait() - enter the kernel on a ring and wait for no completion
 * @ring_fd: from probe_ring_loop()
 *
 * Return: 0 or -errno.
 */
int probe_ring_wait(int ring_fd);

/**
 * probe_ring_complete() - let one NOP complete in a ring of its own
 * @user_data: of the NOP
 *
 * Return: 0 or -errno.
 */
int probe_ring_complete(uint64_t user_data);

/**
 * probe_ring_command() - send an IORING_OP_URING_CMD to /dev/null
 * @ret_result: cqe->res
 *
 * Return: 0 or -errno.
 */
int probe_ring_command(int *ret_result);

#endif
