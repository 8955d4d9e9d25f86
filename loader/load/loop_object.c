// SPDX-License-Identifier: GPL-2.0-only
#include "base/bpf_util.h"
#include "objects.h"

#include "bpf/loop.skel.h"

/* The kernel's struct io_uring_bpf_ops as a map's value has it (kernel/bpf/bpf_struct_ops.c).
 * libbpf makes one map for each variable of an object, and we want one for each queue. */
#define OPS_VALUE "bpf_struct_ops_io_uring_bpf_ops"

#define MAP_LINK (1U << 13) /* BPF_F_LINK, which linux/bpf.h has since Linux 6.4 */

static int find_layout(struct objects *objects, struct load_reply *reply)
{
	_cleanup_btf_ struct btf *btf = btf__load_vmlinux_btf();
	int value = btf ? btf__find_by_name_kind(btf, OPS_VALUE, BTF_KIND_STRUCT) : -ENOENT, err;

	if (value < 0)
		return -EOPNOTSUPP;
	err = bpf_member_offset(btf, value, "data.loop_step", &reply->value[LOAD_LOOP_STEP_AT]);
	if (!err)
		err = bpf_member_offset(btf, value, "data.ring_fd",
					&reply->value[LOAD_LOOP_RING_AT]);
	objects->ops_type = (uint32_t)value;
	objects->ops_bytes = btf__type_by_id(btf, (uint32_t)value)->size;
	reply->value[LOAD_LOOP_BYTES] = objects->ops_bytes;
	return err;
}

static int load(struct objects *objects)
{
	int err;

	objects->loop = loop_bpf__open();
	if (!objects->loop)
		return -errno;
	err = objects_share(objects, objects->loop->obj);
	return err ? err : loop_bpf__load(objects->loop);
}

int objects_loop(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	int err = find_layout(objects, reply);

	(void)argument;
	objects_loop_close(objects);
	if (!err)
		err = load(objects);
	if (!err)
		err = objects_hand(reply, 0, bpf_program__fd(objects->loop->progs.nvr_loop_step));
	if (err)
		objects_loop_close(objects);
	return err;
}

void objects_loop_close(struct objects *objects)
{
	loop_bpf__destroy(objects->loop);
	objects->loop = NULL;
}

int objects_loop_ops(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = MAP_LINK,
		    .btf_vmlinux_value_type_id = objects->ops_type);

	(void)argument;
	if (!objects->loop)
		return -EINVAL;
	opts.btf_fd = (__u32)bpf_object__btf_fd(objects->loop->obj);
	reply->fd[0] = bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, "nvr_loop", sizeof(__u32),
				      objects->ops_bytes, 1, &opts);
	return reply->fd[0] < 0 ? -errno : 0;
}
