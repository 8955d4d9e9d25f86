// SPDX-License-Identifier: GPL-2.0-only
/* The map of a VM's counters, apart from the engines, which come and go. */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "stats_map.h"

char LICENSE[] SEC("license") = "GPL";
