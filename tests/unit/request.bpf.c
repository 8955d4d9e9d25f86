// SPDX-License-Identifier: GPL-2.0-only
/* The request code as the direct engines build it, to be run by BPF_PROG_TEST_RUN. */
#define VRING_REGION

#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/errno.h>

#include "request_probe.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request_probe);
} nvr_probe SEC(".maps");

SEC("syscall")
int nvr_parse(void *ctx)
{
	struct request_probe *probe;
	struct vring_memory vring;
	__u32 zero = 0;

	probe = bpf_map_lookup_elem(&nvr_probe, &zero);
	if (!probe)
		return 0;
	vring.window = &probe->window;
	vring.region = probe->region;
	probe->result = request_parse(&probe->queue, &vring, &probe->memory, &probe->disk, 0,
				      &probe->table, &probe->request);
	if (!probe->result && probe->request.status == REQUEST_STATUS_PENDING)
		probe->step = command_next(&probe->disk, &probe->request);
	return 0;
}

SEC("syscall")
int nvr_plain(void *ctx)
{
	struct request_probe *probe;
	__u32 zero = 0;

	probe = bpf_map_lookup_elem(&nvr_probe, &zero);
	if (probe)
		probe->result =
			plain_parse(&probe->memory, &probe->disk, &probe->first, &probe->plain);
	return 0;
}
