// SPDX-License-Identifier: GPL-2.0-only
/* The poller engine where BPF reaches the vring by helpers: Linux 6.12, which has no __uptr. */
#define VRING_HELPERS

#include "poller.bpf.c"

_Static_assert(DIRECT_BATCH <= VRING_FETCH_MAX, "a batch is fetched at once");
