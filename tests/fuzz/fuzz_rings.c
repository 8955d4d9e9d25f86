// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that writes anything: a vring, its tables, headers and ranges served by the request code
 * that every engine shares, over a device that does no I/O but checks every command.
 *
 * An input is a configuration, a script, and an image of guest memory, see take_setup(). Guest
 * memory is malloced: AddressSanitizer sees an access beside it.
 */
#include "fuzz.h"

#include <linux/ioctl.h>

#include "completion.h"
#include "device.h"
#include "inflight.h"
#include "notify.h"
#include "used.h"

#define HEADS_MAX  64
#define SCRIPT_MAX 64
#define ROUNDS_MAX 100000 /* completions of one input: more is a request that never ends */

/* Regions of guest memory; the first two touch, for the guest. The last ends where addresses do. */
#define REGIONS	     4
#define RINGS_REGION 0

static const struct {
	uint64_t gpa, size;
} layout[REGIONS] = {
	{ 0x10000, 0x1000 },
	{ 0x11000, 0x2000 },
	{ 0x20000, 0x8000 },
	{ 0xffffffffffffe000, 0x1fff },
};

enum step {
	STEP_SERVE,
	STEP_COMPLETE_OLD,
	STEP_COMPLETE_NEW,
	STEP_PUBLISH,
	STEP_KICKS_ON,
	STEP_KICKS_OFF,
	STEP_WRITE, /* the guest changes its memory meanwhile */
	STEP_AVAIL, /* the guest makes so many more heads available */
	STEP_COUNT,
};

/* What the device says to a command: the upper bits of a step that completes one. */
static const int results[] = {
	DEVICE_ALL, DEVICE_SHORT, DEVICE_ODD, 0,      -EIO,   -EAGAIN,		-EINTR, -EOPNOTSUPP,
	-ENOSPC,    -EINVAL,	  0x0001,     0x4001, 0x4080, NVME_STATUS_CODE, 0x4281, 0x0371,
};

struct slot {
	struct request request;
	struct device_progress progress;
	bool busy;
	uint32_t rounds;
};

static struct {
	struct queue_state queue;
	struct vring_memory vring;
	struct guest_memory memory;
	struct disk disk;
	struct chain_table table;
	struct inflight_queue inflight;
	bool tracked;	/* in inflight */
	bool own_words; /* no part of the vring lies upon another: entries can be compared */
	struct slot slot[HEADS_MAX];
	uint16_t in_flight[HEADS_MAX]; /* heads, oldest first */
	uint32_t in_flight_count;
	uint16_t batch[HEADS_MAX];
	uint16_t batch_count;
	uint64_t inflight_counter;
	uint64_t taken, finished;
	uint32_t rounds;
} guest;

static char *region[REGIONS];
static uint64_t inputs, requests, broken, commands[DEVICE_OPS], statuses[4];

static void print_totals(void)
{
	fprintf(stderr,
		"fuzz_rings: %llu inputs, %llu broken queues, %llu requests (%llu ok, %llu failed, "
		"%llu unsupported)",
		(unsigned long long)inputs, (unsigned long long)broken,
		(unsigned long long)requests, (unsigned long long)statuses[VIRTIO_BLK_S_OK],
		(unsigned long long)statuses[VIRTIO_BLK_S_IOERR],
		(unsigned long long)statuses[VIRTIO_BLK_S_UNSUPP]);
	for (int i = 0; i < DEVICE_OPS; i++)
		fprintf(stderr, ", %llu %s", (unsigned long long)commands[i], device_op_name(i));
	fputc('\n', stderr);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	guest.memory.count = REGIONS;
	for (int i = 0; i < REGIONS; i++) {
		region[i] = aligned_alloc(4096, (layout[i].size + 4095) & ~4095UL);
		if (!region[i])
			fuzz_fail("no guest memory");
		guest.memory.region[i] = (struct guest_region){
			.gpa = layout[i].gpa,
			.size = layout[i].size,
			.hva = (uintptr_t)region[i],
		};
	}
	atexit(print_totals);
	return 0;
}

/* The back-ends' limits, and smaller ones. */
static void take_disk(struct fuzz_input *input)
{
	uint64_t kind = fuzz_take(input, 1), limits = fuzz_take(input, 1);
	uint32_t block_shift = kind & 4 ? 12 : 9;
	struct disk *disk = &guest.disk;

	*disk = (struct disk){
		.kind = kind & 3,
		.block_shift = block_shift,
		.physical_shift = block_shift,
		.nsid = 1,
		.sectors = kind & 8 ? 8 : 2048,
		.offset = kind & 16 ? 1ULL << 40 : 0,
		.memory_align = 1,
		.max_transfer = 4096U << (limits & 7),
		.max_segments = 1U << (limits & 7),
		.max_discard = UINT32_MAX >> 1,
		.max_zeroes = kind & 3 ? UINT32_MAX >> 1 : 1U << (block_shift - 9 + (limits >> 6)),
		.flags = (uint32_t)fuzz_take(input, 1) & 0x1f,
		.id = "fuzz",
	};
	if (disk->kind == DISK_NVME && limits & 16)
		disk->max_segments = 1 + (limits >> 5);
	if ((disk->kind == DISK_FILE || disk->kind == DISK_BLOCK) && limits & 32)
		disk->memory_align = limits & 16 ? 1U << block_shift : 4;
}

static void *place(uint64_t at, uint64_t bytes)
{
	uint64_t most = layout[RINGS_REGION].size - bytes;

	return region[RINGS_REGION] + (at <= most ? at : most & ~15ULL);
}

/* Behind one another, or, to a guest's own harm, anywhere. */
static void take_vring(struct fuzz_input *input, bool anywhere)
{
	uint16_t size = guest.queue.size;
	uint64_t desc = 0, avail = 16ULL * size, used = avail + ((2ULL * size + 6 + 3) & ~3ULL);

	if (anywhere) {
		desc = fuzz_take(input, 2) & ~15ULL;
		avail = fuzz_take(input, 2) & ~1ULL;
		used = fuzz_take(input, 2) & ~3ULL;
	}
	guest.own_words = !anywhere;
	guest.vring = (struct vring_memory){
		.desc = place(desc, 16ULL * size),
		.avail = place(avail, 2ULL * size + 6),
		.used = place(used, 8ULL * size + 6),
	};
}

static void take_setup(struct fuzz_input *input)
{
	uint64_t flags;

	take_disk(input);
	flags = fuzz_take(input, 1);
	guest.queue = (struct queue_state){
		.size = (uint16_t)(1U << (fuzz_take(input, 1) % 7)),
		.flags = flags & (QUEUE_EVENT_IDX | QUEUE_INDIRECT),
		.last_avail = (uint16_t)fuzz_take(input, 2),
	};
	guest.queue.used_idx = guest.queue.last_avail;
	guest.queue.published = guest.queue.last_avail;
	guest.queue.signalled = guest.queue.last_avail;
	take_vring(input, flags & 16);
	guest.tracked = flags & 8;
	memset(&guest.inflight, 0, sizeof(guest.inflight));
	if (flags & 32)
		fuzz_take_bytes(input, &guest.inflight, 128);
	memset(guest.slot, 0, guest.queue.size * sizeof(guest.slot[0]));
	guest.in_flight_count = 0;
	guest.batch_count = 0;
	guest.inflight_counter = 0;
	guest.taken = guest.finished = 0;
	guest.rounds = 0;
}

/* The used ring says what was pushed last; the device may have overwritten it, as the guest may. */
static void check_used(uint16_t head, uint32_t len)
{
	uint16_t slot = (uint16_t)(guest.queue.used_idx - 1) & (guest.queue.size - 1);
	const struct vring_used_elem *entry = &guest.vring.used->ring[slot];

	if (guest.own_words && (entry->id != head || entry->len != len))
		fuzz_fail("head %u is in the used ring as %u with %u bytes, not %u", head,
			  entry->id, entry->len, len);
}

static void finish(uint16_t head)
{
	struct slot *slot = &guest.slot[head];
	struct request *request = &slot->request;

	if (!slot->busy)
		fuzz_fail("head %u is completed twice", head);
	slot->busy = false;
	if (request->status > VIRTIO_BLK_S_UNSUPP)
		fuzz_fail("head %u is completed with status %#x", head, request->status);
	device_check_status(&guest.memory, request);
	device_check_finished(&guest.disk, request, &slot->progress);
	guest_write(request->status_addr, &request->status, 1);
	statuses[request->status]++;
	guest.finished++;
	used_push(&guest.queue, &guest.vring, head, request->used_len);
	check_used(head, request->used_len);
	guest.batch[guest.batch_count++] = head;
	inflight_put(guest.tracked ? &guest.inflight : NULL, head);
}

static void drive(uint16_t head, enum command_step step)
{
	struct slot *slot = &guest.slot[head];

	if (step == COMMAND_DONE) {
		if (!fuzz_fault("lost"))
			finish(head);
		if (fuzz_fault("twice"))
			finish(head);
		return;
	}
	if (step == COMMAND_ELSEWHERE)
		fuzz_fail("head %u is for another engine, and there is none", head);
	if (fuzz_fault("range"))
		slot->request.command.offset += guest.disk.sectors << NVR_SECTOR_SHIFT;
	if (fuzz_fault("segment"))
		slot->request.chain.segment[slot->request.first].addr += 1ULL << 20;
	device_check_command(&guest.disk, &guest.memory, &slot->request, &slot->progress);
	commands[slot->request.command.op]++;
	guest.in_flight[guest.in_flight_count++] = head;
}

/* What worker_io.c does with a head. Returns false when the queue broke. */
static bool start(uint16_t head)
{
	struct slot *slot = &guest.slot[head];

	if (slot->busy) {
		virtqueue_break(&guest.queue, QUEUE_FAULT_HEAD_BUSY);
		return false;
	}
	memset(&slot->request, 0x5a, sizeof(slot->request));
	slot->progress = (struct device_progress){ 0 };
	inflight_take(guest.tracked ? &guest.inflight : NULL, head, guest.inflight_counter++);
	guest.queue.in_flight++;
	if (request_parse(&guest.queue, &guest.vring, &guest.memory, &guest.disk, head,
			  &guest.table, &slot->request)) {
		guest.queue.in_flight--;
		if (!(guest.queue.flags & QUEUE_BROKEN))
			fuzz_fail("head %u is refused, and the queue is whole", head);
		return false;
	}
	slot->request.self = (uintptr_t)&slot->request;
	slot->busy = true;
	guest.taken++;
	drive(head, slot->request.status == REQUEST_STATUS_PENDING
			    ? command_next(&guest.disk, &slot->request)
			    : COMMAND_DONE);
	return true;
}

static void publish(void)
{
	if (guest.queue.published == guest.queue.used_idx)
		return;
	used_publish(&guest.queue, &guest.vring);
	inflight_publish(guest.tracked ? &guest.inflight : NULL, guest.batch, guest.batch_count,
			 guest.queue.published);
	guest.batch_count = 0;
	notify_wanted(&guest.queue, &guest.vring);
	if (guest.own_words && vring_used_idx(&guest.vring) != guest.queue.used_idx)
		fuzz_fail("used index %u, not %u", vring_used_idx(&guest.vring),
			  guest.queue.used_idx);
}

static void serve(void)
{
	uint16_t pending;

	/* As the worker: the batch has room for what is taken here and answered at once. */
	publish();
	pending = virtqueue_pending(&guest.queue, &guest.vring);
	if (pending > guest.queue.size)
		fuzz_fail("%u heads of %u wait", pending, guest.queue.size);
	for (uint16_t i = 0; i < pending; i++) {
		int head = virtqueue_take(&guest.queue, &guest.vring);

		if (head < 0)
			break;
		if (head >= guest.queue.size)
			fuzz_fail("head %d of %u", head, guest.queue.size);
		if (!start((uint16_t)head))
			break;
	}
	if (guest.queue.flags & QUEUE_BROKEN && virtqueue_pending(&guest.queue, &guest.vring))
		fuzz_fail("a broken queue is served");
}

static void complete(uint32_t at, int wish)
{
	uint16_t head = guest.in_flight[at];
	struct slot *slot = &guest.slot[head];
	enum command_step step;
	int result;

	if (++guest.rounds > ROUNDS_MAX)
		fuzz_fail("head %u: no end of commands", head);
	guest.in_flight_count--;
	memmove(&guest.in_flight[at], &guest.in_flight[at + 1],
		(guest.in_flight_count - at) * sizeof(guest.in_flight[0]));
	result = device_run(&guest.disk, &slot->request, &slot->progress, wish);
	step = command_completed(&guest.disk, &slot->request, result);
	drive(head, step);
}

static void run_step(uint8_t step, struct fuzz_input *input)
{
	uint32_t last = guest.in_flight_count - 1;
	int wish = results[(step / STEP_COUNT) % (sizeof(results) / sizeof(results[0]))];
	uint64_t at;

	switch ((enum step)(step % STEP_COUNT)) {
	case STEP_SERVE:
		serve();
		break;
	case STEP_COMPLETE_OLD:
		if (guest.in_flight_count)
			complete(0, wish);
		break;
	case STEP_COMPLETE_NEW:
		if (guest.in_flight_count)
			complete(last, wish);
		break;
	case STEP_PUBLISH:
		publish();
		break;
	case STEP_KICKS_ON:
		virtqueue_kicks_on(&guest.queue, &guest.vring);
		break;
	case STEP_KICKS_OFF:
		virtqueue_kicks_off(&guest.queue, &guest.vring);
		break;
	case STEP_WRITE:
		at = fuzz_take(input, 2) % layout[RINGS_REGION].size;
		region[RINGS_REGION][at] = (char)fuzz_take(input, 1);
		break;
	case STEP_AVAIL:
		guest.vring.avail->idx += 1 + step / STEP_COUNT;
		break;
	case STEP_COUNT:
		break;
	}
}

/* What is in flight ends, whatever the guest did; then everything taken was given back once. */
static void drain(void)
{
	while (guest.in_flight_count)
		complete(0, DEVICE_ALL);
	publish();
	for (uint16_t i = 0; i < guest.queue.size; i++)
		if (guest.slot[i].busy)
			fuzz_fail("head %u was never completed", i);
	if (guest.queue.in_flight || guest.finished != guest.taken)
		fuzz_fail("%llu requests taken, %llu completed, %u in flight",
			  (unsigned long long)guest.taken, (unsigned long long)guest.finished,
			  guest.queue.in_flight);
}

/* A successor finds each head in flight at most once, whatever the area holds. */
static void recover(void)
{
	uint16_t heads[QUEUE_SIZE_MAX], count;
	bool seen[QUEUE_SIZE_MAX] = { false };
	__u64 counter;

	count = inflight_recover(&guest.inflight, guest.queue.size, guest.queue.used_idx, heads,
				 &counter);
	if (count > guest.queue.size)
		fuzz_fail("%u heads of %u are found in flight", count, guest.queue.size);
	for (uint16_t i = 0; i < count; i++) {
		if (heads[i] >= guest.queue.size || seen[heads[i]])
			fuzz_fail("head %u is found in flight twice, or is none", heads[i]);
		seen[heads[i]] = true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size }, script;
	uint8_t bytes[SCRIPT_MAX];

	inputs++;
	for (int i = 0; i < REGIONS; i++)
		memset(region[i], 0, layout[i].size);
	take_setup(&input);
	script.left = fuzz_take_bytes(&input, bytes, fuzz_take(&input, 1) % SCRIPT_MAX);
	script.data = bytes;
	fuzz_take_bytes(&input, region[RINGS_REGION], layout[RINGS_REGION].size);
	/* The entry the device looks for is the first one, wherever counting began. */
	guest.vring.avail->idx += guest.queue.last_avail;
	serve();
	while (script.left)
		run_step((uint8_t)fuzz_take(&script, 1), &script);
	serve();
	drain();
	requests += guest.taken;
	broken += !!(guest.queue.flags & QUEUE_BROKEN);
	recover();
	return 0;
}
