// SPDX-License-Identifier: GPL-2.0-only
#include "vcpu.h"

#include <string.h>

#include "base/bpf_util.h"
#include "base/pins.h"

#define PIN_VCPUS "vcpus"
#define LINES_MAX 4096

int vcpus_open(struct loader *loader, pid_t pid, struct pins *pins, struct vcpus **ret_vcpus,
	       char ret_why[WHY_BYTES])
{
	struct vcpus *vcpus;
	struct load_reply reply;
	int err = loader_ask(loader, LOAD_VCPUS, (uint32_t)pid, &reply);

	if (err)
		return load_reply_refuse(&reply, err, ret_why);
	vcpus = calloc(1, sizeof(*vcpus));
	if (!vcpus) {
		load_reply_close(&reply);
		return why_refuse(ret_why, -ENOMEM, "vCPUs");
	}
	vcpus->pins = pins;
	vcpus->link_fd = load_reply_take(&reply, 0);
	pins_add(pins, vcpus->link_fd, PIN_VCPUS);
	*ret_vcpus = vcpus;
	return 0;
}

void vcpus_close(struct vcpus *vcpus)
{
	if (!vcpus)
		return;
	pins_drop(vcpus->pins, PIN_VCPUS);
	fd_close(vcpus->link_fd);
	free(vcpus);
}

static bool is_known(const struct vcpus *vcpus, const struct vcpu *vcpu)
{
	for (uint32_t i = 0; i < vcpus->count; i++)
		if (vcpus->list[i].id == vcpu->id && vcpus->list[i].thread == vcpu->thread)
			return true;
	return false;
}

int vcpus_look(struct vcpus *vcpus)
{
	_cleanup_fclose_ FILE *file = NULL;
	char line[128];
	uint32_t lines = 0;
	int fd = bpf_iter_create(vcpus->link_fd);

	vcpus->count = 0;
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file) {
		fd_close(fd);
		return -errno;
	}
	while (vcpus->count < VCPU_COUNT_MAX && lines++ < LINES_MAX &&
	       fgets(line, sizeof(line), file)) {
		struct vcpu *vcpu = &vcpus->list[vcpus->count];

		if (sscanf(line, "vcpu %u: %15[a-z], CPU %d, thread %u of %u", &vcpu->id,
			   vcpu->state, &vcpu->cpu, &vcpu->thread, &vcpu->process) != 5)
			continue;
		/* A file may be open twice, or a million times. */
		if (!is_known(vcpus, vcpu))
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
