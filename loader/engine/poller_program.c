// SPDX-License-Identifier: GPL-2.0-only
#include "poller_program.h"

#include <string.h>

#include "base/bpf_util.h"
#include "base/log.h"
#include "base/pins.h"
#include "vm.h"

#define PIN_PROGRAM "poller"
#define PIN_LINK    "poller_link"

int poller_program_open(const struct vm *vm, struct poller_program *ret_program,
			char ret_why[WHY_BYTES])
{
	struct load_reply reply;
	int err = loader_ask(vm->loader, LOAD_POLLER, 0, &reply);

	if (err)
		return load_reply_refuse(&reply, err, ret_why);
	*ret_program = (struct poller_program){ .loader = vm->loader, .link_fd = -1 };
	load_reply_take_all(&reply, ret_program->fd, LOAD_POLLER_COUNT);
	ret_program->pins = vm->pins;
	pins_add(vm->pins, ret_program->fd[LOAD_POLLER_PROGRAM], PIN_PROGRAM);
	log_debug("poller: the vring is reached by %s",
		  ret_program->fd[LOAD_POLLER_VRINGS] < 0 ? "helpers" : "pointers");
	return 0;
}

int poller_program_attach(struct poller_program *program, char ret_why[WHY_BYTES])
{
	struct load_reply reply;

	if (program->joined || program->link_fd >= 0)
		return 0;
	if (!loader_ask(program->loader, LOAD_POLLER_JOIN, 0, &reply)) {
		program->joined = true;
		return 0;
	}
	log_debug("poller: %s", reply.why);
	program->link_fd = bpf_raw_tracepoint_open(NULL, program->fd[LOAD_POLLER_PROGRAM]);
	if (program->link_fd < 0)
		return why_refuse(ret_why, -errno, "io_uring_complete cannot be hooked");
	pins_add(program->pins, program->link_fd, PIN_LINK);
	return 0;
}

void poller_program_detach(struct poller_program *program)
{
	struct load_reply reply;

	/* Where nobody can take it from the hook any more it goes on there, rather than run twice.
	 */
	if (program->joined && !loader_ask(program->loader, LOAD_POLLER_LEAVE, 0, &reply))
		program->joined = false;
	if (!program->loader || program->link_fd < 0)
		return;
	pins_drop(program->pins, PIN_LINK);
	program->link_fd = fd_close(program->link_fd);
}

void poller_program_close(struct poller_program *program)
{
	if (!program->loader)
		return;
	poller_program_detach(program);
	pins_drop(program->pins, PIN_PROGRAM);
	for (uint32_t i = 0; i < LOAD_POLLER_COUNT; i++)
		fd_close(program->fd[i]);
	*program = (struct poller_program){ 0 };
}
