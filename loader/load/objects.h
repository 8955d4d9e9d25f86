/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's BPF objects: those that others are given maps of stay open, of the rest there is only what
 * was handed over. One thread at a time.
 */
#ifndef NVRING_OBJECTS_H
#define NVRING_OBJECTS_H

#include "load.h"
#include "poller_object.h"

struct bpf_object;

struct objects {
	struct load_terms terms;
	int halted_fd;		   /* nvr_halted_at, -1 before it is wanted */
	struct direct_bpf *direct; /* NULL before LOAD_DIRECT; likewise */
	struct loop_bpf *loop;
	struct poller_object poller;
	uint32_t ops_type, ops_bytes; /* the loop's struct_ops map's value: number in BTF, size */
};

/* objects_open() - nothing is loaded yet; 0 or -ENOMEM */
int objects_open(const struct load_terms *terms, struct objects **ret_objects);

/**
 * objects_make() - load something
 * @objects: open
 * @what: which, whatever number it is
 * @argument: to @what, likewise
 * @ret_reply: filled; descriptors are the caller's
 *
 * Return: 0, or -errno with @ret_reply->why.
 */
int objects_make(struct objects *objects, uint32_t what, uint32_t argument,
		 struct load_reply *ret_reply);

/**
 * objects_share() - give an object the VM's maps in place of its own
 * @objects: open
 * @object: opened, not loaded
 *
 * Return: 0, or -errno; -EOPNOTSUPP when it counts and there is no map to count in.
 */
int objects_share(struct objects *objects, struct bpf_object *object);

/* objects_hand() - a descriptor that stays the object's goes into a reply, too; 0 or -errno */
int objects_hand(struct load_reply *reply, uint32_t index, int fd);

/* objects_close() - @objects may be NULL */
void objects_close(struct objects *objects);

/* objects_loop_close() - nothing new runs the loop's program */
void objects_loop_close(struct objects *objects);

/* How kinds are made, each beside its like: as objects_make(). */
int objects_loop(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_loop_ops(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_poller(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_poller_vring(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_poller_join(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_poller_leave(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_dispatch(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_vcpus(struct objects *objects, uint32_t argument, struct load_reply *reply);
int objects_kicker(struct objects *objects, uint32_t argument, struct load_reply *reply);

#endif
