/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters of a VM's queues, by name: in the log and in `nvring status`. */
#ifndef NVRING_COUNTERS_H
#define NVRING_COUNTERS_H

#include "vm.h"

struct json_object;

/* counters_log() - the counters of queues that did something, in lines of the log */
void counters_log(struct vm *vm);

/**
 * counters_json() - a queue's counters as an object
 * @queue: running or not
 *
 * Return: the object, the caller's.
 */
struct json_object *counters_json(struct vhost_queue *queue);

/* counters_parse() - the counters of such an object; what is missing is 0 */
void counters_parse(struct json_object *object, struct queue_counters *ret_counters);

/* counters_direct_json() - likewise what BPF counted, or NULL when it never served the queue */
struct json_object *counters_direct_json(const struct vhost_queue *queue);

#endif
