// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trials of BPF: the programs of bpf/probe.bpf.c, loaded one at a time, attached and run, so that
 * a row says what happened and not what ought to.
 */
#include <stdalign.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/bpf_util.h"
#include "base/lockdown.h"
#include "base/util.h"
#include "load/user_copy.h"
#include "feature_probe.h"

#include "probe.h"

#include "bpf/probe.skel.h" /* wants probe.h's types */

#define PAGE   4096
#define SECRET 0x5ec7e7ULL /* any value that is not there by chance */

static void skeleton_freep(struct probe_bpf **skeleton)
{
	probe_bpf__destroy(*skeleton);
}

#define _cleanup_skeleton_ _cleanup_(skeleton_freep)

/* Open the object with one program (and one map) to be loaded. */
static int open_one(const char *program, const char *map, struct probe_bpf **ret_skeleton)
{
	struct probe_bpf *skeleton;
	struct bpf_program *each;

	bpf_log_quietly();
	skeleton = probe_bpf__open();
	if (!skeleton)
		return errno ? -errno : -ENOMEM;
	skeleton->rodata->probe_tgid = bpf_own_tgid();
	bpf_object__for_each_program(each, skeleton->obj)
		bpf_program__set_autoload(each, !strcmp(bpf_program__name(each), program));
	if (!map || strcmp(map, bpf_map__name(skeleton->maps.probe_storage)) != 0)
		bpf_map__set_autocreate(skeleton->maps.probe_storage, false);
	if (!map || strcmp(map, bpf_map__name(skeleton->maps.probe_loop)) != 0)
		bpf_map__set_autocreate(skeleton->maps.probe_loop, false);
	*ret_skeleton = skeleton;
	return 0;
}

static int load_one(const char *program, const char *map, struct probe_bpf **ret_skeleton)
{
	int err = open_one(program, map, ret_skeleton);

	return err ? err : probe_bpf__load(*ret_skeleton);
}

/* Run a loaded SEC("syscall") program. Returns what it returned, or -errno. */
static int run(const struct bpf_program *program, struct probe_args *args)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(*args));
	int err = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

	return err ? err : (int)opts.retval;
}

int probe_btf_vmlinux(char *detail, size_t size)
{
	_cleanup_btf_ struct btf *btf = btf__load_vmlinux_btf();

	(void)detail, (void)size;
	if (btf)
		return 1;
	return errno == ENOENT || errno == ESRCH ? 0 : -errno;
}

/* Where a function's types are: the kernel itself, or a module. */
static int find_function(const char *module, const char *function, char *detail, size_t size)
{
	_cleanup_btf_ struct btf *vmlinux = btf__load_vmlinux_btf();
	_cleanup_btf_ struct btf *split = NULL;

	if (!vmlinux)
		return 0;
	if (btf__find_by_name_kind(vmlinux, function, BTF_KIND_FUNC) > 0) {
		snprintf(detail, size, "built in");
		return 1;
	}
	split = btf__load_module_btf(module, vmlinux);
	if (!split && errno != ENOENT)
		return -errno;
	if (!split)
		snprintf(detail, size, "%s is not loaded", module);
	else if (btf__find_by_name_kind(split, function, BTF_KIND_FUNC) > 0)
		return 1;
	else
		snprintf(detail, size, "no %s in %s", function, module);
	return 0;
}

int probe_btf_kvm(char *detail, size_t size)
{
	return find_function("kvm", "ioeventfd_write", detail, size);
}

int probe_btf_nvme(char *detail, size_t size)
{
	return find_function("nvme", "nvme_queue_rqs", detail, size);
}

int probe_bpf(char *detail, size_t size)
{
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	struct probe_args args = { 0 };
	int err = load_one("probe_run", NULL, &skeleton);

	(void)detail, (void)size;
	if (!err)
		err = run(skeleton->progs.probe_run, &args);
	if (err)
		return err;
	return skeleton->bss->probe_hits == 1;
}

int probe_tp_complete(char *detail, size_t size)
{
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	_cleanup_link_ struct bpf_link *link = NULL;
	int arguments = bpf_complete_arguments(), err;
	const char *name;

	if (arguments < 3)
		return 0;
	/* (ring, request, cqe), or the completion's fields one by one */
	name = arguments == 3 ? "probe_cqe" : "probe_fields";
	err = load_one(name, NULL, &skeleton);
	if (err)
		return err;
	link = bpf_program__attach(bpf_object__find_program_by_name(skeleton->obj, name));
	if (!link)
		return -errno;
	err = probe_ring_complete(PROBE_USER_DATA);
	if (err)
		return err;
	if (skeleton->bss->probe_hits)
		return 1;
	snprintf(detail, size, "attached, but not called");
	return 0;
}

int probe_fentry_kick(char *detail, size_t size)
{
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	_cleanup_link_ struct bpf_link *link = NULL;
	int err;

	if (find_function("kvm", "ioeventfd_write", detail, size) != 1)
		return 0;
	detail[0] = '\0';
	err = load_one("probe_kick", NULL, &skeleton);
	if (err)
		return err;
	link = bpf_program__attach(skeleton->progs.probe_kick);
	return link ? 1 : -errno;
}

/* Refusals of a helper that lockdown explains. */
static int blame_lockdown(int err, char *detail, size_t size)
{
	char state[32];

	if (!lockdown_state(state, sizeof(state)) && strcmp(state, "none") != 0)
		snprintf(detail, size, "lockdown=%s", state);
	return err;
}

int probe_read_user(char *detail, size_t size)
{
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	uint64_t word = SECRET;
	struct probe_args args = { .address = (uintptr_t)&word };
	int err = load_one("probe_read", NULL, &skeleton);

	if (!err)
		err = run(skeleton->progs.probe_read, &args);
	if (err)
		return blame_lockdown(err, detail, size);
	return args.value == SECRET;
}

int probe_write_user(char *detail, size_t size)
{
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	volatile uint64_t word = 0;
	struct probe_args args = { .address = (uintptr_t)&word, .value = SECRET };
	int err = load_one("probe_write", NULL, &skeleton);

	if (!err)
		err = run(skeleton->progs.probe_write, &args);
	if (err)
		return blame_lockdown(err, detail, size);
	return word == SECRET;
}

int probe_whole_copy(char *detail, size_t size)
{
	int found = user_copy_whole(detail, size);

	return found < 0 ? blame_lockdown(found, detail, size) : found;
}

int probe_uptr(char *detail, size_t size)
{
	static alignas(PAGE) volatile uint64_t page[PAGE / sizeof(uint64_t)];
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	const volatile uint64_t *value[] = { page };
	struct probe_args args = { .value = SECRET };
	int err;

	(void)detail, (void)size;
	if (pidfd < 0)
		return -errno;
	err = load_one("probe_uptr", "probe_storage", &skeleton);
	if (!err)
		err = bpf_map__update_elem(skeleton->maps.probe_storage, &pidfd, sizeof(pidfd),
					   value, sizeof(value), BPF_ANY);
	if (!err)
		err = run(skeleton->progs.probe_uptr, &args);
	if (err)
		return err;
	return page[0] == SECRET;
}

int probe_bpf_loop(char *detail, size_t size)
{
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	_cleanup_link_ struct bpf_link *link = NULL;
	_cleanup_btf_ struct btf *btf = btf__load_vmlinux_btf();
	_cleanup_close_ int ring = -1;
	int err;

	(void)detail, (void)size;
	if (!btf || btf__find_by_name_kind(btf, "io_uring_bpf_ops", BTF_KIND_STRUCT) < 0)
		return 0;
	ring = probe_ring_loop();
	if (ring < 0)
		return ring;
	err = open_one("probe_step", "probe_loop", &skeleton);
	if (err)
		return err;
	skeleton->struct_ops.probe_loop->ring_fd = (__u32)ring;
	err = probe_bpf__load(skeleton);
	if (err)
		return err;
	link = bpf_map__attach_struct_ops(skeleton->maps.probe_loop);
	if (!link)
		return -errno;
	err = probe_ring_wait(ring);
	if (err)
		return err;
	return skeleton->bss->probe_hits > 0;
}

int probe_bpf_lsm(char *detail, size_t size)
{
	_cleanup_skeleton_ struct probe_bpf *skeleton = NULL;
	_cleanup_link_ struct bpf_link *link = NULL;
	int result, err;

	err = probe_ring_command(&result);
	if (err || result) {
		snprintf(detail, size, "cannot be tried: /dev/null takes no commands");
		return 0;
	}
	err = load_one("probe_guard", NULL, &skeleton);
	if (err)
		return err;
	link = bpf_program__attach(skeleton->progs.probe_guard);
	if (!link)
		return -errno;
	err = probe_ring_command(&result);
	if (err)
		return err;
	if (result == -PROBE_REFUSAL && skeleton->bss->probe_hits)
		return 1;
	snprintf(detail, size, "not called: no \"bpf\" in lsm=");
	return 0;
}
