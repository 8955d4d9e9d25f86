// SPDX-License-Identifier: GPL-2.0-only
/* vCPU dispatch where BPF reaches the vring by helpers: Linux 6.12, which has no __uptr. */
#define VRING_HELPERS

#include "dispatch.bpf.c"
