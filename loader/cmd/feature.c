// SPDX-License-Identifier: GPL-2.0-only
/* The table of features: what each is for, what serves without it, and which engine needs it. */
#include "feature.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"
#include "feature_probe.h"

static const struct {
	struct feature text;
	int (*probe)(char *detail, size_t size);
} table[] = {
	[FEATURE_IO_URING] = { { "io_uring", "io_uring", "every engine", "nothing serves" },
			       probe_io_uring },
	[FEATURE_DEFER_TASKRUN] = { { "defer_taskrun", "ring: DEFER_TASKRUN",
				      "worker: no interruption while it works",
				      "worker with plain rings" },
				    probe_defer_taskrun },
	[FEATURE_BIG_ENTRIES] = { { "sqe128_cqe32", "ring: SQE128, CQE32", "NVMe passthrough",
				    "the block device (READ, WRITE)" },
				  probe_big_entries },
	[FEATURE_URING_CMD] = { { "uring_cmd", "IORING_OP_URING_CMD", "NVMe passthrough",
				  "the block device (READ, WRITE)" },
				probe_uring_cmd },
	[FEATURE_USER_RINGS] = { { "no_mmap_no_sqarray", "ring: NO_MMAP, NO_SQARRAY",
				   "poller: rings in a BPF map", "worker" },
				 probe_user_rings },
	[FEATURE_SQPOLL] = { { "sqpoll", "ring: SQPOLL", "poller: runs in it", "worker" },
			     probe_sqpoll },
	[FEATURE_REGION] = { { "mem_region", "ring: memory region", "loop: reaches the vring",
			       "poller, worker" },
			     probe_region },
	[FEATURE_BTF_VMLINUX] = { { "btf_vmlinux", "BTF of vmlinux", "loop, poller", "worker" },
				  probe_btf_vmlinux },
	[FEATURE_BTF_KVM] = { { "btf_kvm", "BTF of kvm", "vCPU dispatch, steering by vCPU state",
				"doorbells reach the engine by eventfd" },
			      probe_btf_kvm },
	[FEATURE_BTF_NVME] = { { "btf_nvme", "BTF of nvme", "steering by device state",
				 "steering by completions alone" },
			       probe_btf_nvme },
	[FEATURE_NO_LOCKDOWN] = { { "no_lockdown", "no kernel lockdown",
				    "helpers that write user memory",
				    "__uptr pages, or the loop's region" },
				  probe_no_lockdown },
	[FEATURE_BPF] = { { "bpf", "BPF programs", "loop, poller", "worker" }, probe_bpf },
	[FEATURE_TP_COMPLETE] = { { "tp_io_uring_complete", "tp_btf/io_uring_complete",
				    "poller: serves completions and doorbells", "worker" },
				  probe_tp_complete },
	[FEATURE_FENTRY_KICK] = { { "fentry_ioeventfd_write", "fentry/ioeventfd_write",
				    "vCPU dispatch", "doorbells reach the engine by eventfd" },
				  probe_fentry_kick },
	[FEATURE_READ_USER] = { { "probe_read_user", "bpf_probe_read_user",
				  "loop, poller: request headers, indirect tables", "worker" },
				probe_read_user },
	[FEATURE_WRITE_USER] = { { "probe_write_user", "bpf_probe_write_user",
				   "poller without __uptr: used ring", "__uptr pages" },
				 probe_write_user },
	[FEATURE_WHOLE_COPY] = { { "whole_copy", "helpers: 8 bytes whole",
				   "poller without __uptr: vring indices",
				   "__uptr pages, or worker" },
				 probe_whole_copy },
	[FEATURE_UPTR] = { { "uptr", "__uptr in BPF maps",
			     "poller: vring by plain loads and stores",
			     "helpers that copy user memory" },
			   probe_uptr },
	[FEATURE_BPF_LOOP] = { { "io_uring_bpf_ops", "struct_ops io_uring_bpf_ops",
				 "loop: one system call for the VM's life", "poller, worker" },
			       probe_bpf_loop },
	[FEATURE_BPF_LSM] = { { "bpf_lsm", "lsm/uring_cmd",
				"second check that commands stay in the VM's range",
				"the check where commands are built" },
			      probe_bpf_lsm },
	[FEATURE_KVM] = { { "kvm", "/dev/kvm, ioeventfd, irqfd", "guests at full speed",
			    "guests by emulation (TCG)" },
			  probe_kvm },
	[FEATURE_NVME] = { { "nvme", "NVMe generic device", "--device /dev/ngXnY",
			     "--image FILE, other block devices" },
			   probe_nvme },
};

static_assert(ARRAY_SIZE(table) == FEATURE_COUNT, "a row for each feature");

/* A row an engine needs, or either of two. */
struct need {
	enum feature_id id, or_id; /* the same when there is no other way */
};

#define NEED(id)     { id, id }
#define MAX_NEEDS    8
#define END_OF_NEEDS { FEATURE_COUNT, FEATURE_COUNT }

static const struct {
	const char *name;
	bool built;
	struct need needs[MAX_NEEDS + 1];
} engines[FEATURE_ENGINES] = {
	{ "worker", true, { NEED(FEATURE_IO_URING), END_OF_NEEDS } },
	{ "loop",
	  true,
	  { NEED(FEATURE_IO_URING), NEED(FEATURE_REGION), NEED(FEATURE_BTF_VMLINUX),
	    NEED(FEATURE_BPF), NEED(FEATURE_READ_USER), NEED(FEATURE_BPF_LOOP), END_OF_NEEDS } },
	{ "poller",
	  true,
	  { NEED(FEATURE_IO_URING),
	    NEED(FEATURE_USER_RINGS),
	    NEED(FEATURE_SQPOLL),
	    NEED(FEATURE_BTF_VMLINUX),
	    NEED(FEATURE_BPF),
	    NEED(FEATURE_TP_COMPLETE),
	    NEED(FEATURE_READ_USER),
	    { FEATURE_UPTR, FEATURE_WHOLE_COPY },
	    END_OF_NEEDS } },
};

const struct feature *feature_describe(enum feature_id id)
{
	return &table[id].text;
}

/* A kernel that has not heard of something says so by one of these. With an explanation beside it
 * (lockdown) it is a refusal. */
static bool unknown_to_kernel(int err)
{
	return err == -EINVAL || err == -ENOSYS || err == -EOPNOTSUPP || err == -ENOENT ||
	       err == -ESRCH || err == -ENODEV || err == -ENXIO;
}

static struct feature_result verdict(int found, const char *detail)
{
	struct feature_result result = { .state = FEATURE_NO };

	if (found > 0)
		result.state = FEATURE_YES;
	else if ((found == -EPERM || found == -EACCES) && geteuid())
		result.state = FEATURE_NEEDS_ROOT;
	else if (found < 0 && (detail[0] || !unknown_to_kernel(found)))
		result.state = FEATURE_REFUSED;
	result.err = found < 0 ? -found : 0;
	snprintf(result.detail, sizeof(result.detail), "%s", detail);
	return result;
}

void feature_probe_all(struct feature_result ret_results[FEATURE_COUNT])
{
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		char detail[sizeof(ret_results->detail)] = "";
		int found = table[i].probe(detail, sizeof(detail));

		ret_results[i] = verdict(found, detail);
	}
}

/* The better of the two ways. */
static enum feature_state need_state(const struct need *need,
				     const struct feature_result results[FEATURE_COUNT])
{
	enum feature_state one = results[need->id].state, other = results[need->or_id].state;

	if (one == FEATURE_YES || other == FEATURE_YES)
		return FEATURE_YES;
	return one == FEATURE_NEEDS_ROOT ? one : other;
}

/* List what is in the way: what was denied, or else what this user could not try. */
static void list_missing(const struct need *needs,
			 const struct feature_result results[FEATURE_COUNT], bool denied,
			 struct feature_engine *engine)
{
	for (; needs->id != FEATURE_COUNT; needs++) {
		enum feature_state state = need_state(needs, results);
		size_t used = strlen(engine->missing);

		if (state == FEATURE_YES || denied == (state == FEATURE_NEEDS_ROOT))
			continue;
		snprintf(engine->missing + used, sizeof(engine->missing) - used, "%s%s%s%s",
			 used ? ", " : "", table[needs->id].text.id,
			 needs->or_id != needs->id ? " or " : "",
			 needs->or_id != needs->id ? table[needs->or_id].text.id : "");
	}
}

void feature_engines(const struct feature_result results[FEATURE_COUNT],
		     struct feature_engine ret_engines[FEATURE_ENGINES])
{
	for (size_t i = 0; i < FEATURE_ENGINES; i++) {
		struct feature_engine engine = {
			.name = engines[i].name,
			.built = engines[i].built,
			.known = true,
		};

		list_missing(engines[i].needs, results, true, &engine);
		if (!engine.missing[0]) {
			list_missing(engines[i].needs, results, false, &engine);
			engine.known = !engine.missing[0];
		}
		engine.allowed = !engine.missing[0];
		ret_engines[i] = engine;
	}
}
