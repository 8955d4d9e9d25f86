/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One VM's disk: its back-end, its memory, its queues and the workers that serve them. What the
 * vhost-user messages act on. Control thread only, but where vhost_queue.h says otherwise.
 */
#ifndef NVRING_VM_H
#define NVRING_VM_H

#include "disk/backend.h"
#include "disk/blk_config.h"
#include "dirty_log.h"
#include "guest_map.h"
#include "stats_memory.h"
#include "vhost_queue.h"
#include "worker.h"

#define VM_SPIN_US_MAX 1000000
#define VM_QUEUES_MAX  WORKER_QUEUES_MAX
#define VM_WORKERS_MAX 64

struct cgroup;
struct cgroup_member;
struct loader;
struct pinned_memory;
struct steer;
struct vhost_user;
struct vm_share;

struct vm_options {
	const char *name;
	const char *cgroup;		  /* the VM's, as the operator named it, or NULL */
	uint32_t queues;		  /* offered to the guest, 1..VM_QUEUES_MAX */
	uint32_t workers;		  /* 1..VM_WORKERS_MAX */
	int cpus[VM_WORKERS_MAX];	  /* CPU of each worker, -1 anywhere */
	uint32_t spin_us;		  /* most a worker spins before it sleeps */
	uint64_t per_second[LIMIT_KINDS]; /* --iops, --bw; 0: no limit */
	bool pin_memory;
	bool bpf;	    /* off: no engine but the worker, and nothing is known of vCPUs */
	bool vcpu_dispatch; /* with the poller */
	bool moderation;    /* of interrupts, include/moderate.h */
	bool patience;	    /* they are held for longer, include/patience.h */
	bool wake_halted;   /* interrupts are not held for a halted vCPU */
	bool placement;	    /* threads keep off the CPUs of vCPUs */
	enum engine engine;
	const char *pin_dir; /* base of the folder for bpftool, NULL for the usual one */
};

struct vm {
	struct vm_options options;
	struct backend backend;
	struct limits *limits; /* in force; where BPF has them, once there are maps */
	struct limits own_limits;
	uint64_t io_max[LIMIT_KINDS]; /* the cgroup's: units a second, 0 for no limit */
	double drive_percent;  /* likewise: the VM's part of the drive's time, 0 for no limit */
	struct cgroup *cgroup; /* the front-end's process must be in it; NULL: anyone's may */
	struct cgroup_member *member; /* this process in it, NULL without */
	struct guest_map map;
	struct pinned_memory *pinned; /* the same, or NULL */
	uint32_t pinned_at;	      /* map.changes when it was pinned */
	pid_t front_pid;	      /* the front-end's process while one is connected */
	uint64_t features;	      /* virtio features the front-end acknowledged */
	bool has_protocol;  /* vhost-user's protocol features, too: rings are enabled one by one */
	uint8_t status;	    /* virtio device status, §2.1 */
	bool write_through; /* the guest chose it in configuration space */
	struct vhost_user *front; /* its connection, NULL without */
	bool memory_seen;	  /* a memory table was set: queues may start */
	struct dirty_log log;	  /* of what we write, for a migration */

	void *inflight_area;
	size_t inflight_bytes;
	uint16_t inflight_size; /* queue size the area is laid out for */
	uint32_t inflight_queues;
	uint64_t inflight_stride; /* bytes from one queue's part to the next */
	int inflight_map;	  /* it is this map, which BPF can write, or -1 */

	struct direct_maps *maps; /* shared with BPF, NULL until a direct engine is wanted */
	bool maps_heard;	  /* worker 0 listens to their calls */
	bool direct_asked;	  /* an engine other than the worker was, at any time */
	struct poller *poller;	  /* NULL until it is wanted */
	struct loop_program *loop_program; /* likewise, of all loops */
	struct chooser *chooser;	   /* NULL while nothing measures */
	struct steer *steer;		   /* likewise */
	struct vm_pages *pages;		   /* likewise: BPF reads none in place */
	uint32_t pages_at;		   /* map.changes that they are of */
	struct vm_share *share;		   /* likewise: until when the drive's time is limited */

	struct loader *loader;	   /* of BPF, NULL without */
	struct stats_memory stats; /* what the queues count in */
	struct pins *pins;	   /* what bpftool finds, or NULL */
	struct vhost_queue queues[VM_QUEUES_MAX];
	struct worker workers[VM_WORKERS_MAX];
	uint32_t workers_started;
};

/**
 * vm_create() - open the back-end
 * @options: of the VM; copied, @options->name by reference
 * @backend: of its disk
 * @ret_vm: set; free with vm_free()
 *
 * Return: 0 or -errno; the cause is logged.
 */
int vm_create(const struct vm_options *options, const struct backend_options *backend,
	      struct vm **ret_vm);

/**
 * vm_start() - start the workers: from now on there is more than one thread
 * @vm: from vm_create()
 *
 * Return: 0 or -errno; the cause is logged.
 */
int vm_start(struct vm *vm);

/* vm_free() - stop everything and close it; @vm may be NULL */
void vm_free(struct vm *vm);

/* vm_features() - virtio features offered */
uint64_t vm_features(const struct vm *vm);

/**
 * vm_set_features() - the front-end acknowledged these
 * @vm: the VM
 * @features: a subset of vm_features(), and what the transport adds
 *
 * Running queues are restarted: the features decide how they notify, and who may serve them.
 * Return: 0, or -errno of a queue that did not start again.
 */
int vm_set_features(struct vm *vm, uint64_t features);

/* vm_migrates() - the front-end wants what we write logged: only workers may serve */
bool vm_migrates(const struct vm *vm);

/* vm_update_durability() - the guest or its features changed the write cache mode */
void vm_update_durability(struct vm *vm);

/**
 * vm_pause() - drain and stop every running queue, to change what they all use
 * @vm: the VM
 *
 * vm_resume() starts them where they were.
 */
void vm_pause(struct vm *vm);

/**
 * vm_resume() - register memory where asked for and start what should run
 * @vm: the VM
 *
 * Return: 0, or the first error; the cause is logged.
 */
int vm_resume(struct vm *vm);

enum vm_reset {
	VM_RESET_DEVICE, /* the guest's doing: the memory table and eventfds stay */
	VM_RESET_GONE,	 /* the front-end's connection is gone, and all it gave us */
};

/**
 * vm_reset() - as after power-on: queues unconfigured, nothing negotiated
 * @vm: the VM
 * @how: what is kept
 */
void vm_reset(struct vm *vm, enum vm_reset how);

/**
 * vm_inflight_create() - make an area for in-flight tracking
 * @vm: the VM
 * @queues: number of queues, 1..VM_QUEUES_MAX
 * @size: queue size, 1..QUEUE_SIZE_MAX
 * @ret_bytes: set to the area's size
 *
 * A BPF map where direct engines may be wanted, so that they can track in it, else a memfd. The
 * VM's queues are stopped.
 * Return: its descriptor, owned by the caller, or -errno.
 */
int vm_inflight_create(struct vm *vm, uint32_t queues, uint16_t size, uint64_t *ret_bytes);

/**
 * vm_inflight_use() - track in this area from now on
 * @vm: the VM, its queues stopped
 * @fd: the area's file; stays the caller's
 * @bytes: its size
 * @offset: where in the file, page-aligned
 * @queues: number of queues it holds
 * @size: queue size it is laid out for
 *
 * Return: 0 or -errno.
 */
int vm_inflight_use(struct vm *vm, int fd, uint64_t bytes, uint64_t offset, uint32_t queues,
		    uint16_t size);

/* vm_set_moderation() - interrupts for several completions, from now on; of queues to come, too */
void vm_set_moderation(struct vm *vm, bool on);

/* vm_set_patience() - likewise, interrupts that are held for longer where that costs no time */
void vm_set_patience(struct vm *vm, bool on);

/* vm_set_spin_us() - how long its queues' engines look for more work, likewise; 0..VM_SPIN_US_MAX
 */
void vm_set_spin_us(struct vm *vm, uint32_t spin_us);

#endif
