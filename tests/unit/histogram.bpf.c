// SPDX-License-Identifier: GPL-2.0-only
/* A histogram's bucket as BPF finds it, to be run by BPF_PROG_TEST_RUN. */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "histogram.h"

char LICENSE[] SEC("license") = "GPL";

struct histogram_probe {
	__u64 ns;
	__u64 bucket;
};

SEC("syscall")
int nvr_bucket(struct histogram_probe *probe)
{
	probe->bucket = histogram_bucket(probe->ns);
	return 0;
}
