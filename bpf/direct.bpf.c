// SPDX-License-Identifier: GPL-2.0-only
/* The maps of a VM's direct engines, apart from the engines, which come and go. */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/errno.h>

#include "direct_maps.h"

char LICENSE[] SEC("license") = "GPL";
