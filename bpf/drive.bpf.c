// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long NVMe drives take, by queue: at the driver's tracepoints, which see the commands of
 * passthrough and of the block layer alike. Every command on the host pays for it, so it is
 * attached while somebody watches, and not otherwise.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "drive_abi.h"

char LICENSE[] SEC("license") = "GPL";

#define DRIVE_COMMANDS 65536 /* under way; when there are more, some are not counted */

/* NVMe command set specification §3.2 and 3.3; the opcode is a command's first byte. */
#define NVME_WRITE 0x01
#define NVME_READ  0x02

struct drive_command {
	__u64 sent;
	__u8 opcode;
	__u8 reserved[7];
};

/* By the address of its struct request. One that is never completed makes room for others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DRIVE_COMMANDS);
	__type(key, __u64);
	__type(value, struct drive_command);
} drive_commands SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DRIVE_QUEUES);
	__type(key, struct drive_key);
	__type(value, struct drive_times);
} drive_times SEC(".maps");

static const struct drive_times none;

SEC("tp_btf/nvme_setup_cmd")
int BPF_PROG(nvr_drive_sent, struct request___blk *request, struct nvme_command *command)
{
	struct drive_command sent = { .sent = bpf_ktime_get_ns() };
	__u64 key = (__u64)request;

	bpf_probe_read_kernel(&sent.opcode, sizeof(sent.opcode), command);
	bpf_map_update_elem(&drive_commands, &key, &sent, BPF_ANY);
	return 0;
}

/* drive_queue() - which one; drivers/nvme/host/trace.h, nvme_req() and nvme_req_qid() */
static __always_inline struct drive_key drive_queue(struct request___blk *request)
{
	struct nvme_request *own = (void *)request + bpf_core_type_size(struct request___blk);
	struct drive_key key = { .drive = (__u32)BPF_CORE_READ(own, ctrl, instance) };

	if (BPF_CORE_READ(request, q, queuedata))
		key.queue = BPF_CORE_READ(request, mq_hctx, queue_num) + 1;
	return key;
}

/* CPUs may complete commands of one queue at once. */
static __always_inline void drive_add(struct histogram *histogram, __u64 ns)
{
	__u32 bucket = histogram_bucket(ns) & (HISTOGRAM_BUCKETS - 1);

	__sync_fetch_and_add(&histogram->sum_ns, ns);
	__sync_fetch_and_add(&histogram_counts(histogram)[bucket], 1);
}

SEC("tp_btf/nvme_complete_rq")
int BPF_PROG(nvr_drive_done, struct request___blk *request)
{
	__u64 address = (__u64)request, now = bpf_ktime_get_ns();
	struct drive_command *command = bpf_map_lookup_elem(&drive_commands, &address);
	struct drive_key key;
	struct drive_times *times;

	if (!command || !request)
		return 0;
	key = drive_queue(request);
	times = bpf_map_lookup_elem(&drive_times, &key);
	if (!times) {
		bpf_map_update_elem(&drive_times, &key, &none, BPF_NOEXIST);
		times = bpf_map_lookup_elem(&drive_times, &key);
	}
	if (times && key.queue && command->opcode == NVME_READ)
		drive_add(&times->read, now - command->sent);
	else if (times && key.queue && command->opcode == NVME_WRITE)
		drive_add(&times->write, now - command->sent);
	else if (times)
		drive_add(&times->other, now - command->sent);
	bpf_map_delete_elem(&drive_commands, &address);
	return 0;
}
