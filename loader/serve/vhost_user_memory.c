// SPDX-License-Identifier: GPL-2.0-only
/* Messages about guest memory, the log of what we write there, and the in-flight area. */
#include <string.h>

#include "engine/vm.h"
#include "vhost_user_handlers.h"

/* Map one region; no queue runs. */
static int add_region(struct vhost_user *connection, const struct vhost_user_region *region, int fd)
{
	const struct guest_map_region map_region = {
		.gpa = region->gpa,
		.size = region->size,
		.user_addr = region->user_addr,
		.mmap_offset = region->mmap_offset,
	};
	int err = guest_map_add(&connection->vm->map, &map_region, fd);

	if (!err)
		return 0;
	return vhost_user_refuse(connection, err,
				 "region of %#llx bytes at guest address %#llx, file offset "
				 "%#llx: %s",
				 (unsigned long long)region->size, (unsigned long long)region->gpa,
				 (unsigned long long)region->mmap_offset,
				 err == -EINVAL	  ? "empty, wraps or longer than its file"
				 : err == -EEXIST ? "overlaps another region"
				 : err == -ENOSPC ? "too many regions"
						  : strerror(-err));
}

int vhost_user_set_mem_table(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	uint32_t count = message->payload.table.count;
	struct vm *vm = connection->vm;
	int err = 0, resumed;

	/* UML sends room for more regions than it uses. */
	if (count > VHOST_USER_TABLE_REGIONS || count != message->fd_count ||
	    message->header.size < 8 + count * sizeof(struct vhost_user_region))
		return vhost_user_refuse(connection, -EINVAL,
					 "%u regions in %u bytes with %u descriptors", count,
					 message->header.size, message->fd_count);
	vm_pause(vm);
	guest_map_clear(&vm->map);
	for (uint32_t i = 0; i < count && !err; i++)
		err = add_region(connection, &message->payload.table.region[i], message->fds[i]);
	vm->memory_seen = !err;
	resumed = vm_resume(vm);
	return err ? err : resumed;
}

int vhost_user_get_max_mem_slots(struct vhost_user *connection)
{
	return vhost_user_reply_u64(connection, GUEST_REGIONS_MAX);
}

int vhost_user_add_mem_reg(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	struct vm *vm = connection->vm;
	int err, resumed;

	vm_pause(vm);
	err = add_region(connection, &message->payload.slot.region, message->fds[0]);
	vm->memory_seen |= !err;
	resumed = vm_resume(vm);
	return err ? err : resumed;
}

int vhost_user_rem_mem_reg(struct vhost_user *connection)
{
	const struct vhost_user_region *region = &connection->message.payload.slot.region;
	const struct guest_map_region map_region = {
		.gpa = region->gpa,
		.size = region->size,
		.user_addr = region->user_addr,
	};
	struct vm *vm = connection->vm;
	int err, resumed;

	vm_pause(vm);
	err = guest_map_remove(&vm->map, &map_region);
	if (err)
		vhost_user_refuse(
			connection, err, "no region of %#llx bytes at guest address %#llx",
			(unsigned long long)region->size, (unsigned long long)region->gpa);
	resumed = vm_resume(vm);
	return err ? err : resumed;
}

int vhost_user_set_log_base(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	uint64_t bytes = message->payload.log.mmap_size, offset = message->payload.log.mmap_offset;
	struct vm *vm = connection->vm;
	int err, resumed;

	/* From our reply on nothing goes to the old one: the front-end frees it. */
	vm_pause(vm);
	err = dirty_log_open(&vm->log, message->fds[0], bytes, offset);
	if (err)
		vhost_user_refuse(connection, err, "%llu bytes at %llu: %s",
				  (unsigned long long)bytes, (unsigned long long)offset,
				  err == -EINVAL ? "the file is shorter" : strerror(-err));
	resumed = vm_resume(vm);
	if (err || resumed)
		return err ? err : resumed;
	message->fds[0] = fd_close(message->fds[0]); /* it is not to go back */
	message->fd_count = 0;
	return vhost_user_reply_u64(connection, 0);
}

int vhost_user_get_inflight_fd(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	uint32_t queues = message->payload.inflight.num_queues;
	uint16_t size = message->payload.inflight.queue_size;
	uint64_t bytes = 0;
	int fd, err;

	if (!queues || queues > VM_QUEUES_MAX || !size || size > QUEUE_SIZE_MAX)
		return vhost_user_refuse(connection, -EINVAL, "%u queues of size %u", queues, size);
	vm_pause(connection->vm);
	fd = vm_inflight_create(connection->vm, queues, size, &bytes);
	err = vm_resume(connection->vm);
	if (fd >= 0 && err) {
		fd_close(fd);
		return err;
	}
	if (fd < 0)
		return vhost_user_refuse(connection, fd, "%s", strerror(-fd));
	message->payload.inflight.mmap_size = bytes;
	message->payload.inflight.mmap_offset = 0;
	message->fds[0] = fd;
	message->fd_count = 1;
	/* The size stays as it came: with the struct's tail padding or without. */
	return VHOST_USER_REPLIED;
}

int vhost_user_set_inflight_fd(struct vhost_user *connection)
{
	struct vhost_user_message *message = &connection->message;
	struct vm *vm = connection->vm;
	int err, resumed;

	vm_pause(vm);
	err = vm_inflight_use(vm, message->fds[0], message->payload.inflight.mmap_size,
			      message->payload.inflight.mmap_offset,
			      message->payload.inflight.num_queues,
			      message->payload.inflight.queue_size);
	if (err)
		vhost_user_refuse(
			connection, err, "%u queues of size %u in %llu bytes: %s",
			message->payload.inflight.num_queues, message->payload.inflight.queue_size,
			(unsigned long long)message->payload.inflight.mmap_size, strerror(-err));
	resumed = vm_resume(vm);
	return err ? err : resumed;
}
