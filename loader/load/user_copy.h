/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether BPF's helpers that copy user memory can be trusted with a vring's indices.
 *
 * How the kernel copies depends on its version and the CPU: word by word, or by an instruction that
 * promises nothing. A used index written in two pieces goes back for a moment, which breaks the
 * guest's queue. So it is tried, on this machine, before an engine relies on it.
 */
#ifndef NVRING_USER_COPY_H
#define NVRING_USER_COPY_H

#include <stdbool.h>
#include <stddef.h>

/**
 * user_copy_whole() - try that both helpers copy eight aligned bytes in one piece
 * @detail: filled with what was seen, when the return value is 0
 * @size: room in @detail
 *
 * Takes 200 ms, and two CPUs, until it was seen once. Control thread only.
 * Return: 1 when they do; 0 when not, or when it could not be seen; -errno when the kernel refuses
 * a helper, as it does bpf_probe_write_user() with lockdown=integrity.
 */
int user_copy_whole(char *detail, size_t size);

/**
 * user_copy_try() - one of its trials
 * @write: bpf_probe_write_user(), else bpf_probe_read_user()
 * @halves: copy four bytes at a time, as a proof that the trial sees that
 * @detail: as above
 * @size: as above
 *
 * Return: as above.
 */
int user_copy_try(bool write, bool halves, char *detail, size_t size);

#endif
