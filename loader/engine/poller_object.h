/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The poller's BPF object, in the one of its two forms that this kernel allows: the vring by
 * pointers to pinned pages (bpf/poller.bpf.c), or by helper calls (bpf/poller_helpers.bpf.c).
 */
#ifndef NVRING_POLLER_OBJECT_H
#define NVRING_POLLER_OBJECT_H

#include "base/bpf_util.h"
#include "engine.h"

struct poller_object {
	struct bpf_object *object; /* of one of the two */
	struct poller_bpf *pages;
	struct poller_helpers_bpf *helpers;
	struct bpf_program *program; /* that this kernel takes */
	struct hub *hub;	     /* by which it runs, */
	struct bpf_link *link;	     /* or by this where there is none; NULL while it does not */
	struct pins *pins;	     /* where they are shown, or NULL */
};

/**
 * poller_object_open() - load one
 * @vm: its maps are made
 * @ret_object: set; free with poller_object_close()
 * @ret_why: filled with a reason on failure
 *
 * Return: 0 or -errno.
 */
int poller_object_open(struct vm *vm, struct poller_object *ret_object,
		       char ret_why[ENGINE_WHY_BYTES]);

/* poller_object_attach() - its program runs from now on, if it does not yet; 0 or -errno */
int poller_object_attach(struct poller_object *object, char ret_why[ENGINE_WHY_BYTES]);

/* poller_object_detach() - its program runs no more, its maps are still there */
void poller_object_detach(struct poller_object *object);

/* poller_object_close() - @object may be closed already */
void poller_object_close(struct poller_object *object);

/* poller_object_map() - a map of the object that is loaded */
int poller_object_map(const struct poller_object *object, const char *name);

#endif
