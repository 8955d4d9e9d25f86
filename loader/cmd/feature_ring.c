// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trials of io_uring, by system call: liburing 2.3 does not know the newer flags, and the
 * layouts of liburing's own rings are not what is asked about here.
 */
#include <assert.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/sysfs.h"
#include "base/util.h"
#include "engine/ring.h"
#include "feature_probe.h"

/* Newer than Debian 12's headers. */
#define SETUP_NO_MMAP	     (1U << 14)
#define SETUP_NO_SQARRAY     (1U << 16)
#define REGISTER_MEM_REGION  34
#define MEM_REGION_TYPE_USER 1U

struct region_description {
	uint64_t user_addr;
	uint64_t size;
	uint32_t flags;
	uint32_t id;
	uint64_t mmap_offset;
	uint64_t reserved[4];
};

struct region_registration {
	uint64_t description; /* address of one */
	uint64_t flags;
	uint64_t reserved[2];
};

#define RING_ENTRIES 4 /* SQEs and rings each fit a page */
#define PAGE	     4096

static int setup(struct io_uring_params *params)
{
	int fd = (int)syscall(__NR_io_uring_setup, RING_ENTRIES, params);

	return fd < 0 ? -errno : fd;
}

static int setup_flags(unsigned int flags)
{
	struct io_uring_params params = { .flags = flags };

	return setup(&params);
}

static int works(int fd)
{
	if (fd < 0)
		return fd;
	fd_close(fd);
	return 1;
}

int probe_io_uring(char *detail, size_t size)
{
	uint64_t disabled = sysfs_number(0, "/proc/sys/kernel/io_uring_disabled");

	if (disabled)
		snprintf(detail, size, "sysctl kernel.io_uring_disabled=%d", (int)disabled);
	return works(setup_flags(0));
}

int probe_defer_taskrun(char *detail, size_t size)
{
	(void)detail, (void)size;
	return works(setup_flags(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
				 IORING_SETUP_TASKRUN_FLAG));
}

int probe_big_entries(char *detail, size_t size)
{
	(void)detail, (void)size;
	return works(setup_flags(IORING_SETUP_SQE128 | IORING_SETUP_CQE32));
}

int probe_uring_cmd(char *detail, size_t size)
{
	struct {
		struct io_uring_probe head;
		struct io_uring_probe_op ops[IORING_OP_URING_CMD + 1];
	} probe = { 0 };
	_cleanup_close_ int fd = setup_flags(0);

	(void)detail, (void)size;
	if (fd < 0)
		return fd;
	if (syscall(__NR_io_uring_register, fd, IORING_REGISTER_PROBE, &probe,
		    ARRAY_SIZE(probe.ops)))
		return -errno;
	return probe.head.last_op >= IORING_OP_URING_CMD &&
	       probe.ops[IORING_OP_URING_CMD].flags & IO_URING_OP_SUPPORTED;
}

/* Rings in memory of ours, as the poller has them in a BPF map. */
int probe_user_rings(char *detail, size_t size)
{
	static alignas(PAGE) char sqes[PAGE], rings[PAGE];
	struct io_uring_params params = { .flags = SETUP_NO_MMAP | SETUP_NO_SQARRAY };

	(void)detail, (void)size;
	/* user_addr is the last word of both; Debian 12's header calls it resv2. */
	static_assert(sizeof(params.sq_off) == 40 && sizeof(params.cq_off) == 40, "uapi");
	((uint64_t *)&params.sq_off)[4] = (uintptr_t)sqes;
	((uint64_t *)&params.cq_off)[4] = (uintptr_t)rings;
	return works(setup(&params));
}

int probe_sqpoll(char *detail, size_t size)
{
	(void)detail, (void)size;
	return works(setup_flags(IORING_SETUP_SQPOLL));
}

/* Memory of ours that a BPF program of the ring may reach, as the loop engine has the vring. */
int probe_region(char *detail, size_t size)
{
	static alignas(PAGE) char page[PAGE];
	struct region_description description = {
		.user_addr = (uintptr_t)page,
		.size = sizeof(page),
		.flags = MEM_REGION_TYPE_USER,
	};
	struct region_registration registration = { .description = (uintptr_t)&description };
	_cleanup_close_ int fd = probe_ring_loop();

	(void)detail, (void)size;
	if (fd < 0)
		return fd;
	if (syscall(__NR_io_uring_register, fd, REGISTER_MEM_REGION, &registration, 1))
		return -errno;
	return 1;
}

int probe_ring_loop(void)
{
	return setup_flags(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			   SETUP_NO_SQARRAY | IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
}

int probe_ring_wait(int ring_fd)
{
	return syscall(__NR_io_uring_enter, ring_fd, 0, 0, 0, NULL, 0) < 0 ? -errno : 0;
}

/* Submit what is in the ring and take its one completion. */
static int submit_one(struct io_uring *ring, int *ret_result)
{
	struct io_uring_cqe *cqe;
	int err = io_uring_submit_and_wait(ring, 1);

	if (err < 0)
		return err;
	err = io_uring_peek_cqe(ring, &cqe);
	if (err)
		return err;
	*ret_result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return 0;
}

int probe_ring_complete(uint64_t user_data)
{
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int result, err;

	err = io_uring_queue_init(RING_ENTRIES, &ring, 0);
	if (err)
		return err;
	sqe = ring_sqe(&ring);
	io_uring_prep_nop(sqe);
	sqe->user_data = user_data;
	err = submit_one(&ring, &result);
	io_uring_queue_exit(&ring);
	return err;
}

int probe_ring_command(int *ret_result)
{
	_cleanup_close_ int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int err;

	if (fd < 0)
		return -errno;
	err = io_uring_queue_init(RING_ENTRIES, &ring, 0);
	if (err)
		return err;
	sqe = ring_sqe(&ring);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	err = submit_one(&ring, ret_result);
	io_uring_queue_exit(&ring);
	return err;
}
