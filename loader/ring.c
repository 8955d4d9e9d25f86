// SPDX-License-Identifier: GPL-2.0-only
#include "ring.h"

#include <assert.h>

#include "util.h"

/* From best to what every kernel with URING_CMD or READ has. */
static const unsigned int setups[] = {
	/* 6.1: completions run when we ask, and a flag tells when to ask */
	IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	/* 5.19 */
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	0,
};

int ring_open(unsigned int entries, bool passthrough, int device_fd, struct io_uring *ret_ring)
{
	unsigned int size = passthrough ? IORING_SETUP_SQE128 | IORING_SETUP_CQE32 : 0;
	int err = -EINVAL;

	for (size_t i = 0; i < ARRAY_SIZE(setups) && err == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = setups[i] | size | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
			.cq_entries = entries * 2,
		};

		err = io_uring_queue_init_params(entries, ret_ring, &params);
	}
	if (err)
		return err;
	if (device_fd >= 0)
		err = io_uring_register_files(ret_ring, &device_fd, 1);
	if (err) {
		io_uring_queue_exit(ret_ring);
		return err;
	}
	/* Saves a look-up at every io_uring_enter; nothing is lost where the kernel has it not. */
	io_uring_register_ring_fd(ret_ring);
	return 0;
}

struct io_uring_sqe *ring_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe) {
		io_uring_submit(ring);
		sqe = io_uring_get_sqe(ring);
	}
	/* The kernel takes every SQE at submission: the SQ is empty now. */
	assert(sqe);
	return sqe;
}
