/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who loads BPF for a VM. That takes rights (CAP_BPF, CAP_PERFMON) by which one can read the
 * kernel's memory, and other VMs'; the process that faces the guest is not to have them. So a
 * process apart has them, which makes what load.h names and hands over descriptors: with these
 * maps are filled, and programs attached and run, without any right. Until that is begun this
 * process loads for itself.
 */
#ifndef NVRING_LOADER_H
#define NVRING_LOADER_H

#include "load.h"

struct loader;
struct objects;

/**
 * loader_open() - be able to load for a VM
 * @terms: copied
 * @ret_loader: set; free with loader_close()
 *
 * Return: 0 or -ENOMEM.
 */
int loader_open(const struct load_terms *terms, struct loader **ret_loader);

/**
 * loader_part() - from now on a process apart loads
 * @loader: has loaded nothing yet
 * @confine: called there, to give up what that does not need; 0 or -errno
 * @argument: for it
 *
 * While there is one thread. When this returns, @confine is done there. That process has no other
 * descriptors of ours than those of the terms; it ends when this one does, however that ends.
 * Return: 0, or -errno; the cause is logged.
 */
int loader_part(struct loader *loader, int (*confine)(void *argument), void *argument);

/* loader_pid() - the process apart, 0 without one, or when it is gone; @loader may be NULL */
pid_t loader_pid(const struct loader *loader);

/**
 * loader_ask() - have something loaded
 * @loader: NULL: refused
 * @what: which
 * @argument: to @what
 * @ret_reply: filled; descriptors are the caller's
 *
 * Any thread. Takes as long as the verifier does. Return: 0, or -errno with @ret_reply->why.
 */
int loader_ask(struct loader *loader, enum load_what what, uint32_t argument,
	       struct load_reply *ret_reply);

/* loader_objects() - what this process has loaded for itself */
struct objects *loader_objects(const struct loader *loader);

/* loader_close() - what was handed over stays; @loader may be NULL */
void loader_close(struct loader *loader);

#endif
