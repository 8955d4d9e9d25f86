/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel lockdown, which Secure Boot turns on: what BPF may do depends on it. */
#ifndef NVRING_LOCKDOWN_H
#define NVRING_LOCKDOWN_H

#include <stddef.h>

/**
 * lockdown_state() - the kernel's lockdown state
 * @ret_state: "none", "integrity" or "confidentiality"
 * @size: room in @ret_state
 *
 * Return: 0, or -errno when it cannot be read.
 */
int lockdown_state(char *ret_state, size_t size);

#endif
