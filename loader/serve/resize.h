/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk that grows while it is served: namespaces, block devices and files. A partition and a
 * range are as long as they were given; nothing shrinks, as the guest may be using its end.
 */
#ifndef NVRING_RESIZE_H
#define NVRING_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#define RESIZE_WHY_BYTES 512

struct vm;

/**
 * resize() - serve what the disk has by now, and tell the guest
 * @vm: the VM; its queues run on
 * @bytes: a file is made so long first; 0: it has grown, or the device has
 * @ret_told: the front-end was told; where it cannot be, the guest sees it with its next reset
 * @ret_why: what is wrong, on failure
 *
 * The added bytes are locked as the others are (backend_lock()). Control thread.
 * Return: 0, also when nothing has grown, or -errno.
 */
int resize(struct vm *vm, uint64_t bytes, bool *ret_told, char ret_why[RESIZE_WHY_BYTES]);

#endif
