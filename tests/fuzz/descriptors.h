/* SPDX-License-Identifier: GPL-2.0-only */
/* File descriptors a front-end may send: those it should, and all the others. */
#ifndef NVRING_FUZZ_DESCRIPTORS_H
#define NVRING_FUZZ_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

#define MEMORY_COUNT 2
#define MEMORY_BYTES 65536

enum descriptor_kind {
	DESCRIPTOR_MEMORY, /* with a vring for each queue in it, see descriptors.c */
	DESCRIPTOR_OTHER_MEMORY,
	DESCRIPTOR_KICK,
	DESCRIPTOR_CALL,
	DESCRIPTOR_EVENTFD,
	DESCRIPTOR_EVENTFD_FULL,
	DESCRIPTOR_INFLIGHT, /* what GET_INFLIGHT_FD gave */
	DESCRIPTOR_SOCKET,   /* the connection itself */
	DESCRIPTOR_IMAGE,    /* the disk's file */
	DESCRIPTOR_PIPE_CLOSED,
	DESCRIPTOR_PIPE_BROKEN,
	DESCRIPTOR_PIPE_FULL,
	DESCRIPTOR_NULL,
	DESCRIPTOR_ZERO,
	DESCRIPTOR_DIRECTORY,
	DESCRIPTOR_PATH,
	DESCRIPTOR_MEMFD_READ_ONLY,
	DESCRIPTOR_MEMFD_SEALED,
	DESCRIPTOR_MEMFD_EMPTY,
	DESCRIPTOR_MEMFD_SPARSE,
	DESCRIPTOR_MEMFD_HUGE, /* where no huge page can be had */
	DESCRIPTOR_EPOLL,
	DESCRIPTOR_TIMER,
	DESCRIPTOR_KINDS,
};

/* The front-end's own, for one input; -1 when not there. */
struct descriptors {
	int memory[MEMORY_COUNT];
	int kick, call;
	int inflight;
	int socket; /* borrowed */
	int image;  /* borrowed */
};

/* descriptors_open() - guest memory and eventfds; @image and the socket stay the caller's */
void descriptors_open(struct descriptors *descriptors, int image);

/* descriptors_close() - close what is the front-end's own */
void descriptors_close(struct descriptors *descriptors);

/* descriptors_make() - one of a kind, to be sent and closed; -1 where it cannot be had */
int descriptors_make(const struct descriptors *descriptors, enum descriptor_kind kind);

#endif
