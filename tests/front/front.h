/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vhost-user-blk front-end and virtio-blk driver for tests and measurements: what QEMU and a
 * guest's driver do, each step callable by itself, so that it can also be done wrong.
 *
 * Functions that cannot fail in a sane test end the program with a message when they do.
 */
#ifndef NVRING_FRONT_H
#define NVRING_FRONT_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/vhost_user.h"

#define FRONT_QUEUES_MAX  256
#define FRONT_REGIONS_MAX 512
#define FRONT_TABLE	  4		    /* entries of a request's own indirect table */
#define FRONT_USER_BASE	  0x100000000000ULL /* front-end's "user" addresses: gpa plus this */
#define BIT64(n)	  (1ULL << (n))

struct front_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t offset; /* in its file */
	int fd;
	char *memory;
};

struct front_queue {
	struct front *front;
	uint32_t index;
	uint16_t size;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	int kick_fd, call_fd, err_fd; /* -1: none */
	uint16_t avail_idx;	      /* next entry to fill */
	uint16_t last_used;	      /* next entry to look at */
	uint16_t free_head;	      /* descriptors that are free, linked by next */
	uint16_t free_count;
	uint64_t kicks, interrupts;
};

struct front_options {
	const char *socket;
	uint32_t queues;	   /* 1 when 0 */
	uint16_t size;		   /* 128 when 0 */
	uint64_t without;	   /* virtio features not to acknowledge */
	uint64_t without_protocol; /* protocol features likewise */
	size_t memory;		   /* bytes of the one region, 16 MiB when 0 */
	bool no_kick, no_call;	   /* queues without these eventfds */
	bool no_queues;		   /* they are not set up */
	bool inflight;		   /* ask for an in-flight area, or give back @inflight_fd */
	int inflight_fd;	   /* from an earlier connection, or -1 */
	uint64_t inflight_bytes;
	uint32_t ring_align;  /* of the area the ring is laid out in, a page when 0 */
	uint32_t used_offset; /* bytes the used ring is moved by, a multiple of 4 */
	uint16_t first_index; /* the rings' indices start here */
};

struct front {
	int socket;
	uint64_t features; /* acknowledged */
	uint64_t protocol;
	struct front_region region[FRONT_REGIONS_MAX];
	uint32_t regions;
	uint32_t heap_region; /* where front_alloc() takes memory from */
	uint64_t heap;	      /* gpa of the next free byte */
	uint32_t queue_count;
	struct front_queue queue[FRONT_QUEUES_MAX];
	struct kvm_doorbell *doorbell; /* a vCPU rings (kvm_doorbell.h); NULL: the front-end does */
	int inflight_fd;
	uint64_t inflight_bytes;
};

/* One descriptor of a request. */
struct front_segment {
	uint64_t gpa;
	uint32_t len;
	bool writable;
};

/* front_now() - CLOCK_MONOTONIC, seconds */
double front_now(void);

/* die() - end the program; the test runner counts that as a failure */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* front_connect() - connect to the daemon's socket and nothing more; waits for it up to 5 s */
void front_connect(struct front *front, const char *path);

/* front_open() - connect, negotiate, share memory and start queues */
void front_open(struct front *front, const struct front_options *options);

/* front_reconnect() - as QEMU does when the daemon went away: what was agreed with the last one is
 * told the next, requests in flight are in the area (@inflight) */
void front_reconnect(struct front *front, const char *path);

/* front_close() - disconnect and free everything; the in-flight descriptor stays when taken */
void front_close(struct front *front);

/* Messages. front_call() sends and takes the reply; the others end the program on an error. */
int front_send(struct front *front, uint32_t request, const void *payload, uint32_t size,
	       const int *fds, uint32_t fd_count, uint32_t flags);
int front_receive(struct front *front, struct vhost_user_message *ret_message);
uint64_t front_ask(struct front *front, uint32_t request, uint64_t value);

/* front_acknowledged() - send with NEED_REPLY; returns the acknowledgement, or -errno */
int front_acknowledged(struct front *front, uint32_t request, const void *payload, uint32_t size,
		       const int *fds, uint32_t fd_count);

/* front_add_region() - make memory and remember it; front_send_table() announces it */
struct front_region *front_add_region(struct front *front, uint64_t gpa, uint64_t size,
				      uint64_t offset);
void front_send_table(struct front *front);

/* front_alloc() - guest memory from the first region, or from where front_alloc_in() said; never
 * freed. @ret_gpa may be NULL */
void *front_alloc(struct front *front, size_t bytes, size_t align, uint64_t *ret_gpa);
void front_alloc_in(struct front *front, uint32_t region, uint64_t offset);
void *front_at(struct front *front, uint64_t gpa);
uint64_t front_gpa(struct front *front, const void *memory);

/* front_config() - the configuration space */
void front_config(struct front *front, struct virtio_blk_config *ret_config);

/* front_queue_init() - lay a ring out as Linux does; front_queue_start() sets it up and enables it
 */
void front_queue_init(struct front *front, uint32_t index, const struct front_options *options);
void front_queue_start(struct front_queue *queue);
void front_queue_free(struct front_queue *queue);     /* its eventfds, before it is laid out anew */
uint16_t front_queue_stop(struct front_queue *queue); /* GET_VRING_BASE: the avail index */
void front_queue_call_fd(struct front_queue *queue, int fd); /* SET_VRING_CALL */

/* The driver. front_add() builds a chain, front_add_table() one in the caller's indirect table.
 * front_expose() shows all that were added and tells whether the device wants a doorbell,
 * front_kick() rings it, front_publish() does both. */
uint16_t front_add(struct front_queue *queue, const struct front_segment *segments, uint32_t count,
		   bool indirect);
uint16_t front_add_table(struct front_queue *queue, struct vring_desc *table,
			 const struct front_segment *segments, uint32_t count);
void front_avail(struct front_queue *queue, uint16_t head);
bool front_expose(struct front_queue *queue);
void front_kick(struct front_queue *queue);
void front_publish(struct front_queue *queue);

/* front_arm() - ask for an interrupt at the next used entry; true when one came meanwhile */
bool front_arm(struct front_queue *queue);

/* front_poll() - a finished request's head, or -1; frees its descriptors. @ret_len may be NULL */
int front_poll(struct front_queue *queue, uint32_t *ret_len);

/* front_wait() - the same, waiting for interrupts; ends the program after @ms */
int front_wait(struct front_queue *queue, int ms, uint32_t *ret_len);

/* A request in the plain shape: 16-byte header, data, status. */
struct front_request {
	struct virtio_blk_outhdr *header;
	uint8_t *status;
	char *data;
	uint64_t data_gpa;
	uint32_t data_bytes;
	struct vring_desc *table; /* of FRONT_TABLE entries */
};

void front_request_init(struct front *front, struct front_request *request, uint32_t data_bytes);

/* front_start() - send it; @bytes of data. front_do() also waits, and returns the status;
 * front_do_segments() does so with a chain of the caller's. */
uint16_t front_start(struct front_queue *queue, struct front_request *request, uint32_t type,
		     uint64_t sector, uint32_t bytes, bool indirect);
uint8_t front_do(struct front_queue *queue, struct front_request *request, uint32_t type,
		 uint64_t sector, uint32_t bytes);
uint8_t front_do_segments(struct front_queue *queue, struct front_request *request, uint32_t type,
			  uint64_t sector, const struct front_segment *segments, uint32_t count,
			  bool indirect);

#endif
