// SPDX-License-Identifier: GPL-2.0-only
#include "share_member.h"

#include <limits.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/json_add.h"
#include "base/json_get.h"
#include "base/log.h"
#include "base/rpc_ask.h"
#include "disk/backend.h"
#include "disk/io_max.h"
#include "manager.h"
#include "share_fill.h"

#define NEW_PART   0.5 /* of the last report in what is smoothed */
#define ROOM	   1.1 /* times what a VM did, which it may do next */
#define ROOM_LEAST 0.01
#define GREEDY	   0.5 /* of its part: who did less, and waited, did it all at once */
#define NS_MAX	   4e9 /* that a request may be said to take; rpc_vm.h */

bool share_member_active(const struct share_member *member)
{
	return member->ask && member->at_ns && member->still < SHARE_STILL;
}

double share_member_demand(const struct share_member *member)
{
	double did = member->use / member->cost.capacity;

	return member->waited && did >= GREEDY * member->part ? SHARE_ALL
							      : max(did, ROOM_LEAST) * ROOM;
}

/* Nothing is known of it any more. */
static void forget(struct share_member *member)
{
	rpc_ask_close(member->ask);
	member->ask = NULL;
	member->at_ns = 0;
	member->use = 0;
	member->part = 0;
	member->waited = false;
	member->still = 0;
}

static void look_still(struct share_member *member)
{
	if (++member->still < SHARE_STILL)
		return;
	member->use = 0;
	member->waited = false;
}

/* All from the process itself, which can be wrong: the others have their fair shares whatever it
 * says. */
static void take(struct share_member *member, struct json_object *report)
{
	uint64_t now_ns = json_get_number(report, "now_ns"), did[LIMIT_KINDS];
	double passed_ns = (double)now_ns - (double)member->at_ns, use;
	bool first = !member->at_ns, any = false;

	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++) {
		uint64_t total = json_get_number(report, io_max_name(kind));

		did[kind] = total > member->totals[kind] ? total - member->totals[kind] : 0;
		member->totals[kind] = total;
		any |= did[kind] > 0;
	}
	member->at_ns = now_ns;
	if (first || passed_ns <= 0)
		return;
	use = io_cost_of(&member->cost, did) / passed_ns;
	member->use += NEW_PART * (use - member->use);
	member->waited = json_get_bool(report, "waited");
	if (any || member->waited)
		member->still = 0;
	else
		look_still(member);
}

static void on_answer(void *data, struct json_object *result, bool gone)
{
	struct share_member *member = data;

	if (result) {
		take(member, result);
		return;
	}
	forget(member);
	if (gone)
		return;
	member->old = true;
	log_warn("%s: its process, of another version, knows of no shares: its io.weight is not "
		 "kept; "
		 "`nvring restart` it",
		 member->vm->name);
}

/* The cgroup's directory as it is now, as the VM may be named by a pattern. */
static char *find_folder(const struct vm_process *vm)
{
	struct json_object *cgroup = json_object_object_get(vm->options, "cgroup");
	char folder[PATH_MAX];

	return cgroup && !cgroup_find(json_object_get_string(cgroup), folder) ? strdup(folder)
									      : NULL;
}

static dev_t find_disk(const struct vm_process *vm)
{
	struct json_object *device = json_object_object_get(vm->options, "device");

	return device ? backend_nvme_disk(json_object_get_string(device)) : 0;
}

void share_member_find(struct vm_process *vm)
{
	struct share_member *member = vm->share;
	pid_t pid = vm->state == VM_SERVING ? vm->pid : 0;

	if (!member)
		member = vm->share = calloc(1, sizeof(*member));
	if (!member || member->pid == pid)
		return;
	forget(member);
	member->vm = vm;
	member->pid = pid;
	member->old = false;
	free(member->folder);
	member->folder = pid ? find_folder(vm) : NULL;
	member->cost.disk = pid ? find_disk(vm) : 0;
}

static struct json_object *grant(const struct share_member *member, double part)
{
	struct json_object *params = json_object_new_object();
	double drive = part * member->cost.capacity;

	if (part <= 0)
		return params;
	json_object_object_add(params, "percent", json_object_new_double(part * 100));
	for (uint32_t kind = 0; kind < LIMIT_KINDS; kind++)
		json_object_object_add(
			params, io_max_name(kind),
			json_object_new_double(min(member->cost.ns[kind] / drive, NS_MAX)));
	return params;
}

void share_member_ask(struct share_member *member, double part)
{
	int err = member->ask ? rpc_ask(member->ask, "share", grant(member, part)) : 0;

	if (!err)
		member->part = part;
	if (err == -EBUSY)
		look_still(member);
	else if (err)
		forget(member);
}

void share_member_join(struct share_member *member, const struct io_cost *cost)
{
	if (!cost && member->ask && member->part > 0)
		share_member_ask(member, 0);
	if (!cost || member->old) {
		forget(member);
		return;
	}
	member->cost = *cost;
	if (!member->ask)
		rpc_ask_open(member->vm->manager->event, member->vm->dir.control, on_answer, member,
			     &member->ask);
}

void share_member_free(struct share_member *member)
{
	if (!member)
		return;
	rpc_ask_close(member->ask);
	free(member->folder);
	free(member);
}
