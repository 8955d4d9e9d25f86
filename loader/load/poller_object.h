/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The poller's BPF object, in the one of its two forms that this kernel allows: the vring by
 * pointers to pinned pages (bpf/poller.bpf.c), or by helper calls (bpf/poller_helpers.bpf.c).
 */
#ifndef NVRING_POLLER_OBJECT_H
#define NVRING_POLLER_OBJECT_H

struct bpf_object;
struct bpf_program;

struct poller_object {
	struct bpf_object *object; /* of one of the two, or NULL */
	struct poller_bpf *pages;
	struct poller_helpers_bpf *helpers;
	struct bpf_program *program; /* that this kernel takes */
	struct hub *hub;	     /* by which it runs, or NULL */
};

/* poller_object_close() - @object may be closed already */
void poller_object_close(struct poller_object *object);

#endif
