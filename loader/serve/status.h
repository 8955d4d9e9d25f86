/* SPDX-License-Identifier: GPL-2.0-only */
/* What a daemon is doing, as JSON: the VM, its disk, and each queue with what serves it and why. */
#ifndef NVRING_STATUS_H
#define NVRING_STATUS_H

#include "engine/vm.h"

struct json_object;

/* status_json() - the whole of it, the caller's */
struct json_object *status_json(struct vm *vm);

#endif
