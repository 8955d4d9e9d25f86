// SPDX-License-Identifier: GPL-2.0-only
/* The virtqueue's device side: taking heads, used entries, doorbells and
 * interrupts. */
#include "unit.h"

#include "guest.h"
#include "notify.h"
#include "used.h"

static int setup(void **state)
{
	*state = guest_new(8);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	guest_free(*state);
	return 0;
}

/* Start all indices at @index, as after many requests. */
static void start_at(struct guest *guest, __u16 index)
{
	struct queue_state *queue = &guest->queue;

	guest->vring.avail->idx = cpu_to_le16(index);
	guest->vring.used->idx = cpu_to_le16(index);
	queue->last_avail = queue->used_idx = queue->published = queue->signalled = index;
}

static void heads_come_in_order(void **state)
{
	struct guest *guest = *state;

	start_at(guest, 0xfffc);
	assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 0);
	for (__u16 i = 0; i < 8; i++)
		guest_offer(guest, (__u16)(7 - i));
	for (int i = 0; i < 8; i++) {
		assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 8 - i);
		assert_int_equal(virtqueue_take(&guest->queue, &guest->vring), 7 - i);
	}
	assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 0);
	assert_int_equal(guest->queue.last_avail, 4);
	assert_false(guest->queue.flags & QUEUE_BROKEN);
}

static void index_jump_breaks(void **state)
{
	struct guest *guest = *state;

	start_at(guest, 100);
	guest->vring.avail->idx = cpu_to_le16(108);
	assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 8);
	guest->vring.avail->idx = cpu_to_le16(109);
	assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 0);
	assert_int_equal(guest->queue.fault, QUEUE_FAULT_AVAIL_JUMP);
	/* A broken queue stays so, whatever the driver writes. */
	guest->vring.avail->idx = cpu_to_le16(101);
	assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 0);
}

static void index_going_back_breaks(void **state)
{
	struct guest *guest = *state;

	start_at(guest, 100);
	guest->vring.avail->idx = cpu_to_le16(99);
	assert_int_equal(virtqueue_pending(&guest->queue, &guest->vring), 0);
	assert_int_equal(guest->queue.fault, QUEUE_FAULT_AVAIL_JUMP);
}

static void head_out_of_range_breaks(void **state)
{
	struct guest *guest = *state;

	guest_offer(guest, 7);
	assert_int_equal(virtqueue_take(&guest->queue, &guest->vring), 7);
	guest_offer(guest, 8);
	assert_int_equal(virtqueue_take(&guest->queue, &guest->vring), -EPROTO);
	assert_int_equal(guest->queue.fault, QUEUE_FAULT_HEAD_RANGE);
	assert_int_equal(guest->queue.last_avail, 1);
}

static void first_fault_is_kept(void **state)
{
	struct guest *guest = *state;

	virtqueue_break(&guest->queue, QUEUE_FAULT_CHAIN_LOOP);
	virtqueue_break(&guest->queue, QUEUE_FAULT_NO_STATUS);
	assert_int_equal(guest->queue.fault, QUEUE_FAULT_CHAIN_LOOP);
}

static void doorbells_by_flags(void **state)
{
	struct guest *guest = *state;

	virtqueue_kicks_off(&guest->queue, &guest->vring);
	assert_int_equal(le16_to_cpu(guest->vring.used->flags), VRING_USED_F_NO_NOTIFY);
	assert_int_equal(virtqueue_kicks_on(&guest->queue, &guest->vring), 0);
	assert_int_equal(guest->vring.used->flags, 0);
	guest_offer(guest, 0);
	assert_int_equal(virtqueue_kicks_on(&guest->queue, &guest->vring), 1);
}

static void doorbells_by_event_index(void **state)
{
	struct guest *guest = *state;
	__u16 *avail_event = (__u16 *)&guest->vring.used->ring[8];

	guest->queue.flags |= QUEUE_EVENT_IDX;
	start_at(guest, 0xfffe);
	*avail_event = 0x1234;
	virtqueue_kicks_off(&guest->queue, &guest->vring);
	assert_int_equal(guest->vring.used->flags, 0);
	assert_int_equal(*avail_event, 0x1234);
	assert_int_equal(virtqueue_kicks_on(&guest->queue, &guest->vring), 0);
	assert_int_equal(le16_to_cpu(*avail_event), 0xfffe);
	guest_offer(guest, 0);
	assert_int_equal(virtqueue_kicks_on(&guest->queue, &guest->vring), 1);
}

static void used_entries_before_their_index(void **state)
{
	struct guest *guest = *state;
	const struct vring_used_elem *ring = guest->vring.used->ring;

	start_at(guest, 0xffff);
	guest->queue.in_flight = 2;
	used_push(&guest->queue, &guest->vring, 5, 513);
	used_push(&guest->queue, &guest->vring, 2, 1);
	assert_int_equal(vring_used_idx(&guest->vring), 0xffff);
	assert_int_equal(le32_to_cpu(ring[7].id), 5);
	assert_int_equal(le32_to_cpu(ring[7].len), 513);
	assert_int_equal(le32_to_cpu(ring[0].id), 2);
	assert_int_equal(le32_to_cpu(ring[0].len), 1);
	used_publish(&guest->queue, &guest->vring);
	assert_int_equal(vring_used_idx(&guest->vring), 1);
	assert_int_equal(guest->queue.published, 1);
	assert_int_equal(guest->queue.in_flight, 0);
}

static void interrupts_by_flags(void **state)
{
	struct guest *guest = *state;

	assert_int_equal(notify_wanted(&guest->queue, &guest->vring), 0);
	guest->queue.published = 1;
	assert_int_equal(notify_wanted(&guest->queue, &guest->vring), 1);
	assert_int_equal(notify_wanted(&guest->queue, &guest->vring), 0);
	guest->vring.avail->flags = cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT);
	guest->queue.published = 2;
	assert_int_equal(notify_wanted(&guest->queue, &guest->vring), 0);
}

/* Against the driver's own definition, linux/virtio_ring.h, around the wrap and
 * elsewhere. */
static void interrupts_by_event_index(void **state)
{
	static const __u16 from[] = { 0, 1, 0x7fff, 0x8000, 0xfff8, 0xffff };
	struct guest *guest = *state;
	__u32 wanted = 0;

	guest->queue.flags |= QUEUE_EVENT_IDX;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		for (__u16 step = 1; step <= 8; step++)
			for (__u32 event = 0; event < 0x10000; event++) {
				__u16 to = (__u16)(from[i] + step);
				int want = vring_need_event((__u16)event, to, from[i]);

				guest->queue.signalled = from[i];
				guest->queue.published = to;
				guest->vring.avail->ring[8] = cpu_to_le16((__u16)event);
				if (notify_wanted(&guest->queue, &guest->vring) != want)
					fail_msg("from %u to %u, event %u: not %d", from[i], to,
						 event, want);
				wanted += want;
			}
	/* Of 65,536 events, as many want it as there are steps. */
	assert_int_equal(wanted, 6 * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(heads_come_in_order),	TEST(index_jump_breaks),
		TEST(index_going_back_breaks),	TEST(head_out_of_range_breaks),
		TEST(first_fault_is_kept),	TEST(doorbells_by_flags),
		TEST(doorbells_by_event_index), TEST(used_entries_before_their_index),
		TEST(interrupts_by_flags),	TEST(interrupts_by_event_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
