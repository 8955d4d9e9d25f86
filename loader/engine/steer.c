// SPDX-License-Identifier: GPL-2.0-only
#include "steer.h"

#include <string.h>

#include "base/bpf_util.h"
#include "base/json_add.h"
#include "base/log.h"
#include "direct_maps.h"
#include "place.h"
#include "vcpu.h"
#include "vm.h"

#define STEP_US	    1000000ULL
#define STEP_MAX_US 4000000ULL	/* while nothing changes */
#define BLIND_US    60000000ULL /* while there are no vCPUs to see */
#define ACCURACY_US 250000	/* of the timer: with others' */
#define LEARN_STEPS 16		/* kickers are looked for again after so many */

struct steer {
	struct vm *vm;
	sd_event_source *timer;
	uint64_t delay_us; /* to the next step */
	pid_t front;	   /* the front-end that the rest is about */
	struct vcpus *vcpus;
	int kicker_fd;	    /* the program, -1 until it is wanted */
	int learning_fd;    /* its link while it is attached, else -1 */
	uint32_t learned;   /* steps since */
	uint64_t completed; /* requests, at the last step */
	struct place place;
	struct drive_irqs irqs;
	uint32_t kickers[VM_QUEUES_MAX]; /* threads of vCPUs, by queue; 0: not known */
	uint64_t kicks[VM_QUEUES_MAX];	 /* doorbells of a queue, at the last step */
	char why[WHY_BYTES];		 /* there are no vCPUs to see, or "" */
};

static void forget(struct steer *steer)
{
	steer->learning_fd = fd_close(steer->learning_fd);
	steer->kicker_fd = fd_close(steer->kicker_fd);
	vcpus_close(steer->vcpus);
	steer->vcpus = NULL;
	steer->learned = 0;
	memset(steer->kickers, 0, sizeof(steer->kickers));
	steer->front = 0;
	steer->why[0] = '\0';
}

static int open_vcpus(struct steer *steer)
{
	struct vm *vm = steer->vm;

	return vcpus_open(vm->loader, vm->front_pid, vm->pins, &steer->vcpus, steer->why);
}

/* Look at the vCPUs of whoever is connected. Return: whether there are any. */
static bool look(struct steer *steer)
{
	struct vm *vm = steer->vm;
	int err;

	if (!vm->front || vm->front_pid != steer->front)
		forget(steer);
	if (!vm->front)
		return false;
	/* What was refused once is, until another one comes. */
	if (!steer->front) {
		steer->front = vm->front_pid;
		err = open_vcpus(steer);
		if (err)
			log_debug("vCPUs are not seen: %s", steer->why);
	}
	if (!steer->vcpus)
		return false;
	err = vcpus_look(steer->vcpus);
	if (err)
		why_refuse(steer->why, err, "vCPUs");
	return steer->vcpus->count > 0;
}

static bool is_direct(const struct vhost_queue *queue)
{
	return queue->running && queue->direct;
}

static const struct vcpu *vcpu_of(const struct vhost_queue *queue)
{
	const struct steer *steer = queue->vm->steer;

	if (!steer || !steer->vcpus || !is_direct(queue))
		return NULL;
	return vcpus_find(steer->vcpus, steer->kickers[queue->index]);
}

/* Take over what BPF saw, if it is a vCPU: a thread of the front-end's rings on its behalf at
 * times. */
static bool take_kickers(struct steer *steer)
{
	bool changed = false;

	for (uint32_t i = 0; i < steer->vm->options.queues; i++) {
		const struct vhost_queue *queue = &steer->vm->queues[i];
		uint32_t thread = is_direct(queue) ? load_once(&queue->direct->kicker) : 0;

		if (steer->kickers[i] == thread || !vcpus_find(steer->vcpus, thread))
			continue;
		steer->kickers[i] = thread;
		changed = true;
	}
	return changed;
}

/* Tell BPF where to look. */
static void show_queues(struct steer *steer)
{
	const struct vm_options *options = &steer->vm->options;

	for (uint32_t i = 0; i < options->queues; i++) {
		struct vhost_queue *queue = &steer->vm->queues[i];
		const struct vcpu *vcpu = vcpu_of(queue);

		if (is_direct(queue))
			store_once(&queue->direct->vcpu,
				   vcpu && options->wake_halted ? vcpu->id + 1 : 0);
	}
}

static int load_kicker(struct steer *steer)
{
	struct load_reply reply;
	int err = loader_ask(steer->vm->loader, LOAD_KICKER, steer->vcpus->list[0].process, &reply);

	steer->kicker_fd = load_reply_take(&reply, 0);
	return err;
}

/* Whether doorbells were rung since the last step by nobody knows whom. */
static bool any_unknown(struct steer *steer)
{
	bool unknown = false;

	for (uint32_t i = 0; i < steer->vm->options.queues; i++) {
		const struct vhost_queue *queue = &steer->vm->queues[i];
		uint64_t kicks = vhost_queue_counters(queue).kicks;

		unknown |= is_direct(queue) && kicks != steer->kicks[i] && !vcpu_of(queue);
		steer->kicks[i] = kicks;
	}
	return unknown;
}

/* For a step, when a queue's is not known, and now and then, as the guest may change it. */
static void learn(struct steer *steer)
{
	const struct vm_options *options = &steer->vm->options;
	bool unknown = any_unknown(steer);
	int err = 0;

	steer->learning_fd = fd_close(steer->learning_fd);
	if (!steer->vm->maps || !options->wake_halted ||
	    (steer->learned++ % LEARN_STEPS && !unknown))
		return;
	if (steer->kicker_fd < 0)
		err = load_kicker(steer);
	if (!err) {
		steer->learning_fd = bpf_raw_tracepoint_open(NULL, steer->kicker_fd);
		err = steer->learning_fd < 0 ? -errno : 0;
	}
	if (err)
		log_debug("which vCPU rings which queue is not known: %s", strerror(-err));
}

/* The operator's list of CPUs is for all threads. */
static bool may_place(const struct vm *vm)
{
	return vm->options.placement && vm->options.cpus[0] < 0;
}

/* A thread that wakes often is what we are here to avoid: the less there is to do, the later the
 * next step. */
static void wait_longer(struct steer *steer, uint64_t most_us)
{
	steer->delay_us = min(steer->delay_us * 2, most_us);
}

static void step(struct steer *steer)
{
	uint64_t moves = steer->place.moves;
	bool changed;

	if (!look(steer)) {
		place_end(&steer->place);
		wait_longer(steer, BLIND_US);
		return;
	}
	changed = take_kickers(steer);
	learn(steer);
	show_queues(steer);
	if (may_place(steer->vm))
		place_step(&steer->place, steer->vcpus, &steer->irqs);
	else
		place_end(&steer->place);
	if (changed || steer->learning_fd >= 0 || steer->place.moves != moves)
		steer->delay_us = STEP_US;
	else
		wait_longer(steer, STEP_MAX_US);
}

/* Whether anything was done since the last step. */
static bool was_busy(struct steer *steer)
{
	uint64_t completed = 0;
	bool busy;

	for (uint32_t i = 0; i < steer->vm->options.queues; i++)
		completed += vhost_queue_counters(&steer->vm->queues[i]).completed;
	busy = completed != steer->completed;
	steer->completed = completed;
	return busy;
}

static void arm(struct steer *steer)
{
	sd_event_source_set_time(steer->timer, clock_ns(CLOCK_MONOTONIC) / 1000 + steer->delay_us);
	sd_event_source_set_enabled(steer->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
	struct steer *steer = data;

	(void)source, (void)usec;
	if (was_busy(steer) || steer->learning_fd >= 0)
		step(steer);
	else
		wait_longer(steer, steer->vm->front ? STEP_MAX_US : BLIND_US);
	arm(steer);
	return 0;
}

int steer_open(sd_event *event, struct vm *vm)
{
	struct steer *steer = calloc(1, sizeof(*steer));
	int err;

	if (!steer)
		return -ENOMEM;
	steer->vm = vm;
	steer->kicker_fd = steer->learning_fd = -1;
	steer->delay_us = STEP_US;
	drive_irqs_find(vm->backend.disk_number, &steer->irqs);
	err = sd_event_add_time_relative(event, &steer->timer, CLOCK_MONOTONIC, STEP_US,
					 ACCURACY_US, on_timer, steer);
	if (err < 0) {
		free(steer);
		return err;
	}
	vm->steer = steer;
	return 0;
}

void steer_front_changed(struct vm *vm)
{
	struct steer *steer = vm->steer;

	if (!steer)
		return;
	if (!vm->front && !look(steer))
		place_end(&steer->place);
	steer->delay_us = STEP_US;
	arm(steer);
}

void steer_close(struct vm *vm)
{
	struct steer *steer = vm->steer;

	if (!steer)
		return;
	vm->steer = NULL;
	forget(steer);
	sd_event_source_disable_unref(steer->timer);
	free(steer);
}

static void changed(struct vm *vm, bool *option, bool on)
{
	*option = on;
	if (vm->steer)
		step(vm->steer);
}

void steer_set_wake_halted(struct vm *vm, bool on)
{
	changed(vm, &vm->options.wake_halted, on);
}

void steer_set_placement(struct vm *vm, bool on)
{
	changed(vm, &vm->options.placement, on);
}

static struct json_object *vcpus_json(const struct vcpus *vcpus)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < vcpus->count; i++) {
		const struct vcpu *vcpu = &vcpus->list[i];
		struct json_object *object = json_object_new_object();

		json_add_number(object, "vcpu", vcpu->id);
		json_add_text(object, "state", vcpu->state);
		json_object_object_add(object, "cpu", json_object_new_int(vcpu->cpu));
		json_add_number(object, "thread", vcpu->thread);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *place_json(const struct vm *vm)
{
	const struct place *place = &vm->steer->place;
	struct json_object *object = json_object_new_object();
	char cpus[128];

	place_text(&place->set, cpus, sizeof(cpus));
	json_add_bool(object, "on", may_place(vm));
	json_add_text(object, "cpus", place->in_force ? cpus : NULL);
	json_add_number(object, "moves", place->moves);
	json_add_number(object, "left_alone", place->left_alone);
	return object;
}

void steer_add_json(struct vm *vm, struct json_object *object)
{
	struct steer *steer = vm->steer;
	bool seen = steer && look(steer);

	json_add_bool(object, "wake_halted", vm->options.wake_halted);
	if (!steer)
		return;
	json_object_object_add(object, "placement", place_json(vm));
	json_object_object_add(object, "vcpus", seen ? vcpus_json(steer->vcpus) : NULL);
	json_add_text(object, "vcpus_why", seen || !*steer->why ? NULL : steer->why);
}

int steer_vcpu(const struct vhost_queue *queue)
{
	const struct vcpu *vcpu = vcpu_of(queue);

	return vcpu ? (int)vcpu->id : -1;
}
