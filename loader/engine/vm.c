// SPDX-License-Identifier: GPL-2.0-only
#include "vm.h"

#include <fcntl.h>
#include <linux/vhost_types.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "base/bpf_util.h"
#include "base/cgroup.h"
#include "base/cgroup_member.h"
#include "base/log.h"
#include "base/pins.h"
#include "base/sigbus.h"
#include "direct_maps.h"
#include "load/loader.h"
#include "pinned_memory.h"
#include "vm_limits.h"
#include "vm_pages.h"

int vm_start(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->options.workers; i++) {
		struct worker *worker = &vm->workers[i];
		int err;

		worker->index = i;
		worker->cpu = vm->options.cpus[i];
		worker->spin.budget_ns = vm->options.spin_us * 1000ULL;
		worker->memory = &vm->map.memory;
		worker->backend = &vm->backend;
		err = worker_start(worker);
		if (err) {
			log_error("worker %u: io_uring: %s%s", i, strerror(-err),
				  err == -EPERM
					  ? "; allow it with sysctl kernel.io_uring_disabled=0"
				  : err == -ENOMEM ? "; raise the memlock limit"
						   : "");
			return err;
		}
		vm->workers_started++;
	}
	return 0;
}

/* What was changed, where those that serve look for it. */
static void show_options(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->options.queues; i++) {
		struct coalesce *coalesce = vhost_queue_coalesce(&vm->queues[i]);

		store_once(&coalesce->moderation.off, !vm->options.moderation);
		store_once(&coalesce->patience.off, !vm->options.patience);
		if (vm->queues[i].direct)
			store_once(&vm->queues[i].direct->spin.budget_ns,
				   vm->options.spin_us * 1000ULL);
	}
}

void vm_set_moderation(struct vm *vm, bool on)
{
	vm->options.moderation = on;
	show_options(vm);
}

void vm_set_patience(struct vm *vm, bool on)
{
	vm->options.patience = on;
	show_options(vm);
}

void vm_set_spin_us(struct vm *vm, uint32_t spin_us)
{
	vm->options.spin_us = spin_us;
	for (uint32_t i = 0; i < vm->workers_started; i++)
		store_once(&vm->workers[i].spin.budget_ns, spin_us * 1000ULL);
	show_options(vm);
}

static int open_stats(struct vm *vm)
{
	int err = stats_memory_open(vm->options.queues, &vm->stats);

	for (uint32_t i = 0; i < vm->options.queues && !err; i++) {
		vm->queues[i].stats = &vm->stats.queues[i];
		vm->queues[i].counters = &vm->stats.queues[i].counters;
	}
	if (!err)
		err = pins_open(vm->options.pin_dir, vm->options.name, &vm->pins);
	if (!err)
		pins_add(vm->pins, stats_memory_map(&vm->stats), "stats");
	return err;
}

static int check_pinning(const struct vm_options *options)
{
	int err = options->pin_memory ? pinned_memory_check() : 0;

	if (err)
		log_error("--pin-memory: this kernel's io_urings cannot share registered memory "
			  "(Linux 6.12): start without it");
	return err;
}

static int open_loader(struct vm *vm)
{
	const struct load_terms terms = {
		.queues = vm->options.queues,
		.pid = getpid(),
		.tgid = vm->options.bpf ? bpf_own_tgid() : 0,
		.stats_fd = stats_memory_map(&vm->stats),
		.cgroup_fd = vm->cgroup ? vm->cgroup->fd : -1,
	};

	return vm->options.bpf ? loader_open(&terms, &vm->loader) : 0;
}

int vm_create(const struct vm_options *options, const struct backend_options *backend,
	      struct vm **ret_vm)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int err;

	if (!vm)
		return -ENOMEM;
	vm->options = *options;
	vm->direct_asked = options->engine != ENGINE_WORKER;
	vm->inflight_map = -1;
	vm->limits = &vm->own_limits;
	vm_limits_set(vm, options->per_second);
	vm->backend.fd = -1;
	vm->backend.claim_fd = -1;
	for (uint32_t i = 0; i < VM_QUEUES_MAX; i++)
		vhost_queue_init(&vm->queues[i], vm, i);
	err = open_stats(vm);
	if (!err && options->cgroup)
		err = cgroup_open(options->cgroup, &vm->cgroup);
	if (err == -ENOENT)
		sd_notify(0, "X_NVRING_GONE=1");
	if (!err)
		err = cgroup_member_open(vm->cgroup, &vm->member);
	if (!err)
		err = open_loader(vm);
	if (!err)
		err = check_pinning(options);
	if (!err)
		err = backend_open(backend, &vm->backend);
	if (err) {
		vm_free(vm);
		return err;
	}
	*ret_vm = vm;
	return 0;
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	vm_reset(vm, VM_RESET_GONE);
	engine_close(vm);
	for (uint32_t i = 0; i < vm->workers_started; i++)
		worker_stop(&vm->workers[i]);
	backend_close(&vm->backend);
	loader_close(vm->loader);
	pins_close(vm->pins);
	stats_memory_close(&vm->stats);
	cgroup_member_close(vm->member);
	cgroup_close(vm->cgroup);
	free(vm);
}

uint64_t vm_features(const struct vm *vm)
{
	return blk_config_features(&vm->backend.disk, vm->options.queues);
}

/*
 * Writes may stay in the device's cache only while the guest can flush it: it acknowledged
 * FLUSH, or write back mode was chosen. Virtio 1.3 §5.2.6.2. A driver that knows CONFIG_WCE
 * starts in the mode the configuration space shows.
 */
void vm_update_durability(struct vm *vm)
{
	struct disk *disk = &vm->backend.disk;

	disk->flags &= ~DISK_WRITE_THROUGH;
	if (!(disk->flags & DISK_CACHE))
		return;
	if (vm->write_through || !(vm->features & 1ULL << VIRTIO_BLK_F_FLUSH))
		disk->flags |= DISK_WRITE_THROUGH;
}

bool vm_migrates(const struct vm *vm)
{
	return vm->features & 1ULL << VHOST_F_LOG_ALL;
}

int vm_set_features(struct vm *vm, uint64_t features)
{
	if (features == vm->features)
		return 0;
	vm_pause(vm);
	if (vm_migrates(vm) && !(features & 1ULL << VHOST_F_LOG_ALL))
		dirty_log_close(&vm->log);
	vm->features = features;
	vm_update_durability(vm);
	return vm_resume(vm);
}

void vm_pause(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->options.queues; i++)
		vhost_queue_stop(&vm->queues[i]);
}

/* What all rings have registered is vm->pinned from now on. */
static int share_memory(struct vm *vm)
{
	int err = engine_use_memory(vm);

	for (uint32_t i = 0; i < vm->workers_started && !err; i++)
		err = worker_use_memory(&vm->workers[i], vm->pinned);
	return err;
}

static void unpin_memory(struct vm *vm)
{
	if (!vm->pinned)
		return;
	pinned_memory_close(vm->pinned, &vm->map.memory);
	vm->pinned = NULL;
	share_memory(vm);
}

/* Pin guest memory as it is now, where that is wanted; no queue runs. */
static int pin_memory(struct vm *vm)
{
	int err;

	if (!vm->options.pin_memory || (vm->pinned && vm->pinned_at == vm->map.changes))
		return 0;
	unpin_memory(vm);
	vm->pinned_at = vm->map.changes;
	err = pinned_memory_open(&vm->map.memory, &vm->pinned);
	if (!err)
		err = share_memory(vm);
	if (!err)
		return 0;
	unpin_memory(vm);
	log_error("--pin-memory: guest memory cannot be registered: %s%s", strerror(-err),
		  err == -ENOMEM ? "; raise the memlock limit" : "");
	return err;
}

int vm_resume(struct vm *vm)
{
	int result = 0, err;

	if (vm->pages_at != vm->map.changes)
		vm_pages_forget(vm);
	vm->pages_at = vm->map.changes;
	err = pin_memory(vm);
	if (err)
		return err;
	for (uint32_t i = 0; i < vm->options.queues; i++) {
		err = vhost_queue_update(&vm->queues[i]);
		if (err && !result)
			result = err;
	}
	return result;
}

static void drop_inflight(struct vm *vm)
{
	if (vm->inflight_area) {
		sigbus_release(vm->inflight_area);
		munmap(vm->inflight_area, vm->inflight_bytes);
	}
	vm->inflight_area = NULL;
	vm->inflight_map = fd_close(vm->inflight_map);
}

void vm_reset(struct vm *vm, enum vm_reset how)
{
	for (uint32_t i = 0; i < VM_QUEUES_MAX; i++)
		vhost_queue_reset(&vm->queues[i], how == VM_RESET_GONE);
	vm->features = 0;
	vm->has_protocol = false;
	vm->write_through = false;
	vm->status = 0;
	vm_update_durability(vm);
	if (how == VM_RESET_DEVICE)
		return;
	engine_rest(vm);
	drop_inflight(vm);
	dirty_log_close(&vm->log);
	guest_map_clear(&vm->map);
	unpin_memory(vm); /* it would keep pages of memory that is gone */
	vm_pages_forget(vm);
	vm->memory_seen = false;
	sigbus_forget();
}

int vm_inflight_create(struct vm *vm, uint32_t queues, uint16_t size, uint64_t *ret_bytes)
{
	uint64_t bytes = queues * inflight_queue_bytes(size);
	_cleanup_close_ int fd = -1;

	if (vm->direct_asked && queues <= vm->options.queues) {
		fd = direct_maps_new_inflight(vm->loader);
		*ret_bytes = vm->options.queues * sizeof(struct inflight_largest);
		if (fd >= 0)
			return fd_steal(&fd);
	}
	fd = memfd_create("nvring-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return -errno;
	*ret_bytes = bytes;
	return fd_steal(&fd);
}

static int check_inflight_file(int fd, uint64_t bytes, uint64_t offset, uint64_t *ret_page)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*ret_page = guest_map_page(&st);
	return offset > (uint64_t)st.st_size || bytes > (uint64_t)st.st_size - offset ? -EINVAL : 0;
}

int vm_inflight_use(struct vm *vm, int fd, uint64_t bytes, uint64_t offset, uint32_t queues,
		    uint16_t size)
{
	bool is_map = direct_maps_suits(fd, vm->options.queues);
	uint64_t stride = is_map ? sizeof(struct inflight_largest) : inflight_queue_bytes(size);
	uint64_t page = PAGE_BYTES;
	void *area;
	int err = 0;

	if (!queues || queues > VM_QUEUES_MAX || !size || size > QUEUE_SIZE_MAX ||
	    bytes / stride < queues)
		return -EINVAL;
	if (!is_map)
		err = check_inflight_file(fd, bytes, offset, &page);
	if (err)
		return err;
	bytes = (bytes + page - 1) & ~(page - 1); /* munmap() wants whole huge pages */
	area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (area == MAP_FAILED)
		return -errno;
	if (sigbus_guard(area, bytes, page)) {
		munmap(area, bytes);
		return -ENOSPC;
	}
	drop_inflight(vm);
	vm->inflight_area = area;
	vm->inflight_bytes = bytes;
	vm->inflight_queues = queues;
	vm->inflight_size = size;
	vm->inflight_stride = stride;
	/* A map at an odd place is memory all the same. */
	if (is_map && !offset)
		vm->inflight_map = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}
