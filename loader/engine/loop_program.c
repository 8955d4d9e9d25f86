// SPDX-License-Identifier: GPL-2.0-only
#include "loop_program.h"

#include <string.h>

#include "base/bpf_util.h"
#include "direct_maps.h"
#include "vm.h"

#include "bpf/loop.skel.h"

/* The kernel's struct io_uring_bpf_ops as a map's value has it (kernel/bpf/bpf_struct_ops.c).
 * libbpf makes one map for each variable of an object, and we want one for each queue. */
#define OPS_VALUE "bpf_struct_ops_io_uring_bpf_ops"

/* linux/bpf.h has them since Linux 6.4. */
#define MAP_LINK	  (1U << 13)		     /* BPF_F_LINK */
#define ATTACH_STRUCT_OPS ((enum bpf_attach_type)44) /* BPF_STRUCT_OPS */

struct loop_program {
	struct loop_bpf *skeleton;
	uint32_t value_type; /* its number in the kernel's BTF */
	uint32_t value_bytes;
	uint32_t step_at, ring_at; /* byte offsets in the value */
};

static int find_layout(struct loop_program *program)
{
	_cleanup_btf_ struct btf *btf = btf__load_vmlinux_btf();
	int value = btf ? btf__find_by_name_kind(btf, OPS_VALUE, BTF_KIND_STRUCT) : -ENOENT, err;

	if (value < 0)
		return -EOPNOTSUPP;
	err = bpf_member_offset(btf, value, "data.loop_step", &program->step_at);
	if (!err)
		err = bpf_member_offset(btf, value, "data.ring_fd", &program->ring_at);
	program->value_type = (uint32_t)value;
	program->value_bytes = btf__type_by_id(btf, (uint32_t)value)->size;
	return err;
}

static int load(struct loop_program *program, const struct vm *vm)
{
	int err;

	program->skeleton = loop_bpf__open();
	if (!program->skeleton)
		return -errno;
	err = direct_maps_share(vm->maps, program->skeleton->obj);
	if (!err)
		err = stats_memory_share(&vm->stats, program->skeleton->obj);
	return err ? err : loop_bpf__load(program->skeleton);
}

int loop_program_open(const struct vm *vm, struct loop_program **ret_program)
{
	struct loop_program *program = calloc(1, sizeof(*program));
	int err;

	if (!program)
		return -ENOMEM;
	err = find_layout(program);
	if (!err)
		err = load(program, vm);
	if (err) {
		loop_program_close(program);
		return err;
	}
	*ret_program = program;
	return 0;
}

void loop_program_close(struct loop_program *program)
{
	if (!program)
		return;
	loop_bpf__destroy(program->skeleton);
	free(program);
}

int loop_program_attach(const struct loop_program *program, int ring_fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = MAP_LINK,
		    .btf_fd = (__u32)bpf_object__btf_fd(program->skeleton->obj),
		    .btf_vmlinux_value_type_id = program->value_type);
	_cleanup_free_ char *value = calloc(1, program->value_bytes);
	_cleanup_close_ int map = -1;
	uint32_t zero = 0, ring = (uint32_t)ring_fd;
	uint64_t step = (uint64_t)loop_program_fd(program);
	int link;

	if (!value)
		return -ENOMEM;
	map = bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, "nvr_loop", sizeof(zero),
			     program->value_bytes, 1, &opts);
	if (map < 0)
		return -errno;
	memcpy(value + program->step_at, &step, sizeof(step));
	memcpy(value + program->ring_at, &ring, sizeof(ring));
	if (bpf_map_update_elem(map, &zero, value, BPF_ANY))
		return -errno;
	link = bpf_link_create(map, 0, ATTACH_STRUCT_OPS, NULL);
	return link < 0 ? -errno : link;
}

int loop_program_fd(const struct loop_program *program)
{
	return bpf_program__fd(program->skeleton->progs.nvr_loop_step);
}
