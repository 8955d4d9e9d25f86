// SPDX-License-Identifier: GPL-2.0-only
/* The virtio-blk driver: split virtqueues, virtio 1.3 §2.7, and requests, §5.2.6. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "front.h"
#include "kvm_doorbell.h"

#define REQUEST_MS 20000

static uint16_t take_desc(struct front_queue *queue)
{
	uint16_t index = queue->free_head;

	if (!queue->free_count)
		die("queue %u: no free descriptor", queue->index);
	queue->free_head = queue->desc[index].next;
	queue->free_count--;
	return index;
}

static void fill(struct vring_desc *desc, const struct front_segment *segment, bool more,
		 uint16_t next)
{
	desc->addr = segment->gpa;
	desc->len = segment->len;
	desc->flags = (uint16_t)((segment->writable ? VRING_DESC_F_WRITE : 0) |
				 (more ? VRING_DESC_F_NEXT : 0));
	if (more)
		desc->next = next;
}

uint16_t front_add_table(struct front_queue *queue, struct vring_desc *table,
			 const struct front_segment *segments, uint32_t count)
{
	uint16_t head = take_desc(queue), next = queue->desc[head].next;

	for (uint32_t i = 0; i < count; i++)
		fill(&table[i], &segments[i], i + 1 < count, (uint16_t)(i + 1));
	queue->desc[head] = (struct vring_desc){
		.addr = front_gpa(queue->front, table),
		.len = (uint32_t)(count * sizeof(struct vring_desc)),
		.flags = VRING_DESC_F_INDIRECT,
		.next = next,
	};
	return head;
}

uint16_t front_add(struct front_queue *queue, const struct front_segment *segments, uint32_t count,
		   bool indirect)
{
	uint16_t head, index;

	if (indirect)
		return front_add_table(
			queue,
			front_alloc(queue->front, count * sizeof(struct vring_desc), 16, NULL),
			segments, count);
	head = index = take_desc(queue);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t next = i + 1 < count ? take_desc(queue) : queue->desc[index].next;

		fill(&queue->desc[index], &segments[i], i + 1 < count, next);
		index = next;
	}
	return head;
}

void front_avail(struct front_queue *queue, uint16_t head)
{
	queue->avail->ring[queue->avail_idx % queue->size] = head;
	queue->avail_idx++;
}

static bool wants_kick(const struct front_queue *queue, uint16_t from)
{
	if (queue->front->features & BIT64(VIRTIO_RING_F_EVENT_IDX)) {
		uint16_t event = *(volatile uint16_t *)&queue->used->ring[queue->size];

		return vring_need_event(event, queue->avail_idx, from);
	}
	return !(*(volatile uint16_t *)&queue->used->flags & VRING_USED_F_NO_NOTIFY);
}

bool front_expose(struct front_queue *queue)
{
	uint16_t from = queue->avail->idx;

	__atomic_store_n(&queue->avail->idx, queue->avail_idx, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return queue->kick_fd >= 0 && wants_kick(queue, from);
}

void front_kick(struct front_queue *queue)
{
	__atomic_fetch_add(&queue->kicks, 1, __ATOMIC_RELAXED);
	if (queue->front->doorbell)
		kvm_doorbell_ring(queue->front->doorbell, queue->index);
	else
		eventfd_write(queue->kick_fd, 1);
}

void front_publish(struct front_queue *queue)
{
	if (front_expose(queue))
		front_kick(queue);
}

static void free_chain(struct front_queue *queue, uint16_t head)
{
	uint16_t index = head;

	for (;;) {
		bool more = queue->desc[index].flags & VRING_DESC_F_NEXT;
		uint16_t next = queue->desc[index].next;

		queue->free_count++;
		if (!more)
			break;
		index = next;
	}
	queue->desc[index].next = queue->free_head;
	queue->free_head = head;
}

int front_poll(struct front_queue *queue, uint32_t *ret_len)
{
	uint16_t idx = __atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE);
	struct vring_used_elem entry;

	if (idx == queue->last_used)
		return -1;
	if ((uint16_t)(idx - queue->last_used) > queue->size)
		die("queue %u: the used index went from %u to %u", queue->index, queue->last_used,
		    idx);
	entry = queue->used->ring[queue->last_used % queue->size];
	queue->last_used++;
	if (entry.id >= queue->size)
		die("queue %u: used entry names descriptor %u", queue->index, entry.id);
	if (ret_len)
		*ret_len = entry.len;
	free_chain(queue, (uint16_t)entry.id);
	return (int)entry.id;
}

bool front_arm(struct front_queue *queue)
{
	if (queue->front->features & BIT64(VIRTIO_RING_F_EVENT_IDX))
		*(volatile uint16_t *)&queue->avail->ring[queue->size] = queue->last_used;
	else
		*(volatile uint16_t *)&queue->avail->flags = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return *(volatile uint16_t *)&queue->used->idx != queue->last_used;
}

int front_wait(struct front_queue *queue, int ms, uint32_t *ret_len)
{
	int head;

	while ((head = front_poll(queue, ret_len)) < 0) {
		struct pollfd wait = { .fd = queue->call_fd, .events = POLLIN };
		eventfd_t value;

		if (front_arm(queue))
			continue;
		if (queue->call_fd < 0) {
			if (!ms--)
				die("queue %u: nothing came back", queue->index);
			usleep(1000);
			continue;
		}
		if (poll(&wait, 1, ms) != 1)
			die("queue %u: no interrupt in %d ms; used index %u, seen %u, avail %u",
			    queue->index, ms, queue->used->idx, queue->last_used, queue->avail_idx);
		eventfd_read(queue->call_fd, &value);
		queue->interrupts++;
	}
	return head;
}

void front_request_init(struct front *front, struct front_request *request, uint32_t data_bytes)
{
	/* Linux keeps the status byte right behind the header. */
	request->header = front_alloc(front, sizeof(*request->header) + 16, 16, NULL);
	request->status = (uint8_t *)(request->header + 1);
	request->data = front_alloc(front, data_bytes ? data_bytes : 1, 4096, &request->data_gpa);
	request->data_bytes = data_bytes;
	request->table = front_alloc(front, FRONT_TABLE * sizeof(struct vring_desc), 16, NULL);
}

uint16_t front_start(struct front_queue *queue, struct front_request *request, uint32_t type,
		     uint64_t sector, uint32_t bytes, bool indirect)
{
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	struct front_segment segments[3];
	uint32_t count = 0;
	uint16_t head;

	*request->header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	segments[count++] = (struct front_segment){ front_gpa(queue->front, request->header),
						    sizeof(*request->header), false };
	if (bytes)
		segments[count++] = (struct front_segment){ request->data_gpa, bytes, in };
	segments[count++] =
		(struct front_segment){ front_gpa(queue->front, request->status), 1, true };
	head = indirect ? front_add_table(queue, request->table, segments, count)
			: front_add(queue, segments, count, false);
	front_avail(queue, head);
	front_publish(queue);
	return head;
}

/* The request at @head is the only one under way: wait for it, and return its status. */
static uint8_t finish(struct front_queue *queue, struct front_request *request, uint16_t head)
{
	if (front_wait(queue, REQUEST_MS, NULL) != head)
		die("queue %u: another request came back than was sent", queue->index);
	return *request->status;
}

uint8_t front_do(struct front_queue *queue, struct front_request *request, uint32_t type,
		 uint64_t sector, uint32_t bytes)
{
	*request->status = 0xff;
	return finish(queue, request, front_start(queue, request, type, sector, bytes, false));
}

uint8_t front_do_segments(struct front_queue *queue, struct front_request *request, uint32_t type,
			  uint64_t sector, const struct front_segment *segments, uint32_t count,
			  bool indirect)
{
	uint16_t head;

	*request->header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	*request->status = 0xff;
	head = front_add(queue, segments, count, indirect);
	front_avail(queue, head);
	front_publish(queue);
	return finish(queue, request, head);
}
