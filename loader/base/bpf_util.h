/* SPDX-License-Identifier: GPL-2.0-only */
/* libbpf with our cleanup attributes and log. */
#ifndef NVRING_BPF_UTIL_H
#define NVRING_BPF_UTIL_H

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "util.h"

static inline void link_freep(struct bpf_link **link)
{
	bpf_link__destroy(*link);
}

static inline void btf_freep(struct btf **btf)
{
	btf__free(*btf);
}

#define _cleanup_link_ _cleanup_(link_freep)
#define _cleanup_btf_  _cleanup_(btf_freep)

/**
 * bpf_log_quietly() - what libbpf and the verifier say becomes debug lines
 *
 * A refusal is an answer here (another engine serves), not an error.
 */
void bpf_log_quietly(void);

/**
 * bpf_complete_arguments() - arguments of the io_uring_complete tracepoint
 *
 * Return: 3 where it has the CQE, more where it has the CQE's fields (Linux 6.12), 0 where there
 * is none or no BTF.
 */
int bpf_complete_arguments(void);

/**
 * bpf_tracepoints_preempt() - whether a program at a tracepoint can be preempted (Linux 7.0)
 *
 * The kernel then skips it for whoever comes to that tracepoint on that CPU meanwhile. Nothing but
 * the version tells.
 */
bool bpf_tracepoints_preempt(void);

/**
 * bpf_member_offset() - where a struct has a member
 * @btf: the types
 * @type: number of the struct in them
 * @path: the member's name, or names of members within members, by dots
 * @ret_offset: in bytes
 *
 * Return: 0, -ENOENT where it has no such member, or -ENOMEM.
 */
int bpf_member_offset(const struct btf *btf, int type, const char *path, uint32_t *ret_offset);

/* bpf_has_uptr() - whether this kernel has __uptr map fields (Linux 6.13) */
bool bpf_has_uptr(void);

/**
 * bpf_own_tgid() - this process as BPF programs see it: its pid in the initial PID namespace
 *
 * That is not what getpid() tells in a container. Return: the number; getpid() where the kernel
 * does not let BPF be asked.
 */
uint32_t bpf_own_tgid(void);

#endif
