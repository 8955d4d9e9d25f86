// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every BPF program there is, each loaded by itself into this kernel: its verifier takes it, or a
 * fact about this kernel explains why not. What it cost the verifier is printed.
 */
#include <string.h>

#include "base/bpf_util.h"
#include "base/lockdown.h"
#include "daemon.h"
#include "direct.h"
#include "probe.h"
#include "dispatch_abi.h"
#include "vcpu_layout.h"

#include "bpf/direct.skel.h"
#include "bpf/dispatch.skel.h"
#include "bpf/dispatch_helpers.skel.h"
#include "bpf/drive.skel.h"
#include "bpf/guest_pages.skel.h"
#include "bpf/hub.skel.h"
#include "bpf/kicker.skel.h"
#include "bpf/loop.skel.h"
#include "bpf/poller.skel.h"
#include "bpf/poller_helpers.skel.h"
#include "bpf/probe.skel.h"
#include "bpf/stats.skel.h"
#include "bpf/user_copy.skel.h"
#include "bpf/vcpu.skel.h" /* wants vcpu_layout.h's types */
#include "tests/unit/request.skel.h"

#define LOG_BYTES (1 << 20) /* of the verifier; a kernel keeps the end of it */
#define LOG_LINES 12	    /* of it, shown where there is no explanation */

static const struct object {
	const char *name;
	const void *(*elf)(size_t *size);
} objects[] = {
	{ "hub", hub_bpf__elf_bytes },
	{ "stats", stats_bpf__elf_bytes },
	{ "direct", direct_bpf__elf_bytes },
	{ "poller", poller_bpf__elf_bytes },
	{ "poller_helpers", poller_helpers_bpf__elf_bytes },
	{ "dispatch", dispatch_bpf__elf_bytes },
	{ "dispatch_helpers", dispatch_helpers_bpf__elf_bytes },
	{ "loop", loop_bpf__elf_bytes },
	{ "probe", probe_bpf__elf_bytes },
	{ "user_copy", user_copy_bpf__elf_bytes },
	{ "vcpu", vcpu_bpf__elf_bytes },
	{ "kicker", kicker_bpf__elf_bytes },
	{ "drive", drive_bpf__elf_bytes },
	{ "guest_pages", guest_pages_bpf__elf_bytes },
	{ "request", request_bpf__elf_bytes },
};

static struct btf *kernel; /* its types */

static bool has(const char *name, __u32 kind)
{
	return btf__find_by_name_kind(kernel, name, kind) > 0;
}

static const char *no_cqe(void)
{
	return bpf_complete_arguments() == 3 ? NULL : "io_uring_complete has no CQE here";
}

static const char *no_fields(void)
{
	return bpf_complete_arguments() > 3 ? NULL
					    : "io_uring_complete has the CQE, not its fields";
}

static const char *no_uptr(void)
{
	return bpf_has_uptr() ? NULL : "no __uptr map fields (6.13)";
}

static const char *locked_down(void)
{
	static char text[96];
	char state[32];

	if (lockdown_state(state, sizeof(state)) || !strcmp(state, "none"))
		return NULL;
	snprintf(text, sizeof(text), "lockdown=%s forbids bpf_probe_write_user", state);
	return text;
}

static const char *no_loop(void)
{
	return has("io_uring_bpf_ops", BTF_KIND_STRUCT) ? NULL : "no io_uring_bpf_ops (7.1)";
}

static const char *no_lsm(void)
{
	return has("bpf_lsm_uring_cmd", BTF_KIND_FUNC) ? NULL : "no BPF LSM";
}

static const char *no_kvm(void)
{
	_cleanup_btf_ struct btf *module = btf__load_module_btf("kvm", kernel);

	return has("ioeventfd_write", BTF_KIND_FUNC) ||
			       (module && btf__find_by_name_kind(module, "ioeventfd_write",
								 BTF_KIND_FUNC) > 0)
		       ? NULL
		       : "no BTF of kvm";
}

static const char *no_nvme(void)
{
	_cleanup_btf_ struct btf *module = btf__load_module_btf("nvme_core", kernel);

	return has("nvme_request", BTF_KIND_STRUCT) || module ? NULL : "no NVMe driver";
}

/* Why a kernel may refuse a program, or all of an object's. */
static const struct reason {
	const char *object, *program;
	const char *(*why)(void);
} reasons[] = {
	{ NULL, "nvr_complete", no_cqe },
	{ NULL, "probe_cqe", no_cqe },
	{ NULL, "nvr_complete612", no_fields },
	{ NULL, "probe_fields", no_fields },
	{ "poller", NULL, no_uptr },
	{ NULL, "probe_uptr", no_uptr },
	{ "poller_helpers", NULL, locked_down },
	{ NULL, "nvr_copy_write", locked_down },
	{ NULL, "probe_write", locked_down },
	{ "dispatch", NULL, no_uptr },
	{ "dispatch", NULL, no_kvm },
	{ "dispatch_helpers", NULL, locked_down },
	{ "dispatch_helpers", NULL, no_kvm },
	{ "loop", NULL, no_loop },
	{ NULL, "probe_step", no_loop },
	{ NULL, "probe_guard", no_lsm },
	{ NULL, "probe_kick", no_kvm },
	{ "drive", NULL, no_nvme },
};

static const char *explain(const char *object, const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		const struct reason *reason = &reasons[i];
		bool meant = reason->object ? !strcmp(reason->object, object)
					    : !strcmp(reason->program, program);

		if (meant && reason->why())
			return reason->why();
	}
	return NULL;
}

static void show_end(const char *log)
{
	const char *start = log + strlen(log);

	for (int lines = 0; start > log && lines <= LOG_LINES; start--)
		lines += start[-1] == '\n';
	for (; *start; start += strcspn(start, "\n"), start += *start == '\n')
		printf("# %.*s\n", (int)strcspn(start, "\n"), start);
}

static void show_cost(const char *object, const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return;
	printf("# %s/%s: %u instructions, %u bytes of machine code, %u verified\n", object,
	       bpf_program__name(program), info.xlated_prog_len / 8, info.jited_prog_len,
	       info.verified_insns);
}

static struct bpf_object *open_object(const struct object *object)
{
	size_t size;
	const void *elf = object->elf(&size);
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = object->name);

	return bpf_object__open_mem(elf, size, &opts);
}

/* Leave one program to be loaded, and of the kernel's own structures only one that it is for. */
static struct bpf_program *leave_one(struct bpf_object *object, const char *name)
{
	struct bpf_program *each, *one = NULL;
	struct bpf_map *map;

	bpf_object__for_each_program(each, object)
	{
		bool chosen = !strcmp(bpf_program__name(each), name);

		bpf_program__set_autoload(each, chosen);
		if (chosen)
			one = each;
	}
	bpf_object__for_each_map(map,
				 object) if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS &&
					     bpf_program__type(one) != BPF_PROG_TYPE_STRUCT_OPS)
		bpf_map__set_autocreate(map, false);
	return one;
}

static void try_program(const struct object *from, const char *name, char *log)
{
	struct bpf_object *object = open_object(from);
	struct bpf_program *program = object ? leave_one(object, name) : NULL;
	char what[64];
	int err;

	snprintf(what, sizeof(what), "%s/%s is taken", from->name, name);
	log[0] = '\0';
	if (program)
		bpf_program__set_log_buf(program, log, LOG_BYTES);
	err = program ? bpf_object__load(object) : -EINVAL;
	if (err == -EPERM) { /* a verifier's refusal is another errno */
		skip(what, "a policy of this machine forbids it");
	} else if (err && explain(from->name, name)) {
		skip(what, explain(from->name, name));
	} else {
		ok(!err, "%s", what);
		if (err) {
			printf("# %s\n", strerror(-err));
			show_end(log);
		}
	}
	if (!err)
		show_cost(from->name, program);
	bpf_object__close(object);
}

int main(void)
{
	char *log = malloc(LOG_BYTES);

	libbpf_set_print(NULL);
	kernel = btf__load_vmlinux_btf();
	if (geteuid() || !kernel || !log) {
		printf("1..0 # SKIP %s\n", geteuid() ? "not root" : "no BTF of vmlinux");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		struct bpf_object *object = open_object(&objects[i]);
		struct bpf_program *program;

		ok(object, "%s is an object", objects[i].name);
		if (!object)
			continue;
		bpf_object__for_each_program(program, object)
			try_program(&objects[i], bpf_program__name(program), log);
		bpf_object__close(object);
	}
	btf__free(kernel);
	free(log);
	return done();
}
