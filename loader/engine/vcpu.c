// SPDX-License-Identifier: GPL-2.0-only
#include "vcpu.h"

#include <string.h>

#include "base/bpf_util.h"
#include "base/pins.h"

#include "bpf/vcpu.skel.h"

#define PIN_VCPUS "vcpus"
#define LINES_MAX 4096

/*
 * By hand, not by CO-RE: libbpf asks the kernel for all modules' BTF, which takes CAP_SYS_ADMIN;
 * a file of sysfs takes nothing.
 */
static int read_layout(struct vcpu_layout *ret_layout, char ret_why[ENGINE_WHY_BYTES])
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
		return engine_refuse(ret_why, -ENOENT, "KVM is not loaded");
	/* One that is only pointed to has no members. */
	if (type < 0 || !btf_vlen(btf__type_by_id(btf, (__u32)type)))
		return engine_refuse(ret_why, -ENOENT, "this kernel tells no types of KVM's");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		err = bpf_member_offset(btf, type, members[i].path, members[i].offset);
		if (err)
			return engine_refuse(ret_why, err, members[i].path);
	}
	return 0;
}

static int load(struct vcpus *vcpus, char ret_why[ENGINE_WHY_BYTES])
{
	struct vcpu_bpf *skeleton;
	int err;

	bpf_log_quietly();
	skeleton = vcpu_bpf__open();
	if (!skeleton)
		return engine_refuse(ret_why, -errno, "vCPU program");
	vcpus->skeleton = skeleton;
	memcpy((void *)&skeleton->rodata->nvr_layout, &vcpus->layout, sizeof(vcpus->layout));
	err = vcpu_bpf__load(skeleton);
	return err ? engine_refuse(ret_why, err, "the kernel refuses to look at vCPUs") : 0;
}

static int attach(struct vcpus *vcpus, pid_t pid, char ret_why[ENGINE_WHY_BYTES])
{
	union bpf_iter_link_info info = { .task.pid = (__u32)pid };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	vcpus->link = bpf_program__attach_iter(vcpus->skeleton->progs.nvr_vcpus, &opts);
	if (!vcpus->link)
		return engine_refuse(ret_why, -errno, "the front-end's files");
	pins_add(vcpus->pins, bpf_link__fd(vcpus->link), PIN_VCPUS);
	return 0;
}

int vcpus_open(pid_t pid, struct pins *pins, struct vcpus **ret_vcpus,
	       char ret_why[ENGINE_WHY_BYTES])
{
	struct vcpus *vcpus = calloc(1, sizeof(*vcpus));
	int err;

	if (!vcpus)
		return engine_refuse(ret_why, -ENOMEM, "vCPUs");
	vcpus->pins = pins;
	err = read_layout(&vcpus->layout, ret_why);
	if (!err)
		err = load(vcpus, ret_why);
	if (!err)
		err = attach(vcpus, pid, ret_why);
	if (err) {
		vcpus_close(vcpus);
		return err;
	}
	*ret_vcpus = vcpus;
	return 0;
}

void vcpus_close(struct vcpus *vcpus)
{
	if (!vcpus)
		return;
	if (vcpus->link)
		pins_drop(vcpus->pins, PIN_VCPUS);
	bpf_link__destroy(vcpus->link);
	vcpu_bpf__destroy(vcpus->skeleton);
	free(vcpus);
}

static bool is_known(const struct vcpus *vcpus, uint64_t address)
{
	for (uint32_t i = 0; i < vcpus->count; i++)
		if (vcpus->list[i].address == address)
			return true;
	return false;
}

int vcpus_look(struct vcpus *vcpus)
{
	_cleanup_fclose_ FILE *file = NULL;
	char line[128];
	uint32_t lines = 0;
	int fd = bpf_iter_create(bpf_link__fd(vcpus->link));

	vcpus->count = 0;
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		fd_close(fd);
		return -errno;
	}
	while (vcpus->count < VCPU_COUNT_MAX && lines++ < LINES_MAX &&
	       fgets(line, sizeof(line), file)) {
		struct vcpu *vcpu = &vcpus->list[vcpus->count];
		unsigned long long address;

		if (sscanf(line, "vcpu %u: %15[a-z], CPU %d, thread %u of %u, at %llx", &vcpu->id,
			   vcpu->state, &vcpu->cpu, &vcpu->thread, &vcpu->process, &address) != 6)
			continue;
		vcpu->address = address;
		/* A file may be open twice, or a million times. */
		if (!is_known(vcpus, address))
			vcpus->count++;
	}
	return ferror(file) ? -errno : 0;
}

const struct vcpu *vcpus_find(const struct vcpus *vcpus, uint32_t thread)
{
	for (uint32_t i = 0; i < vcpus->count && thread; i++)
		if (vcpus->list[i].thread == thread)
			return &vcpus->list[i];
	return NULL;
}
