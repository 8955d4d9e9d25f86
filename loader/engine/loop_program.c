// SPDX-License-Identifier: GPL-2.0-only
#include "loop_program.h"

#include <string.h>

#include "base/bpf_util.h"
#include "load/loader.h"
#include "vm.h"

/* linux/bpf.h has it since Linux 6.4. */
#define ATTACH_STRUCT_OPS ((enum bpf_attach_type)44) /* BPF_STRUCT_OPS */

struct loop_program {
	struct loader *loader;
	int fd;
	uint32_t value[LOAD_VALUES_MAX]; /* enum load_loop_value */
};

int loop_program_open(const struct vm *vm, struct loop_program **ret_program,
		      char ret_why[WHY_BYTES])
{
	struct loop_program *program;
	struct load_reply reply;
	int err = loader_ask(vm->loader, LOAD_LOOP, 0, &reply);

	if (err)
		return load_reply_refuse(&reply, err, ret_why);
	program = calloc(1, sizeof(*program));
	if (!program) {
		load_reply_close(&reply);
		return why_refuse(ret_why, -ENOMEM, "loop program");
	}
	program->loader = vm->loader;
	program->fd = load_reply_take(&reply, 0);
	memcpy(program->value, reply.value, sizeof(program->value));
	*ret_program = program;
	return 0;
}

void loop_program_close(struct loop_program *program)
{
	if (!program)
		return;
	fd_close(program->fd);
	free(program);
}

/* Fill in the operations of a ring, and have it run them. Return: the link's descriptor or -errno
 */
static int attach(const struct loop_program *program, int map, int ring_fd)
{
	_cleanup_free_ char *value = calloc(1, program->value[LOAD_LOOP_BYTES]);
	uint32_t zero = 0, ring = (uint32_t)ring_fd;
	uint64_t step = (uint64_t)program->fd;
	int link;

	if (!value)
		return -ENOMEM;
	memcpy(value + program->value[LOAD_LOOP_STEP_AT], &step, sizeof(step));
	memcpy(value + program->value[LOAD_LOOP_RING_AT], &ring, sizeof(ring));
	if (bpf_map_update_elem(map, &zero, value, BPF_ANY))
		return -errno;
	link = bpf_link_create(map, 0, ATTACH_STRUCT_OPS, NULL);
	return link < 0 ? -errno : link;
}

int loop_program_attach(const struct loop_program *program, int ring_fd)
{
	_cleanup_close_ int map = -1;
	struct load_reply reply;
	int err = loader_ask(program->loader, LOAD_LOOP_OPS, 0, &reply);

	if (err)
		return err;
	map = load_reply_take(&reply, 0);
	return attach(program, map, ring_fd);
}

int loop_program_fd(const struct loop_program *program)
{
	return program->fd;
}
