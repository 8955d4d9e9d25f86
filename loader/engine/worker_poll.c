// SPDX-License-Identifier: GPL-2.0-only
#include "worker_poll.h"

#include <bpf/libbpf.h>
#include <poll.h>

#include "sqe.h"

static void arm(struct worker *worker, int fd, uint64_t user_data)
{
	struct io_uring_sqe *sqe = ring_sqe(&worker->ring);

	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, user_data);
}

void worker_poll_wake(struct worker *worker)
{
	arm(worker, worker->wake_fd, sqe_user_data(SQE_TAG_WAKE, 0, 0));
}

void worker_poll_calls(struct worker *worker)
{
	arm(worker, ring_buffer__epoll_fd(worker->calls), sqe_user_data(SQE_TAG_CALLS, 0, 0));
}

void worker_poll_kick(struct worker *worker, struct vhost_queue *queue)
{
	if (queue->kick_fd < 0)
		return;
	arm(worker, queue->kick_fd, sqe_user_data(SQE_TAG_KICK, queue->index, 0));
	queue->kick_armed = true;
}

void worker_poll_end(struct worker *worker, uint64_t user_data)
{
	struct io_uring_sqe *sqe = ring_sqe(&worker->ring);

	io_uring_prep_poll_remove(sqe, user_data);
	io_uring_sqe_set_data64(sqe, 0);
	io_uring_submit(&worker->ring);
}
