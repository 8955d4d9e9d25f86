// SPDX-License-Identifier: GPL-2.0-only
#include "bpf_util.h"

#include <string.h>
#include <sys/utsname.h>

#include "log.h"

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[1024];

	(void)level;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libbpf: %s", text);
	return 0;
}

void bpf_log_quietly(void)
{
	libbpf_set_print(print_libbpf);
}

int bpf_complete_arguments(void)
{
	_cleanup_btf_ struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	int id;

	if (!btf)
		return 0;
	id = btf__find_by_name_kind(btf, "btf_trace_io_uring_complete", BTF_KIND_TYPEDEF);
	if (id < 0)
		return 0;
	type = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type); /* pointer */
	type = btf__type_by_id(btf, type->type);			    /* prototype */
	return btf_vlen(type) - 1; /* the first is the tracer's own */
}

/* Byte offset of a member of a structure that is no bit field; -ENOENT without it. */
static int offset_of(const struct btf *btf, int type, const char *name, int *ret_type)
{
	const struct btf_type *in = btf__type_by_id(btf, (__u32)type);
	const struct btf_member *member = btf_members(in);

	for (uint32_t i = 0; i < btf_vlen(in); i++, member++) {
		if (strcmp(btf__name_by_offset(btf, member->name_off), name) != 0)
			continue;
		*ret_type = btf__resolve_type(btf, member->type);
		return (int)btf_member_bit_offset(in, i) / 8;
	}
	return -ENOENT;
}

int bpf_member_offset(const struct btf *btf, int type, const char *path, uint32_t *ret_offset)
{
	_cleanup_free_ char *copy = strdup(path);
	char *rest = copy, *name;
	int sum = 0, at;

	if (!copy)
		return -ENOMEM;
	while ((name = strsep(&rest, "."))) {
		if (type < 0 || !btf_is_composite(btf__type_by_id(btf, (__u32)type)))
			return -ENOENT;
		at = offset_of(btf, type, name, &type);
		if (at < 0)
			return at;
		sum += at;
	}
	*ret_offset = (uint32_t)sum;
	return 0;
}

uint32_t bpf_own_tgid(void)
{
	static const struct bpf_insn program[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid },
		{ .code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = 32 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "nvr_own_tgid", "GPL",
					       program, ARRAY_SIZE(program), NULL);

	if (fd < 0 || bpf_prog_test_run_opts(fd, &run))
		return (uint32_t)getpid();
	return run.retval;
}

bool bpf_has_uptr(void)
{
	_cleanup_btf_ struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, "btf_field_type", BTF_KIND_ENUM) : -ENOENT;
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_enum(type)[i].name_off), "BPF_UPTR"))
			return true;
	return false;
}

bool bpf_tracepoints_preempt(void)
{
	struct utsname name;

	return uname(&name) || strtoul(name.release, NULL, 10) >= 7;
}
