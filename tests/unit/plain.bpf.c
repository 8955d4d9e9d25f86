// SPDX-License-Identifier: GPL-2.0-only
/* plain_parse() as the direct engines build it, to be run by BPF_PROG_TEST_RUN. */
#define VRING_REGION

#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/errno.h>

#include "plain_probe.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct plain_probe);
} nvr_probe SEC(".maps");

SEC("syscall")
int nvr_plain(void *ctx)
{
	__u32 zero = 0;
	struct plain_probe *probe = bpf_map_lookup_elem(&nvr_probe, &zero);

	if (probe)
		probe->result =
			plain_parse(&probe->memory, &probe->disk, &probe->first, &probe->plain);
	return 0;
}
