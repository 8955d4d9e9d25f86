// SPDX-License-Identifier: GPL-2.0-only
#include "descriptors.h"

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "base/util.h"
#include "fuzz.h"
#include "vring.h"

/* Where a queue's parts are in guest memory; queue 1 is half the memory further on. */
#define RING_SIZE   4
#define RING_DESC   0x0000
#define RING_AVAIL  0x1000
#define RING_USED   0x2000
#define RING_HEADER 0x3000
#define RING_STATUS 0x3100
#define RING_DATA   0x4000
#define RING_NEXT   (MEMORY_BYTES / 2)

#define SPARSE_BYTES (1LL << 40)
#define HUGE_BYTES   (2LL << 20)

static void put(int fd, off_t at, const void *from, size_t bytes)
{
	if (pwrite(fd, from, bytes, at) != (ssize_t)bytes)
		fuzz_fail("guest memory cannot be written: %m");
}

/* One request waits in a ring: a read in queue 0, a write in queue 1. */
static void put_ring(int fd, uint32_t queue)
{
	const uint64_t base = (uint64_t)queue * RING_NEXT;
	const struct virtio_blk_outhdr header = {
		.type = queue ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN,
		.sector = 8,
	};
	const struct vring_desc desc[RING_SIZE] = {
		{ base + RING_HEADER, sizeof(header), VRING_DESC_F_NEXT, 1 },
		{ base + RING_DATA, 4096, VRING_DESC_F_NEXT | (queue ? 0 : VRING_DESC_F_WRITE), 2 },
		{ base + RING_STATUS, 1, VRING_DESC_F_WRITE, 0 },
	};
	const uint16_t avail[3 + RING_SIZE] = { 0, 1 };

	put(fd, (off_t)base + RING_DESC, desc, sizeof(desc));
	put(fd, (off_t)base + RING_AVAIL, avail, sizeof(avail));
	put(fd, (off_t)base + RING_HEADER, &header, sizeof(header));
}

static int open_memfd(unsigned int flags, off_t bytes)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	return fd >= 0 && ftruncate(fd, bytes) ? fd_close(fd) : fd;
}

void descriptors_open(struct descriptors *descriptors, int image)
{
	*descriptors = (struct descriptors){
		.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.inflight = -1,
		.socket = -1,
		.image = image,
	};
	for (int i = 0; i < MEMORY_COUNT; i++) {
		descriptors->memory[i] = open_memfd(0, MEMORY_BYTES);
		if (descriptors->memory[i] < 0)
			fuzz_fail("no guest memory: %m");
	}
	put_ring(descriptors->memory[0], 0);
	put_ring(descriptors->memory[0], 1);
}

void descriptors_close(struct descriptors *descriptors)
{
	for (int i = 0; i < MEMORY_COUNT; i++)
		fd_close(descriptors->memory[i]);
	fd_close(descriptors->kick);
	fd_close(descriptors->call);
	fd_close(descriptors->inflight);
}

/* One end of a pipe whose other end is gone. */
static int open_half_pipe(int end)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	fd_close(fds[!end]);
	return fds[end];
}

/* The other end is held by the pipe itself, in a descriptor of its own that nobody reads. */
static int open_full_pipe(void)
{
	char block[4096] = { 0 }, path[64];
	int fds[2], both;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	both = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	fd_close(fds[0]);
	fd_close(fds[1]);
	while (both >= 0 && write(both, block, sizeof(block)) > 0)
		;
	fcntl(both, F_SETFL, 0);
	return both;
}

static int open_full_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	eventfd_write(fd, UINT64_MAX - 1);
	return fd;
}

static int open_timer(void)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 1, .it_interval.tv_nsec = 1000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	timerfd_settime(fd, 0, &soon, NULL);
	return fd;
}

static int open_read_only(int memory)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_sealed(void)
{
	int fd = open_memfd(0, MEMORY_BYTES);

	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	return fd;
}

static int copy(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

int descriptors_make(const struct descriptors *descriptors, enum descriptor_kind kind)
{
	switch (kind) {
	case DESCRIPTOR_MEMORY:
		return copy(descriptors->memory[0]);
	case DESCRIPTOR_OTHER_MEMORY:
		return copy(descriptors->memory[1]);
	case DESCRIPTOR_KICK:
		return copy(descriptors->kick);
	case DESCRIPTOR_CALL:
		return copy(descriptors->call);
	case DESCRIPTOR_EVENTFD:
		return eventfd(1, EFD_CLOEXEC);
	case DESCRIPTOR_EVENTFD_FULL:
		return open_full_eventfd();
	case DESCRIPTOR_INFLIGHT:
		return copy(descriptors->inflight);
	case DESCRIPTOR_SOCKET:
		return copy(descriptors->socket);
	case DESCRIPTOR_IMAGE:
		return copy(descriptors->image);
	case DESCRIPTOR_PIPE_CLOSED:
		return open_half_pipe(0);
	case DESCRIPTOR_PIPE_BROKEN:
		return open_half_pipe(1);
	case DESCRIPTOR_PIPE_FULL:
		return open_full_pipe();
	case DESCRIPTOR_NULL:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case DESCRIPTOR_ZERO:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case DESCRIPTOR_DIRECTORY:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case DESCRIPTOR_PATH:
		return open("/dev/null", O_PATH | O_CLOEXEC);
	case DESCRIPTOR_MEMFD_READ_ONLY:
		return open_read_only(descriptors->memory[0]);
	case DESCRIPTOR_MEMFD_SEALED:
		return open_sealed();
	case DESCRIPTOR_MEMFD_EMPTY:
		return open_memfd(0, 0);
	case DESCRIPTOR_MEMFD_SPARSE:
		return open_memfd(0, SPARSE_BYTES);
	case DESCRIPTOR_MEMFD_HUGE:
		return open_memfd(MFD_HUGETLB, HUGE_BYTES);
	case DESCRIPTOR_EPOLL:
		return epoll_create1(EPOLL_CLOEXEC);
	case DESCRIPTOR_TIMER:
		return open_timer();
	case DESCRIPTOR_KINDS:
		break;
	}
	return -1;
}
