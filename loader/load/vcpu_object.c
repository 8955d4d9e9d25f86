// SPDX-License-Identifier: GPL-2.0-only
/* What looks at vCPUs: where they are and what they do, and which of them rings which queue. */
#include <string.h>

#include "base/bpf_util.h"
#include "objects.h"
#include "vcpu_layout.h"

#include "bpf/kicker.skel.h"
#include "bpf/vcpu.skel.h"

/*
 * By hand, not by CO-RE: libbpf asks the kernel for all modules' BTF, which takes CAP_SYS_ADMIN;
 * a file of sysfs takes nothing.
 */
static int read_layout(struct vcpu_layout *ret_layout, char ret_why[WHY_BYTES])
{
	bool here = !access("/sys/module/kvm", F_OK);
	_cleanup_btf_ struct btf *kernel = here ? btf__load_vmlinux_btf() : NULL;
	_cleanup_btf_ struct btf *module = kernel ? btf__load_module_btf("kvm", kernel) : NULL;
	const struct btf *btf = module ? module : kernel;
	struct {
		const char *path;
		uint32_t *offset;
	} members[] = {
		{ "vcpu_id", &ret_layout->id },
		{ "cpu", &ret_layout->cpu },
		{ "mode", &ret_layout->mode },
		{ "pid", &ret_layout->thread },
		{ "preempted", &ret_layout->preempted },
		{ "stat.generic.blocking", &ret_layout->halted },
	};
	int type = btf ? btf__find_by_name_kind(btf, "kvm_vcpu", BTF_KIND_STRUCT) : -ENOENT, err;

	if (!here)
		return why_refuse(ret_why, -ENOENT, "KVM is not loaded");
	/* One that is only pointed to has no members. */
	if (type < 0 || !btf_vlen(btf__type_by_id(btf, (__u32)type)))
		return why_refuse(ret_why, -ENOENT, "this kernel tells no types of KVM's");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		err = bpf_member_offset(btf, type, members[i].path, members[i].offset);
		if (err)
			return why_refuse(ret_why, err, members[i].path);
	}
	return 0;
}

static int load(struct vcpu_bpf *skeleton, struct objects *objects, char ret_why[WHY_BYTES])
{
	struct vcpu_layout layout;
	int err = read_layout(&layout, ret_why);

	if (err)
		return err;
	memcpy((void *)&skeleton->rodata->nvr_layout, &layout, sizeof(layout));
	err = objects_share(objects, skeleton->obj);
	return err ? err : vcpu_bpf__load(skeleton);
}

int objects_vcpus(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	union bpf_iter_link_info info = { .task.pid = argument };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	_cleanup_link_ struct bpf_link *link = NULL;
	struct vcpu_bpf *skeleton = vcpu_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	err = load(skeleton, objects, reply->why);
	if (!err) {
		link = bpf_program__attach_iter(skeleton->progs.nvr_vcpus, &opts);
		err = link ? objects_hand(reply, 0, bpf_link__fd(link)) : -errno;
	}
	vcpu_bpf__destroy(skeleton);
	return err;
}

int objects_kicker(struct objects *objects, uint32_t argument, struct load_reply *reply)
{
	struct kicker_bpf *skeleton = kicker_bpf__open();
	int err;

	if (!skeleton)
		return -errno;
	skeleton->rodata->nvr_tgid = objects->terms.tgid;
	skeleton->rodata->nvr_front = argument;
	err = objects_share(objects, skeleton->obj);
	if (!err)
		err = kicker_bpf__load(skeleton);
	if (!err)
		err = objects_hand(reply, 0, bpf_program__fd(skeleton->progs.nvr_kicker));
	kicker_bpf__destroy(skeleton);
	return err;
}
