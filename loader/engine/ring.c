// SPDX-License-Identifier: GPL-2.0-only
#include "ring.h"

#include <assert.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/util.h"
#include "direct.h"

/* Newer than Debian 12's headers. */
#define SETUP_NO_MMAP	       (1U << 14)
#define SETUP_NO_SQARRAY       (1U << 16)
#define REGISTER_CLONE_BUFFERS 30
#define REGISTER_MEM_REGION    34
#define MEM_REGION_TYPE_USER   1U

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

/* Set up a ring for BPF; the caller adds what its engine wants. */
static int setup_direct(uint32_t entries, struct io_uring_params *params,
			struct direct_ring *ret_ring)
{
	int fd;

	params->flags |= SETUP_NO_SQARRAY | IORING_SETUP_SQE128 | IORING_SETUP_CQE32 |
			 IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;
	fd = (int)syscall(__NR_io_uring_setup, entries, params);
	if (fd < 0)
		return -errno;
	*ret_ring = (struct direct_ring){
		.sq_head = params->sq_off.head,
		.sq_tail = params->sq_off.tail,
		.sq_flags = params->sq_off.flags,
		.cq_head = params->cq_off.head,
		.cq_tail = params->cq_off.tail,
		.cq_flags = params->cq_off.flags,
		.cqes = params->cq_off.cqes,
	};
	return fd;
}

int ring_open_poller(const struct ring_layout *layout, struct direct_ring *ret_ring)
{
	struct io_uring_params params = {
		.flags = SETUP_NO_MMAP | IORING_SETUP_SQPOLL,
		.cq_entries = layout->cq_entries,
		.sq_thread_idle = layout->idle_ms,
	};

	if (layout->thread_of >= 0) {
		params.flags |= IORING_SETUP_ATTACH_WQ;
		params.wq_fd = (uint32_t)layout->thread_of;
	} else if (layout->cpu >= 0) {
		params.flags |= IORING_SETUP_SQ_AFF;
		params.sq_thread_cpu = (uint32_t)layout->cpu;
	}
	/* user_addr is the last word of both; Debian 12's header calls it resv2. */
	static_assert(sizeof(params.sq_off) == 40 && sizeof(params.cq_off) == 40, "uapi");
	((uint64_t *)&params.sq_off)[4] = (uintptr_t)layout->sq_memory;
	((uint64_t *)&params.cq_off)[4] = (uintptr_t)layout->ring_memory;
	return setup_direct(layout->sq_entries, &params, ret_ring);
}

int ring_open_loop(uint32_t sq_entries, uint32_t cq_entries, struct direct_ring *ret_ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = cq_entries,
	};

	return setup_direct(sq_entries, &params, ret_ring);
}

static int run_elsewhere(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int err;

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	err = io_uring_submit(ring);
	if (err >= 0)
		err = io_uring_wait_cqe(ring, &cqe);
	if (err < 0)
		return err;
	err = cqe->res ? -EAGAIN : 0; /* cancelled, as there was no thread */
	io_uring_cqe_seen(ring, cqe);
	return err;
}

int ring_keep_thread(void)
{
	unsigned int most[] = { 1, 1 }; /* for what ends soon, and for what may not */
	struct io_uring ring;
	int err = io_uring_queue_init(1, &ring, 0);

	if (err)
		return err;
	err = io_uring_register_iowq_max_workers(&ring, most);
	if (!err)
		err = run_elsewhere(&ring);
	io_uring_queue_exit(&ring);
	return err;
}

static int ring_register(int ring_fd, unsigned int opcode, const void *arg, unsigned int count)
{
	return syscall(__NR_io_uring_register, ring_fd, opcode, arg, count) < 0 ? -errno : 0;
}

int ring_register_files(int ring_fd, const int *fds, unsigned int count)
{
	return ring_register(ring_fd, IORING_REGISTER_FILES, fds, count);
}

int ring_update_file(int ring_fd, unsigned int index, int fd)
{
	struct io_uring_rsrc_update update = { .offset = index, .data = (uintptr_t)&fd };

	return ring_register(ring_fd, IORING_REGISTER_FILES_UPDATE, &update, 1);
}

int ring_register_eventfd(int ring_fd, int fd)
{
	if (fd < 0)
		return ring_register(ring_fd, IORING_UNREGISTER_EVENTFD, NULL, 0);
	return ring_register(ring_fd, IORING_REGISTER_EVENTFD, &fd, 1);
}

int ring_register_buffers(int ring_fd, const struct iovec *buffers, unsigned int count)
{
	return count ? ring_register(ring_fd, IORING_REGISTER_BUFFERS, buffers, count) : 0;
}

int ring_clone_buffers(int ring_fd, int from_fd)
{
	/* struct io_uring_clone_buffers of Linux 6.12: all of them, to the same places. */
	struct {
		uint32_t src_fd, flags, reserved[6];
	} clone = { .src_fd = (uint32_t)from_fd };

	return ring_register(ring_fd, REGISTER_CLONE_BUFFERS, &clone, 1);
}

void ring_unregister_buffers(int ring_fd)
{
	ring_register(ring_fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
}

void ring_wake(int ring_fd)
{
	syscall(__NR_io_uring_enter, ring_fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
}

void ring_flush(int ring_fd)
{
	syscall(__NR_io_uring_enter, ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
}

int ring_register_region(int ring_fd, void *memory, uint64_t bytes)
{
	/* struct io_uring_region_desc and io_uring_mem_region_reg of Linux 6.13. */
	struct {
		uint64_t user_addr, size;
		uint32_t flags, id;
		uint64_t mmap_offset, reserved[4];
	} description = {
		.user_addr = (uintptr_t)memory,
		.size = bytes,
		.flags = MEM_REGION_TYPE_USER,
	};
	struct {
		uint64_t description, flags, reserved[2];
	} region = { .description = (uintptr_t)&description };

	return ring_register(ring_fd, REGISTER_MEM_REGION, &region, 1);
}

int ring_set_word(int ring_fd, uint32_t offset, uint32_t value)
{
	char *memory = mmap(NULL, offset + sizeof(value), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_CQ_RING);

	if (memory == MAP_FAILED)
		return -errno;
	memcpy(memory + offset, &value, sizeof(value));
	munmap(memory, offset + sizeof(value));
	return 0;
}

int ring_enter_loop(int ring_fd)
{
	return syscall(__NR_io_uring_enter, ring_fd, 0, 0, 0, NULL, 0) < 0 ? -errno : 0;
}
